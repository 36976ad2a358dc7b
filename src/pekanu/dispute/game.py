"""The rules of a dispute: which moves are allowed where, and where they lead.

Not here: what a challenge costs (`rules`), the money (`pekanu.market`).
Twin: contracts/BisectionReferee.vy; each refusal has the contract's reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import assert_never

from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import get_depth, verify_proof
from pekanu.dispute import ending
from pekanu.dispute.clock import end_turn, is_over, start_turn
from pekanu.dispute.dissection import PARTS, Dissection, Pick, count_parts, get_point
from pekanu.dispute.ending import ProgramParts
from pekanu.dispute.errors import Refused, require
from pekanu.dispute.moves import Dissect, Move, Open, Prove, TimeOut
from pekanu.dispute.place import Place, Turn
from pekanu.machine.program import VERSION
from pekanu.types import ZERO_HASH, Hash32, Seconds


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
    outcome: Outcome | None = None
    #: Parts of a dissection; others than the contract's in tests alone.
    most: int = PARTS

    @property
    def commitment(self) -> Hash32:
        """What the contract stores."""
        if self.outcome is not None:
            return self.outcome.commitment
        return self.place.get_commitment(self.root)


def apply(dispute: Dispute, move: Move, now: Seconds) -> Dispute:
    """Return the dispute after a move.

    Args:
        dispute: Where it stands.
        move: What somebody does; picks show the last dissection's root.
        now: Chain time.

    Raises:
        Refused: The rules do not allow it; nothing changes.
    """
    require(dispute.outcome is None, "over")
    match move:
        case Open():
            return _open(dispute, move, now)
        case Dissect():
            return _dissect(dispute, move, now)
        case Prove():
            return _prove(dispute, move, now)
        case TimeOut():
            return _time_out(dispute, now)
        case _:
            assert_never(move)


def _open(dispute: Dispute, move: Open, now: Seconds) -> Dispute:
    item, place = move.item, dispute.place
    asked = item.get_asked(move.terms)
    # The contract knows a dispute by its parties: another sender's is another, which is not there.
    require(move.sender == place.mover, "no such dispute")
    require(asked.hash() == dispute.root, "other position")
    require(not is_over(place, now), "clock over")
    require(place.turn is Turn.OPENING, "opened before")
    require(is_program(move.terms.program_id, move.program), "other program")
    depth = get_depth(item.count)
    require(len(item.result_path) == len(item.input_path) == depth, "other depth")
    inputs_root = move.terms.inputs_root
    is_input = verify_proof(inputs_root, item.input_root, item.index, item.count, item.input_path)
    require(is_input, "other input")
    ending.check(item.result, move.ending)
    parts = count_parts(place.first, place.last, dispute.most)
    require(_get_end(move.points, parts) == item.result.evidence, "other final state")
    start = move.program.get_first_root(item.input_root)
    return _pass_turn(dispute, place, start, move.points, move.terms.first_extension, now)


def _dissect(dispute: Dispute, move: Dissect, now: Seconds) -> Dispute:
    require(move.sender == dispute.place.mover, "no such dispute")
    first, last = _get_part(dispute, move.pick, now)
    require(last - first > 1, "one step is proved")
    parts = count_parts(first, last, dispute.most)
    require(_get_end(move.points, parts) != move.pick.end, "nothing disputed")
    place = replace(dispute.place, first=first, last=last)
    return _pass_turn(dispute, place, move.pick.start, move.points, place.extension, now)


def _prove(dispute: Dispute, move: Prove, now: Seconds) -> Dispute:
    place = dispute.place
    first, last = _get_part(dispute, move.pick, now)
    require(last - first == 1, "more than one step")
    is_movers_loss = move.after == move.pick.end
    if is_movers_loss:
        is_decided = move.sender == place.mover or place.last - place.first == 1
        require(is_decided, "the step is right")
    is_refuted = is_movers_loss == (place.turn is Turn.WORKER)
    return replace(dispute, outcome=Outcome.REFUTED if is_refuted else Outcome.UPHELD)


def _time_out(dispute: Dispute, now: Seconds) -> Dispute:
    require(is_over(dispute.place, now), "too early")
    is_refuted = dispute.place.turn is not Turn.CHALLENGER
    return replace(dispute, outcome=Outcome.REFUTED if is_refuted else Outcome.UPHELD)


def _get_part(dispute: Dispute, pick: Pick, now: Seconds) -> tuple[int, int]:
    """Return the steps of the part that is picked, while the mover's clock runs."""
    place = dispute.place
    require(pick.root == dispute.root, "other position")
    require(not is_over(place, now), "clock over")
    require(place.turn is not Turn.OPENING, "not opened")
    parts = count_parts(place.first, place.last, dispute.most)
    require(pick.index < parts, "no such part")
    return (
        get_point(place.first, place.last, pick.index, dispute.most),
        get_point(place.first, place.last, pick.index + 1, dispute.most),
    )


def _get_end(points: tuple[Hash32, ...], parts: int) -> Hash32:
    """Return the last of the points that count; zero if there are fewer."""
    return points[parts - 1] if len(points) >= parts else ZERO_HASH


def _pass_turn(
    dispute: Dispute,
    place: Place,
    start: Hash32,
    points: tuple[Hash32, ...],
    extension: Seconds,
    now: Seconds,
) -> Dispute:
    """Return the dispute with a new dissection and the other party to move."""
    if len(points) < (parts := count_parts(place.first, place.last, dispute.most)):
        points += (ZERO_HASH,) * (parts - len(points))
    shown = Dissection(
        first=place.first, last=place.last, start=start, points=points, most=dispute.most
    )
    turn = Turn.WORKER if place.turn is Turn.CHALLENGER else Turn.CHALLENGER
    passed = start_turn(end_turn(place, now), turn, now, extension, dispute.most)
    return replace(dispute, place=passed, root=shown.root, dissection=shown)


def is_program(program_id: Hash32, program: ProgramParts) -> bool:
    """Say whether a program id commits to these parts."""
    if program.entry >> 32:
        return False
    parts = program.text_root + program.image_root + program.entry.to_bytes(32, "big")
    return program_id == keccak256(VERSION + parts)


__all__ = ["Dispute", "Outcome", "Refused", "apply", "is_program"]
