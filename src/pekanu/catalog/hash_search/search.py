"""A search for hashes by compiled code: pieces of candidates, and what a solution is.

A solution that the kernel suspects is hashed again by the system's own hash. Not here: compiled
code (`kernels`), how pieces are gone through (`sweep`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pekanu.catalog.hash_search import kernels
from pekanu.catalog.hash_search.space import Choices, Counter, Numbers, Shape, Space
from pekanu.catalog.hash_search.sweep import Notes, Piece, Stopped, Sweep
from pekanu.catalog.hash_search.targets import Targets
from pekanu.crypto.keccak import keccak256

__all__ = ["HASHES", "MAX_SOLUTIONS", "Notes", "Search", "Solution", "Stopped"]

#: Solutions after which a search ends: the output is the first so many.
MAX_SOLUTIONS: Final = 10_000
#: Candidates of a piece.
PIECE: Final = 1 << 17
_ALGORITHMS: Final[dict[str, int]] = {
    "sha256": kernels.SHA256,
    "keccak256": kernels.KECCAK256,
    "md5": kernels.MD5,
}
#: Each by its name, of any bytes.
HASHES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "keccak256": keccak256,
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
}


@dataclass(frozen=True, slots=True)
class Solution:
    """A candidate whose hash was looked for."""

    index: int
    candidate: bytes
    digest: bytes


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search of some candidates for some hashes."""

    algorithm: str
    space: Space
    targets: Targets
    first: int
    count: int

    def run(
        self,
        progress: Callable[[float], None],
        notes: Notes | None = None,
        stop: Event | None = None,
        threads: int | None = None,
    ) -> list[Solution]:
        """Return the solutions, rising; the first `MAX_SOLUTIONS` of them.

        Args:
            progress: Told the share that is done.
            notes: Where to go on from, and where to note what is done.
            stop: Ends the search soon after it is set.
            threads: At most; by default one a processor.

        Raises:
            Stopped: It was ended; the notes say how far it came.
        """
        points = self.find(progress, notes, stop, threads=threads, most=MAX_SOLUTIONS)
        return [solution for index in points if (solution := self.solve(index))]

    def find(
        self,
        progress: Callable[[float], None],
        notes: Notes | None = None,
        stop: Event | None = None,
        *,
        threads: int | None = None,
        most: int,
    ) -> list[int]:
        """Return the solutions' numbers, rising; arguments and errors as those of `run`."""
        notes = notes or Notes()
        sweep = Sweep(progress=progress, notes=notes, stop=stop, threads=threads, most=most)
        return sweep.run(self._cut, self.first, self.count, lambda one: self.solve(one) is not None)

    def _cut(self, start: int) -> Iterator[Piece]:
        for number, low, count in self.space.split(start, self.first + self.count - start):
            tables = _Tables.build(self.space.shapes[number], self.targets)
            before = self.space.ends[number - 1] if number else 0
            for offset in range(0, count, PIECE):
                size = min(PIECE, count - offset)
                find = partial(self._search, tables, low + offset, before, size)
                yield Piece(before + low + offset + size, find)

    def _search(self, tables: _Tables, low: int, before: int, size: int) -> list[int]:
        room = 64
        while True:
            suspects = np.empty(room, dtype=np.int64)
            fitting = int(
                kernels.search(
                    _ALGORITHMS[self.algorithm],
                    tables.layout,
                    tables.data,
                    low,
                    size,
                    tables.leading,
                    tables.patterns,
                    suspects,
                )
            )
            if fitting < room or room >= size:
                numbers = [before + int(index) for index in suspects[:fitting]]
                return [number for number in numbers if self.solve(number) is not None]
            room = size

    def solve(self, index: int) -> Solution | None:
        """Return a candidate as a solution, or None if it is none."""
        candidate = self.space.get(index)
        digest = HASHES[self.algorithm](candidate)
        return Solution(index, candidate, digest) if self.targets.fit(digest) else None


@dataclass(frozen=True, slots=True)
class _Tables:
    """A shape and the targets as the kernel takes them."""

    layout: NDArray[np.int64]
    data: NDArray[np.uint8]
    leading: NDArray[np.uint64]
    patterns: NDArray[np.uint64]

    @classmethod
    def build(cls, shape: Shape, targets: Targets) -> _Tables:
        data, layout = bytearray(), []
        for part in shape:
            match part:
                case Choices(options=options):
                    places = []
                    for option in options:
                        places.append((len(data), len(option)))
                        data += option
                    layout.append((kernels.CHOICES, len(options), len(data)))
                    for place, length in places:
                        data += place.to_bytes(4, "little") + length.to_bytes(4, "little")
                case Numbers(low=low, size=size):
                    layout.append((kernels.NUMBERS, size, low))
                case Counter(width=width):
                    # A counter of eight bytes alone would be more candidates than there may be.
                    layout.append((kernels.COUNTER, part.size, width))
        whole = sorted({int.from_bytes(digest[:8], "big") for digest in targets.exact})
        masks = [
            [_split(number, targets.size) for number in pattern] for pattern in targets.patterns
        ]
        return cls(
            layout=np.array(layout, dtype=np.int64),
            data=np.frombuffer(bytes(data) or b"\0", dtype=np.uint8),
            leading=np.array(whole, dtype=np.uint64),
            patterns=np.array(masks, dtype=np.uint64).reshape(-1, 2, 4),
        )


def _split(number: int, size: int) -> list[int]:
    """Return a hash's four words of 64 bits, the first bytes first; a short hash ends in zeros."""
    whole = (number << 8 * (32 - size)).to_bytes(32, "big")
    return [int.from_bytes(whole[at : at + 8], "big") for at in range(0, 32, 8)]
