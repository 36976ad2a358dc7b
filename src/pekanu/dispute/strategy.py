"""What an honest party does, on either side, wherever the dispute stands.

It wins against every other play: its own states are right, so whatever the other claims first goes
wrong somewhere, in a part that it can name, and at one step in the end; or disputes nothing of what
it said itself, which it can show.
Not here: how the states are had (`Run` is the port), sending, waiting.
Source: design/referees.md, "BisectionReferee".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pekanu.dispute.clock import is_over
from pekanu.dispute.dissection import Dissection, get_ends
from pekanu.dispute.game import Dispute
from pekanu.dispute.place import Side, Turn
from pekanu.types import Hash32, Seconds


class Run(Protocol):
    """The states of one item's execution, as its owner computed them."""

    def get_roots(self, steps: Sequence[int]) -> list[Hash32]:
        """Return the roots of the states at some steps, which rise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShowEnding:
    """Open the challenged item; the states at the ends of the parts are these."""

    points: tuple[Hash32, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Narrow:
    """Dispute a part of the last dissection by these states at the ends of its parts."""

    before: Hash32
    part: int
    start: Hash32
    points: tuple[Hash32, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProveStep:
    """Have a step executed: a part of the last dissection."""

    shown: Dissection
    index: int
    step: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ExposeLast:
    """Show that the last dissection disputes nothing."""

    answered: Dissection
    shown: Dissection


@dataclass(frozen=True, kw_only=True, slots=True)
class CallTime:
    """End the dispute, for the other's clock is over."""


Plan: TypeAlias = ShowEnding | Narrow | ExposeLast | ProveStep | CallTime


def choose(dispute: Dispute, side: Side, run: Run, now: Seconds) -> Plan | None:
    """Return what a party does, or None if it waits, has lost, or has nothing to dispute.

    Args:
        dispute: Where it stands.
        side: Whom it plays for.
        run: What it knows to be true.
        now: Chain time.
    """
    place = dispute.place
    if dispute.outcome is not None:
        return None
    if place.turn.side is not side:
        return CallTime() if is_over(place, now) else None
    if is_over(place, now):
        return None
    if place.turn is Turn.OPENING:
        ends = get_ends(place.first, place.last, dispute.most)
        return ShowEnding(points=tuple(run.get_roots(ends)))
    return _answer(dispute, run)


def _answer(dispute: Dispute, run: Run) -> Plan | None:
    """Return what is done about the first part whose end is wrong."""
    claimed, answered = dispute.dissection, dispute.answered
    if claimed is None:
        return None
    if answered is not None and not claimed.is_of(answered):
        return ExposeLast(answered=answered, shown=claimed)
    index = find_wrong(claimed.points, run.get_roots(claimed.ends))
    if index is None:
        return None
    first, last = claimed.get_part(index)
    if last - first == 1:
        return ProveStep(shown=claimed, index=index, step=first)
    return Narrow(
        before=claimed.root,
        part=index,
        start=claimed.get_start(index),
        points=tuple(run.get_roots(get_ends(first, last, dispute.most))),
    )


def find_wrong(claimed: Sequence[Hash32], known: Sequence[Hash32]) -> int | None:
    """Return the first place at which states differ, or None."""
    pairs = enumerate(zip(claimed, known, strict=True))
    return next((place for place, (theirs, mine) in pairs if theirs != mine), None)
