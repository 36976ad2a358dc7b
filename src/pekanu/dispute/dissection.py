"""Dissections: the states at the ends of near-equal parts of an interval, and their commitment.

Not here: which part an honest party picks (`strategy`).
Twin: contracts/referees/disputes.vy. Source: design/referees.md, "BisectionReferee", step 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from pekanu.crypto.keccak import keccak256
from pekanu.dispute.errors import Refused
from pekanu.types import ZERO_HASH, Hash32

PARTS: Final = 16
#: Points that calldata and events have room for.
POINTS: Final = 16

DissectionWords: TypeAlias = tuple[Hash32, int, Hash32, tuple[Hash32, ...]]


def count_parts(first: int, last: int, most: int = PARTS) -> int:
    """Return into how many parts an interval is dissected."""
    return min(most, last - first)


def get_point(first: int, last: int, index: int, most: int = PARTS) -> int:
    """Return the step at which a part begins, or where the last one ends."""
    return first + (last - first) * index // count_parts(first, last, most)


def get_ends(first: int, last: int, most: int = PARTS) -> list[int]:
    """Return the steps at which the parts end, rising; the last is `last`."""
    parts = count_parts(first, last, most)
    return [get_point(first, last, index + 1, most) for index in range(parts)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Dissection:
    """The states that a party has claimed between two steps."""

    first: int
    last: int
    start: Hash32
    #: At the ends of the parts.
    points: tuple[Hash32, ...]
    #: Root of the dissection that it answers, zero if it is the first; and which part of that.
    before: Hash32 = ZERO_HASH
    part: int = 0
    #: Parts at most; other numbers than the contract's in tests alone.
    most: int = PARTS

    def __post_init__(self) -> None:
        """Check what the contract checks of the points' number."""
        if len(self.points) != count_parts(self.first, self.last, self.most):
            raise Refused("too many points")

    @property
    def root(self) -> Hash32:
        """What stands for it on chain, and with it for all before it."""
        words = (self.before, self.part.to_bytes(32, "big"), self.start, *pad(self.points))
        return keccak256(b"".join(words))

    @property
    def ends(self) -> list[int]:
        """The steps of its points."""
        return get_ends(self.first, self.last, self.most)

    def get_part(self, index: int) -> tuple[int, int]:
        """Return the steps between which a part lies."""
        return (
            get_point(self.first, self.last, index, self.most),
            get_point(self.first, self.last, index + 1, self.most),
        )

    def get_start(self, index: int) -> Hash32:
        """Return the state at which a part begins."""
        return self.points[index - 1] if index else self.start

    def is_of(self, answered: Dissection) -> bool:
        """Say whether it is of the part that it answers: starts where that does, ends elsewhere."""
        return (
            self.start == answered.get_start(self.part)
            and self.points[-1] != answered.points[self.part]
        )

    def to_abi(self) -> DissectionWords:
        """Return the contract's struct."""
        return self.before, self.part, self.start, pad(self.points)


def pad(points: tuple[Hash32, ...]) -> tuple[Hash32, ...]:
    """Return points with zeros where there is no part."""
    return points + (ZERO_HASH,) * (POINTS - len(points))
