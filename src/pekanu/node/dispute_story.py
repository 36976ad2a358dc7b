"""A dispute as it is told to people: who moved how, whose move it is, what was proved in the end.

Not here: where it comes from (`dispute_index`), how it is shown (`pekanu.cli`, `pekanu.web`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pekanu.chain import Connection
from pekanu.chain.referee_events import DisputeLogged
from pekanu.chain.shown_step import fetch_shown_step
from pekanu.dispute.game import Outcome
from pekanu.dispute.history import (
    BisectionOpened,
    Challenged,
    Dissected,
    Exposed,
    History,
    Opened,
    Proved,
    TimedOut,
)
from pekanu.dispute.place import Side
from pekanu.dispute.shown_step import ShownStep
from pekanu.node.dispute_index import DisputeRecord
from pekanu.types import Address, Hash32, Seconds, Wei

#: What each event is called.
_NAMES: Final = {
    Challenged: "challenge",
    BisectionOpened: "open",
    Opened: "open",
    Dissected: "dissect",
    Exposed: "expose",
    Proved: "prove",
    TimedOut: "time out",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeMove:
    """One move of a dispute."""

    #: ``challenge``, ``open``, ``dissect``, ``expose``, ``prove`` or ``time out``.
    what: str
    #: Who made it; None where anyone may have.
    by: Side | None
    #: The steps that it is about.
    first: int
    last: int
    #: The states claimed at the ends of the parts.
    points: tuple[Hash32, ...] = ()
    block_number: int
    transaction: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvedStep:
    """The step that decided a dispute."""

    step: int
    before: Hash32
    claimed: Hash32
    claimed_by: Side
    #: What the other side had claimed of the same state, if it had.
    other_claimed: Hash32 | None
    #: What the contract computed.
    after: Hash32
    #: The instruction; None where the proof cannot be read from the transaction.
    shown: ShownStep | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeStory:
    """A dispute, whole."""

    dispute: Hash32
    #: None if another contract has it played.
    task_id: Hash32 | None
    opener: Address | None
    item: int
    worker: Address
    challenger: Address
    bond: Wei
    max_steps: int
    #: The steps between which they disagree, as far as is said.
    first: int
    last: int
    is_opened: bool
    #: Who owes the move; None once it is over.
    turn: Side | None
    deadline: Seconds
    #: Seconds of each clock beside the extensions, when the move began.
    worker_left: Seconds
    challenger_left: Seconds
    outcome: Outcome | None
    moves: tuple[MadeMove, ...]
    proved: ProvedStep | None = None
    timed_out: Side | None = None
    #: Whose last dissection disputed nothing.
    exposed: Side | None = None


async def fetch_story(chain: Connection, record: DisputeRecord) -> DisputeStory:
    """Return a dispute's story, with the proved step read from its transaction."""
    shown = None
    for logged in record.logged:
        if isinstance(logged.event, Proved):
            shown = await fetch_shown_step(chain, logged.log.transaction)
    return tell_story(record, shown)


def tell_story(record: DisputeRecord, shown: ShownStep | None = None) -> DisputeStory:
    """Return a dispute's story.

    Args:
        record: What its events say.
        shown: The proved step.
    """
    history = record.tell()
    place = history.dispute.place
    outcome = history.dispute.outcome
    return DisputeStory(
        dispute=record.dispute,
        task_id=record.task_id,
        opener=record.opener,
        item=history.item,
        worker=record.worker,
        challenger=record.challenger,
        bond=history.bond,
        max_steps=history.claims[0].dissection.last if history.claims else place.last,
        first=place.first,
        last=place.last,
        is_opened=bool(history.claims),
        turn=None if outcome is not None else place.turn.side,
        deadline=place.deadline,
        worker_left=place.worker_left,
        challenger_left=place.challenger_left,
        outcome=outcome,
        moves=_tell_moves(record, history),
        proved=_tell_proof(history, shown),
        timed_out=_find_side(record, history.timed_out),
        exposed=_find_side(record, history.exposed),
    )


def _find_side(record: DisputeRecord, party: Address | None) -> Side | None:
    if party is None:
        return None
    return Side.WORKER if party == record.worker else Side.CHALLENGER


def _tell_moves(record: DisputeRecord, history: History) -> tuple[MadeMove, ...]:
    claims, moves = iter(history.claims), []
    first, last = 0, history.dispute.place.last
    if history.claims:
        last = history.claims[0].dissection.last
    for logged in record.logged:
        name = _NAMES.get(type(logged.event))
        if name is None:
            continue
        points: tuple[Hash32, ...] = ()
        by = Side.CHALLENGER if isinstance(logged.event, Challenged) else None
        if isinstance(logged.event, Opened | BisectionOpened | Dissected):
            claim = next(claims)
            by, points = claim.by, claim.dissection.points
            first, last = claim.dissection.first, claim.dissection.last
        elif isinstance(logged.event, Proved):
            first, last = logged.event.step, logged.event.step + 1
        moves.append(_build_move(logged, name, by, (first, last), points))
    return tuple(moves)


def _build_move(
    logged: DisputeLogged,
    name: str,
    by: Side | None,
    interval: tuple[int, int],
    points: tuple[Hash32, ...],
) -> MadeMove:
    return MadeMove(
        what=name,
        by=by,
        first=interval[0],
        last=interval[1],
        points=points,
        block_number=logged.log.block_number,
        transaction=logged.log.transaction,
    )


def _tell_proof(history: History, shown: ShownStep | None) -> ProvedStep | None:
    proved = history.proved
    if proved is None or not history.claims:
        return None
    by = history.claims[-1].by
    others = [
        point
        for claim in history.claims
        if claim.by is not by
        for end, point in zip(claim.dissection.ends, claim.dissection.points, strict=True)
        if end == proved.step + 1
    ]
    return ProvedStep(
        step=proved.step,
        before=proved.before,
        claimed=proved.claimed,
        claimed_by=by,
        other_claimed=others[-1] if others else None,
        after=proved.after,
        shown=shown,
    )
