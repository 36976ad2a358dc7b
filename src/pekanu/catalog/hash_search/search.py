"""The search itself: all cores, progress, stop, and going on where it was broken off.

Candidates are taken in pieces, in order, so that what is done is one number; a solution that the
kernel suspects is hashed again by the system's own hash. Not here: compiled code (`kernels`).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pekanu.catalog.hash_search import kernels
from pekanu.catalog.hash_search.space import Choices, Counter, Numbers, Shape, Space
from pekanu.catalog.hash_search.targets import Targets
from pekanu.crypto.keccak import keccak256

#: Solutions after which a search ends: the output is the first so many.
MAX_SOLUTIONS: Final = 10_000
#: Candidates of a piece.
PIECE: Final = 1 << 17
#: Seconds between two notes of what is done.
_NOTE_SECONDS: Final = 5.0
_ALGORITHMS: Final[dict[str, int]] = {
    "sha256": kernels.SHA256,
    "keccak256": kernels.KECCAK256,
    "md5": kernels.MD5,
}
_HASHES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "keccak256": keccak256,
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
}


class Stopped(Exception):
    """The search was asked to stop; what was done is noted."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A candidate whose hash was looked for."""

    index: int
    candidate: bytes
    digest: bytes


@dataclass(slots=True)
class Notes:
    """What is done of a search, kept in a file so that it survives the process."""

    path: Path | None = None
    #: Candidates before this one are done.
    done: int = 0
    found: list[int] = field(default_factory=list)
    _noted: float = 0.0

    @classmethod
    def open(cls, path: Path) -> Notes:
        """Return the notes in a file; none if there is no readable one."""
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            done, found = kept["done"], kept["found"]
            if isinstance(done, int) and all(isinstance(one, int) for one in found):
                return cls(path=path, done=done, found=list(found))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return cls(path=path)

    def note(self, *, is_due: bool = False) -> None:
        """Write the file at once, when it is due."""
        now = time.monotonic()
        self._noted = self._noted or now
        if self.path is None or not (is_due or now - self._noted >= _NOTE_SECONDS):
            return
        self._noted = now
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(f".{os.getpid()}.draft")
        draft.write_text(json.dumps({"done": self.done, "found": self.found}), encoding="utf-8")
        draft.replace(self.path)

    def forget(self) -> None:
        """Remove the file."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


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
        notes = notes or Notes()
        last = self.first + self.count
        start = min(max(self.first, notes.done), last)
        found = [index for index in notes.found if self._hash(index) is not None]
        workers = threads or os.cpu_count() or 1
        pool = ThreadPoolExecutor(workers)
        waiting: deque[tuple[int, Future[list[int]]]] = deque()
        pieces = self._cut(start, last)
        try:
            while len(found) < MAX_SOLUTIONS:
                while len(waiting) < 2 * workers and (piece := next(pieces, None)) is not None:
                    end, tables, low, offset, size = piece
                    future = pool.submit(self._search, tables, low, offset, size)
                    waiting.append((end, future))
                if not waiting:
                    break
                if stop is not None and stop.is_set():
                    notes.note(is_due=True)
                    raise Stopped
                end, future = waiting.popleft()
                found += future.result()
                notes.done, notes.found = end, found
                notes.note()
                progress((end - self.first) / self.count)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return [solution for index in found[:MAX_SOLUTIONS] if (solution := self._hash(index))]

    def _cut(self, start: int, last: int) -> Iterator[tuple[int, _Tables, int, int, int]]:
        """Yield pieces.

        Of each where it ends, its tables, its first candidate within its shape, the number of the
        shape's first, and its size.
        """
        for number, low, count in self.space.split(start, last - start):
            tables = _Tables.build(self.space.shapes[number], self.targets)
            before = self.space.ends[number - 1] if number else 0
            for offset in range(0, count, PIECE):
                size = min(PIECE, count - offset)
                yield before + low + offset + size, tables, low + offset, before, size

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
                return [number for number in numbers if self._hash(number) is not None]
            room = size

    def _hash(self, index: int) -> Solution | None:
        """Return a candidate as a solution, or None if it is none."""
        candidate = self.space.get(index)
        digest = _HASHES[self.algorithm](candidate)
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
