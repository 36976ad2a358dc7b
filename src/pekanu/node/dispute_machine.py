"""What a party does next in a dispute: a pure state machine, events in, instructions out.

Every instruction may be given again, after each look at the chain and after a restart. A move names
the commitment that it answers, so that it is for exactly one position; after a reorganization the
position is another one and so is the move. Not here: performing anything (`dispute_role`), which
move an honest party makes (`pekanu.dispute.strategy`), whether to challenge at all.
Source: design/referees.md, "BisectionReferee".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Final, TypeAlias, assert_never

from pekanu.dispute.game import Outcome
from pekanu.dispute.place import Side
from pekanu.market.state import Status
from pekanu.node.market_wire import ClaimHex, TaskHex, TermsHex
from pekanu.node.peer_operations import Message
from pekanu.node.peer_wire import U32, U64, U256, AddressText, Name, Word
from pekanu.types import ZERO_HASH, Hash32, Seconds


class DisputeStep(StrEnum):
    """What the journal says of a dispute; each is written before it is taken."""

    #: The challenge is to be sent.
    CHALLENGING = "challenging"
    #: The other side owes the move.
    WAITING = "waiting"
    #: This side owes the move: it is found and sent.
    MOVING = "moving"
    #: This side owes the move and has nothing to dispute: the other is right.
    YIELDING = "yielding"
    #: The other side's clock is over: the dispute is ended by it.
    CALLING_TIME = "calling_time"
    #: The task has ended otherwise: the bond is called for.
    CLOSING = "closing"
    #: The challenge was never admitted; nothing was bound.
    UNADMITTED = "unadmitted"
    #: Ruled for this side.
    WON = "won"
    #: Ruled against it.
    LOST = "lost"
    #: The task ended before a ruling.
    CLOSED = "closed"
    #: A reorganization has taken it from the chain.
    GONE = "gone"

    @property
    def is_live(self) -> bool:
        """Return whether anything is left to do."""
        return self not in _ENDED


_ENDED: Final = frozenset(
    {
        DisputeStep.UNADMITTED,
        DisputeStep.WON,
        DisputeStep.LOST,
        DisputeStep.CLOSED,
        DisputeStep.GONE,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeTask(Message):
    """All that a party must know to carry on with a dispute."""

    step: DisputeStep
    dispute: Word
    #: Which of the account's nodes plays it: ``client``, ``worker`` or ``challenger``.
    owner: Name
    side: Side
    worker: AddressText
    challenger: AddressText
    #: The challenger's own number for it.
    number: U256
    #: The market's task; in a bisection that another contract has played, the one it serves.
    task_id: Word = ZERO_HASH
    task: TaskHex | None = None
    terms: TermsHex | None = None
    claim: ClaimHex | None = None
    item: U32 = 0
    #: Whether the challenge counts as the client's.
    for_client: bool = False
    #: What is bound; before the challenge is on chain, the most that may be.
    bond: U256 = 0
    #: The contract that has the bisection played, and its own key for it.
    opener: AddressText | None = None
    key: Word = ZERO_HASH
    #: The commitment that the last move answers.
    answers: Word = ZERO_HASH
    #: Moves that this side has begun.
    moves: U64 = 0
    #: Why it ended as it did.
    message: str = ""


# --- events ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a dispute stands on chain: read from its events, and the same as the stored word."""

    mover: Side
    commitment: Hash32
    deadline: Seconds
    outcome: Outcome | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeSeen:
    """What the chain says of a dispute."""

    now: Seconds
    #: None while there is no such dispute on chain.
    standing: Standing | None
    #: The chain is ahead of the events that were read: wait for them.
    is_behind: bool = False
    #: The dispute's standing is final by the node's confirmation rule.
    is_final: bool
    #: The task's; NONE for another contract's bisection.
    status: Status = Status.NONE
    #: The price has moved and the stake waits for the disputes of others than the client.
    stake_waits: bool = False
    #: The stake that waited went to a challenger.
    stake_lost: bool = False
    #: Challenges are still admitted.
    is_auditing: bool = False
    #: The market holds the challenge's bond.
    holds_bond: bool = False
    #: How much that is, or was.
    bond: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class NothingToDispute:
    """Everything that the other side claims is what is known here."""

    commitment: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class NotAdmitted:
    """The chain refuses the challenge, for a reason that will not pass."""

    message: str


DisputeEvent: TypeAlias = DisputeSeen | NothingToDispute | NotAdmitted


# --- instructions ---------------------------------------------------------------------------------


class DisputeCall(Enum):
    """A transaction that is the same wherever the dispute stands."""

    #: Begin it.
    CHALLENGE = "challenge"
    #: Free the bond after the task has ended otherwise.
    CLOSE = "close_challenge"


@dataclass(frozen=True, slots=True)
class Send:
    """Send such a transaction."""

    call: DisputeCall


@dataclass(frozen=True, slots=True)
class Move:
    """Find this side's move, or the call of time, where the dispute stands; send it."""

    commitment: Hash32


DisputeInstruction: TypeAlias = Send | Move
DisputeMove: TypeAlias = tuple[DisputeTask, list[DisputeInstruction]]


def get_wake_times(event: DisputeSeen) -> list[Seconds]:
    """Return when to look at the chain again, should nothing happen before."""
    return [] if event.standing is None else [Seconds(event.standing.deadline + 1)]


def handle(task: DisputeTask, event: DisputeEvent) -> DisputeMove:
    """Return the dispute after an event, and what to do; it is journaled before it is done."""
    if not task.step.is_live:
        return task, []
    match event:
        case DisputeSeen():
            return _see(task, event)
        case NothingToDispute():
            if task.step is not DisputeStep.MOVING or task.answers != event.commitment:
                return task, []
            return replace(task, step=DisputeStep.YIELDING), []
        case NotAdmitted():
            if task.step is not DisputeStep.CHALLENGING:
                return task, []
            return _end(task, DisputeStep.UNADMITTED, event.message)
        case _:
            assert_never(event)


def _see(task: DisputeTask, seen: DisputeSeen) -> DisputeMove:
    standing = seen.standing
    if seen.is_behind:
        return task, []
    if standing is None:
        return _see_unopened(task, seen)
    task = replace(task, bond=seen.bond)
    if standing.outcome is not None:
        if not seen.is_final:
            return task, []
        is_won = (standing.outcome is Outcome.UPHELD) is (task.side is Side.WORKER)
        return _end(task, DisputeStep.WON if is_won else DisputeStep.LOST)
    if _is_overtaken(task, seen):
        return _see_overtaken(task, seen)
    return _see_turn(task, seen, standing)


def _see_turn(task: DisputeTask, seen: DisputeSeen, standing: Standing) -> DisputeMove:
    """Move, wait, or call time; a side whose own clock is over can do nothing."""
    if standing.mover is not task.side:
        if seen.now <= standing.deadline:
            return replace(task, step=DisputeStep.WAITING), []
        calling = replace(task, step=DisputeStep.CALLING_TIME, answers=standing.commitment)
        return calling, [Move(standing.commitment)]
    is_new = task.answers != standing.commitment
    if task.step is DisputeStep.YIELDING and not is_new:
        return task, []
    if seen.now > standing.deadline:
        return replace(task, message="this side did not move in time"), []
    moving = replace(
        task,
        step=DisputeStep.MOVING,
        answers=standing.commitment,
        moves=task.moves + is_new,
    )
    return moving, [Move(standing.commitment)]


def _see_unopened(task: DisputeTask, seen: DisputeSeen) -> DisputeMove:
    """Send the challenge, or see it gone with a reorganization."""
    if task.side is Side.CHALLENGER and task.opener is None:
        if seen.is_auditing:
            return replace(task, step=DisputeStep.CHALLENGING), [Send(DisputeCall.CHALLENGE)]
        if seen.is_final:
            message = task.message or "challenges are not admitted any more"
            return _end(task, DisputeStep.UNADMITTED, message)
        return task, []
    if seen.is_final:
        return _end(task, DisputeStep.GONE, "the chain knows no such dispute any more")
    return task, []


def _is_overtaken(task: DisputeTask, seen: DisputeSeen) -> bool:
    """Say whether the task's end has left nothing to rule on."""
    if task.opener is not None or not seen.status.is_terminal:
        return False
    return not (seen.stake_waits and not task.for_client)


def _see_overtaken(task: DisputeTask, seen: DisputeSeen) -> DisputeMove:
    """Call for the bond if it is this side's, and leave."""
    is_workers = seen.status is Status.SETTLED and task.for_client
    if seen.holds_bond and is_workers is (task.side is Side.WORKER):
        return replace(task, step=DisputeStep.CLOSING), [Send(DisputeCall.CLOSE)]
    if not seen.is_final:
        return task, []
    return _end(task, DisputeStep.CLOSED, f"the task was {seen.status.name.lower()} before")


def _end(task: DisputeTask, step: DisputeStep, message: str = "") -> DisputeMove:
    return replace(task, step=step, message=message or task.message), []
