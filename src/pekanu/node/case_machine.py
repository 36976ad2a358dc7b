"""What a party does next in a case before the ringers' referee: a pure state machine.

Every instruction may be given again, after each look at the chain and after a restart. An answer
names the case's hash that it answers, so that it is for exactly one position. Not here: performing
anything (`case_role`), whether to challenge (`search_audit`), bisections about a point, which are
played as disputes (`dispute_machine`).
Source: design/referees.md, "RingerReferee"; contracts/RingerReferee.vy, turns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Final, TypeAlias, assert_never

from pekanu.dispute.place import Side
from pekanu.market.state import Status
from pekanu.node.peer_operations import Message
from pekanu.node.peer_wire import U32, U256, Name, Word
from pekanu.ringers.cases import Turn
from pekanu.types import ZERO_HASH, Hash32, Seconds


class CaseStep(StrEnum):
    """What the journal says of a case; each is written before it is taken."""

    #: The challenge is to be sent.
    ASKING = "asking"
    #: The other side owes the move.
    WAITING = "waiting"
    #: This side owes the move: it is found and sent.
    ANSWERING = "answering"
    #: This side owes the move and has nothing to say: the other is right.
    SILENT = "silent"
    #: A bisection about a point is played.
    PLAYING = "playing"
    #: The other side's time, or the bisection, is over: the ruling is called for.
    RULING = "ruling"
    #: The task has ended otherwise: the bond is called for.
    CLOSING = "closing"
    #: The challenge was never admitted; nothing was bound.
    UNADMITTED = "unadmitted"
    #: Ruled for this side.
    WON = "won"
    #: Ruled against it.
    LOST = "lost"
    #: The task ended otherwise.
    CLOSED = "closed"
    #: A reorganization took it from the chain.
    GONE = "gone"

    @property
    def is_live(self) -> bool:
        """Return whether anything is left to do."""
        return self not in _ENDED


_ENDED: Final = frozenset(
    {CaseStep.UNADMITTED, CaseStep.WON, CaseStep.LOST, CaseStep.CLOSED, CaseStep.GONE}
)
#: Who owes the move in each turn that is not a bisection's.
_MOVERS: Final = {Turn.ANSWER: Side.WORKER, Turn.DEFENCE: Side.CHALLENGER}


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseTask(Message):
    """All that a party must know to carry on with a case, beside its task."""

    step: CaseStep
    case_id: Word
    task_id: Word
    side: Side
    #: `pekanu.ringers.cases.Kind`, by its name.
    kind: Name
    #: Of a challenge about the list: the place in it, as an audit finds it; of a missing ringer
    #: where it would stand.
    place: U32 | None = None
    #: The missing ringer.
    ringer: U256 | None = None
    #: The case's hash that the last answer was found for.
    answers: Word = ZERO_HASH
    #: Why it ended as it did.
    message: str = ""


# --- events ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseStanding:
    """Where a case stands on chain: read from its events, and the same as the stored word."""

    stored: Hash32
    turn: Turn
    deadline: Seconds
    #: In a bisection that is over: whether the worker is to be ruled against.
    would_refute: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseSeen:
    """What the chain says of a case."""

    now: Seconds
    #: None while there is no such case on chain, and once it is over.
    standing: CaseStanding | None
    #: Once it is over: whether the worker was ruled against.
    is_refuted: bool | None = None
    #: The chain is ahead of the events that were read: wait for them.
    is_behind: bool = False
    #: What was seen is final by the node's confirmation rule.
    is_final: bool
    #: The task's.
    status: Status
    #: Challenges are still admitted.
    is_auditing: bool = False
    #: The market holds the challenge's bond.
    holds_bond: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NothingToSay:
    """This side has no answer: what the other says is true."""

    stored: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class NotAdmitted:
    """The chain refuses the challenge, for a reason that will not pass."""

    message: str


CaseEvent: TypeAlias = CaseSeen | NothingToSay | NotAdmitted


# --- instructions ---------------------------------------------------------------------------------


class CaseCall(Enum):
    """A transaction that is the same wherever the case stands."""

    #: Put the question.
    ASK = "ask"
    #: Have it decided.
    RULE = "rule"
    #: Free the bond after the task has ended otherwise.
    CLOSE = "close_challenge"


@dataclass(frozen=True, slots=True)
class Send:
    """Send such a transaction."""

    call: CaseCall


@dataclass(frozen=True, slots=True)
class Answer:
    """Find this side's answer to where the case stands; send it."""

    stored: Hash32


CaseInstruction: TypeAlias = Send | Answer
CaseMove: TypeAlias = tuple[CaseTask, list[CaseInstruction]]


def get_wake_times(event: CaseSeen) -> list[Seconds]:
    """Return when to look at the chain again, should nothing happen before."""
    return [] if event.standing is None else [Seconds(event.standing.deadline + 1)]


def handle(task: CaseTask, event: CaseEvent) -> CaseMove:
    """Return the case after an event, and what to do; it is journaled before it is done."""
    if not task.step.is_live:
        return task, []
    match event:
        case CaseSeen():
            return _see(task, event)
        case NothingToSay():
            if task.step is not CaseStep.ANSWERING or task.answers != event.stored:
                return task, []
            return replace(task, step=CaseStep.SILENT), []
        case NotAdmitted():
            if task.step is not CaseStep.ASKING:
                return task, []
            return _end(task, CaseStep.UNADMITTED, event.message)
        case _:
            assert_never(event)


def _see(task: CaseTask, seen: CaseSeen) -> CaseMove:
    if seen.is_behind:
        return task, []
    if seen.is_refuted is not None:
        if not seen.is_final:
            return task, []
        is_won = seen.is_refuted is (task.side is Side.CHALLENGER)
        return _end(task, CaseStep.WON if is_won else CaseStep.LOST)
    if seen.standing is None:
        return _see_unasked(task, seen)
    if seen.status.is_terminal:
        return _see_overtaken(task, seen)
    return _see_turn(task, seen, seen.standing)


def _see_unasked(task: CaseTask, seen: CaseSeen) -> CaseMove:
    """Put the question, or see it gone with a reorganization."""
    if task.side is Side.CHALLENGER:
        if seen.is_auditing:
            return replace(task, step=CaseStep.ASKING), [Send(CaseCall.ASK)]
        if seen.is_final:
            message = task.message or "challenges are not admitted any more"
            return _end(task, CaseStep.UNADMITTED, message)
        return task, []
    if seen.is_final:
        return _end(task, CaseStep.GONE, "the chain knows no such case any more")
    return task, []


def _see_turn(task: CaseTask, seen: CaseSeen, standing: CaseStanding) -> CaseMove:
    """Answer, wait, or have it ruled; a side whose own time is over can do nothing."""
    mover = _MOVERS.get(standing.turn)
    if mover is task.side:
        return _answer(task, seen, standing)
    if mover is None:
        # Who has lost the bisection calls for no ruling.
        is_over = standing.would_refute is (task.side is Side.CHALLENGER)
        waiting = CaseStep.PLAYING
    else:
        is_over, waiting = seen.now > standing.deadline, CaseStep.WAITING
    if is_over:
        return replace(task, step=CaseStep.RULING), [Send(CaseCall.RULE)]
    return replace(task, step=waiting), []


def _answer(task: CaseTask, seen: CaseSeen, standing: CaseStanding) -> CaseMove:
    if task.step is CaseStep.SILENT and task.answers == standing.stored:
        return task, []
    if seen.now > standing.deadline:
        return replace(task, message="this side did not answer in time"), []
    answering = replace(task, step=CaseStep.ANSWERING, answers=standing.stored)
    return answering, [Answer(standing.stored)]


def _see_overtaken(task: CaseTask, seen: CaseSeen) -> CaseMove:
    """Call for the bond if it is this side's, and leave."""
    is_workers = seen.status is Status.SETTLED
    if seen.holds_bond and is_workers is (task.side is Side.WORKER):
        return replace(task, step=CaseStep.CLOSING), [Send(CaseCall.CLOSE)]
    if not seen.is_final:
        return task, []
    return _end(task, CaseStep.CLOSED, f"the task was {seen.status.name.lower()} before")


def _end(task: CaseTask, step: CaseStep, message: str = "") -> CaseMove:
    return replace(task, step=step, message=message or task.message), []
