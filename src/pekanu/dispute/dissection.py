"""Dissections: the states at the ends of near-equal parts of an interval, and their commitment.

Not here: which part an honest party picks (`strategy`).
Twin: contracts/referees/disputes.vy. Source: design/referees.md, "BisectionReferee", step 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pekanu.crypto.keccak import keccak256
from pekanu.dispute.errors import Refused
from pekanu.types import ZERO_HASH, Hash32

PARTS: Final = 16
#: Of the tree over them.
LEVELS: Final = 4

PickWords: TypeAlias = tuple[int, Hash32, Hash32, tuple[Hash32, ...]]


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


def get_root(start: Hash32, points: Sequence[Hash32], most: int = PARTS) -> Hash32:
    """Return the root over the parts, each the hash of its two ends.

    Args:
        start: The state at the beginning.
        points: Those at the ends of the parts, as many as there are parts.
        most: Leaves of the tree, a power of two; those without a part are zero.
    """
    return _get_levels(start, points, most)[-1][0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pick:
    """One part of a dissection with its path."""

    index: int
    #: The states at both ends.
    start: Hash32
    end: Hash32
    siblings: tuple[Hash32, ...]

    def to_abi(self) -> PickWords:
        """Return the contract's struct."""
        return self.index, self.start, self.end, self.siblings

    @property
    def root(self) -> Hash32:
        """The root that part and path give."""
        node = keccak256(self.start + self.end)
        for level, sibling in enumerate(self.siblings):
            is_left = (self.index >> level) & 1 == 0
            node = keccak256(node + sibling if is_left else sibling + node)
        return node


@dataclass(frozen=True, kw_only=True, slots=True)
class Dissection:
    """The states that a party has claimed between two steps."""

    first: int
    last: int
    start: Hash32
    #: At the ends of the parts.
    points: tuple[Hash32, ...]
    #: Parts at most; other numbers than the contract's in tests alone.
    most: int = PARTS

    def __post_init__(self) -> None:
        """Check what the contract checks of the points' number."""
        if len(self.points) != count_parts(self.first, self.last, self.most):
            raise Refused("too many points")

    @property
    def root(self) -> Hash32:
        """What stands for it on chain."""
        return get_root(self.start, self.points, self.most)

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

    def pick(self, index: int) -> Pick:
        """Return a part with its path."""
        levels = _get_levels(self.start, self.points, self.most)
        return Pick(
            index=index,
            start=self.points[index - 1] if index else self.start,
            end=self.points[index],
            siblings=tuple(nodes[(index >> k) ^ 1] for k, nodes in enumerate(levels[:-1])),
        )

    def to_abi(self) -> tuple[Hash32, ...]:
        """Return the points, with zeros where there is no part."""
        return self.points + (ZERO_HASH,) * (self.most - len(self.points))


def _get_levels(start: Hash32, points: Sequence[Hash32], most: int) -> list[list[Hash32]]:
    starts = (start, *points)
    nodes = [keccak256(a + b) for a, b in zip(starts, points, strict=False)]
    levels = [nodes + [ZERO_HASH] * (most - len(nodes))]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = range(0, len(below), 2)
        levels.append([keccak256(below[place] + below[place + 1]) for place in pairs])
    return levels
