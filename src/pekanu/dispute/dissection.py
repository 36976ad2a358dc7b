"""Dissections: the states at the ends of near-equal parts of an interval, and their commitment.

Not here: which part an honest party picks (`strategy`).
Twin: contracts/referees/disputes.vy. Source: design/referees.md, "BisectionReferee", step 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pekanu.crypto.keccak import keccak256
from pekanu.dispute.errors import Refused, require
from pekanu.types import ZERO_HASH, Hash32

PARTS: Final = 16
#: Points that calldata and events have room for; the pairs of parts are the leaves of the tree.
POINTS: Final = 16

PickWords: TypeAlias = tuple[int, tuple[Hash32, Hash32, Hash32], tuple[Hash32, ...]]


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


def get_root(start: Hash32, points: Sequence[Hash32]) -> Hash32:
    """Return the root over the pairs of parts, each the hash of the three states at its ends.

    Args:
        start: The state at the beginning.
        points: Those at the ends of the parts, as many as there are parts.
    """
    return _get_levels(start, points)[-1][0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pick:
    """One part of a dissection: the states at the ends of its pair of parts, and their path."""

    index: int
    states: tuple[Hash32, Hash32, Hash32]
    siblings: tuple[Hash32, ...]

    @property
    def start(self) -> Hash32:
        """The state at which the part begins."""
        return self.states[self.index & 1]

    @property
    def end(self) -> Hash32:
        """The state at which it ends."""
        return self.states[(self.index & 1) + 1]

    def to_abi(self) -> PickWords:
        """Return the contract's struct."""
        return self.index, self.states, self.siblings

    @property
    def root(self) -> Hash32:
        """The root that pair and path give.

        Raises:
            Refused: The path is not as high as the index.
        """
        node, position = keccak256(b"".join(self.states)), self.index >> 1
        for sibling in self.siblings:
            node = keccak256(sibling + node if position & 1 else node + sibling)
            position >>= 1
        require(position == 0, "no such part")
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
        return get_root(self.start, self.points)

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
        levels = _get_levels(self.start, self.points)
        pair = index >> 1
        return Pick(
            index=index,
            states=_get_pair((self.start, *pad(self.points)), pair),
            siblings=tuple(nodes[(pair >> k) ^ 1] for k, nodes in enumerate(levels[:-1])),
        )

    def to_abi(self) -> tuple[Hash32, ...]:
        """Return the points, with zeros where there is no part."""
        return pad(self.points)


def pad(points: tuple[Hash32, ...]) -> tuple[Hash32, ...]:
    """Return points with zeros where there is no part."""
    return points + (ZERO_HASH,) * (POINTS - len(points))


def _get_pair(states: Sequence[Hash32], pair: int) -> tuple[Hash32, Hash32, Hash32]:
    """Return the states at the ends of two parts."""
    return states[2 * pair], states[2 * pair + 1], states[2 * pair + 2]


def _get_levels(start: Hash32, points: Sequence[Hash32]) -> list[list[Hash32]]:
    states = (start, *pad(tuple(points)))
    levels = [[keccak256(b"".join(_get_pair(states, pair))) for pair in range(POINTS // 2)]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        places = range(0, len(below), 2)
        levels.append([keccak256(below[place] + below[place + 1]) for place in places])
    return levels
