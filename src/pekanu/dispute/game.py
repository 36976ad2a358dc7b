"""The rules of a dispute: which moves are allowed where, and where they lead.

Not here: what a challenge costs (`rules`), the money (`pekanu.market`).
Twin: contracts/BisectionReferee.vy; each refusal has the contract's reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import assert_never

from pekanu.crypto.merkle import get_depth
from pekanu.dispute import ending
from pekanu.dispute.clock import end_turn, is_over, start_turn
from pekanu.dispute.dissection import PARTS, Dissection, count_parts, get_point
from pekanu.dispute.errors import Refused, require
from pekanu.dispute.moves import Dissect, Expose, Move, Open, Prove, TimeOut
from pekanu.dispute.place import Place, Turn
from pekanu.types import ZERO_HASH, Address, Hash32, Seconds


class Outcome(IntEnum):
    """How a dispute ended."""

    #: For the worker.
    UPHELD = 1
    #: Against it.
    REFUTED = 2

    @property
    def commitment(self) -> Hash32:
        """What then stands in the commitment's place."""
        return Hash32(int(self).to_bytes(32, "big"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispute:
    """A dispute as the contract keeps it, and what its commitment stands for."""

    place: Place
    #: Of the last dissection; before the opening, what stands for the item asked for.
    root: Hash32
    #: What was claimed last; None before the opening.
    dissection: Dissection | None = None
    #: The one that that answers; None if it is the first.
    answered: Dissection | None = None
    outcome: Outcome | None = None
    #: Parts of a dissection; others than the contract's in tests alone.
    most: int = PARTS

    @property
    def commitment(self) -> Hash32:
        """What the contract stores."""
        if self.outcome is not None:
            return self.outcome.commitment
        return self.place.get_commitment(self.root)

    def claim(self, place: Place, shown: Dissection) -> Dispute:
        """Return the dispute after a dissection, which answers the last one, if there is one."""
        return replace(
            self, place=place, root=shown.root, dissection=shown, answered=self.dissection
        )


def apply(dispute: Dispute, move: Move, now: Seconds) -> Dispute:
    """Return the dispute after a move.

    Args:
        dispute: Where it stands.
        move: What somebody does; picks show the last dissection's root.
        now: Chain time.

    Raises:
        Refused: The rules do not allow it; nothing changes.
    """
    match move:
        case Open():
            return _open(dispute, move, now)
        case Dissect():
            return _dissect(dispute, move, now)
        case Expose():
            return _expose(dispute, move, now)
        case Prove():
            return _prove(dispute, move, now)
        case TimeOut():
            return _time_out(dispute, now)
        case _:
            assert_never(move)


def _open(dispute: Dispute, move: Open, now: Seconds) -> Dispute:
    item, place = move.item, dispute.place
    asked = item.get_asked(move.program, move.first_extension)
    _check_turn(dispute, asked.hash(), now, move.sender)
    require(place.turn is Turn.OPENING, "opened before")
    depth = get_depth(item.count)
    require(len(item.result_path) == len(item.input_path) == depth, "other depth")
    ending.check(item.result, move.ending)
    parts = count_parts(place.first, place.last, dispute.most)
    require(not any(map(any, move.points[parts - 1 :])), "too many points")
    points = (*_pad(move.points, parts - 1), item.result.evidence)
    start = move.program.get_first_root(item.input_root)
    shown = _build_dissection(dispute, place, start, points)
    return _pass_turn(dispute, place, shown, move.first_extension, now)


def _dissect(dispute: Dispute, move: Dissect, now: Seconds) -> Dispute:
    _check_turn(dispute, move.before, now, move.sender)
    first, last = _get_part(dispute, move.part)
    require(last - first > 1, "one step is proved")
    place = replace(dispute.place, first=first, last=last)
    shown = _build_dissection(dispute, place, move.start, move.points)
    shown = replace(shown, before=move.before, part=move.part)
    return _pass_turn(dispute, place, shown, place.extension, now)


def _expose(dispute: Dispute, move: Expose, now: Seconds) -> Dispute:
    place, answered, shown = dispute.place, move.answered, move.shown
    _check_turn(dispute, shown.root, now)
    require(place.turn is not Turn.OPENING, "not opened")
    require(answered.root == shown.before, "not answered")
    require(not shown.is_of(answered), "it disputes something")
    return _end(dispute, is_refuted=place.turn is Turn.CHALLENGER)


def _prove(dispute: Dispute, move: Prove, now: Seconds) -> Dispute:
    place = dispute.place
    _check_turn(dispute, move.shown.root, now)
    first, last = _get_part(dispute, move.index)
    require(last - first == 1, "more than one step")
    is_movers_loss = move.after == move.shown.points[move.index]
    if is_movers_loss:
        is_decided = move.sender == place.mover or place.last - place.first == 1
        require(is_decided, "the step is right")
    return _end(dispute, is_refuted=is_movers_loss == (place.turn is Turn.WORKER))


def _time_out(dispute: Dispute, now: Seconds) -> Dispute:
    require(dispute.outcome is None, "over")
    require(is_over(dispute.place, now), "too early")
    return _end(dispute, is_refuted=dispute.place.turn is not Turn.CHALLENGER)


def _end(dispute: Dispute, *, is_refuted: bool) -> Dispute:
    return replace(dispute, outcome=Outcome.REFUTED if is_refuted else Outcome.UPHELD)


def _check_turn(
    dispute: Dispute, root: Hash32, now: Seconds, sender: Address | None = None
) -> None:
    """Refuse a move for another position, or when the mover's clock is over.

    Args:
        dispute: Where it stands.
        root: Of the last dissection, as the move shows it.
        now: Chain time.
        sender: Whose move it is, where the mover alone may make it.
    """
    # The contract knows a dispute by its parties: another sender's is another, which is not there.
    require(sender is None or sender == dispute.place.mover, "no such dispute")
    require(dispute.outcome is None, "over")
    require(root == dispute.root, "other position")
    require(not is_over(dispute.place, now), "clock over")


def _get_part(dispute: Dispute, index: int) -> tuple[int, int]:
    """Return the steps of the part that is picked."""
    place = dispute.place
    require(place.turn is not Turn.OPENING, "not opened")
    parts = count_parts(place.first, place.last, dispute.most)
    require(index < parts, "no such part")
    return (
        get_point(place.first, place.last, index, dispute.most),
        get_point(place.first, place.last, index + 1, dispute.most),
    )


def _get_end(points: tuple[Hash32, ...], parts: int) -> Hash32:
    """Return the last of the points that count; zero if there are fewer."""
    return points[parts - 1] if len(points) >= parts else ZERO_HASH


def _build_dissection(
    dispute: Dispute, place: Place, start: Hash32, points: tuple[Hash32, ...]
) -> Dissection:
    """Return a dissection of the place's interval; points that were left out are zero."""
    points = _pad(points, count_parts(place.first, place.last, dispute.most))
    return Dissection(
        first=place.first, last=place.last, start=start, points=points, most=dispute.most
    )


def _pad(points: tuple[Hash32, ...], count: int) -> tuple[Hash32, ...]:
    return points + (ZERO_HASH,) * (count - len(points))


def _pass_turn(
    dispute: Dispute, place: Place, shown: Dissection, extension: Seconds, now: Seconds
) -> Dispute:
    """Return the dispute with a new dissection and the other party to move."""
    turn = Turn.WORKER if place.turn is Turn.CHALLENGER else Turn.CHALLENGER
    passed = start_turn(end_turn(place, now), turn, now, extension, dispute.most)
    return dispute.claim(passed, shown)


__all__ = ["Dispute", "Outcome", "Refused", "apply"]
