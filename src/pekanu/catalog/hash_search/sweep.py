"""Going through a domain by pieces: all cores, progress, stop, going on where it broke off.

Pieces are taken in order, so that what is done is one number. Not here: what a piece is and how it
is searched (`search`, `program_search`).
"""

from __future__ import annotations

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

#: Seconds between two notes of what is done; more where writing one takes long.
_NOTE_SECONDS: Final = 1.0
_NOTE_SHARE: Final = 50


class Stopped(Exception):
    """The search was asked to stop; what was done is noted."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some points that follow on each other."""

    #: The first point beyond them.
    end: int
    #: Returns the solutions among them, rising; called in a thread.
    find: Callable[[], list[int]]


@dataclass(slots=True)
class Notes:
    """What is done of a search, kept in a file so that it survives the process."""

    path: Path | None = None
    #: Points before this one are done.
    done: int = 0
    found: list[int] = field(default_factory=list)
    #: When the next note is due.
    _due: float = 0.0

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
        self._due = self._due or now + _NOTE_SECONDS
        if self.path is None or not (is_due or now >= self._due):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(f".{os.getpid()}.draft")
        draft.write_text(json.dumps({"done": self.done, "found": self.found}), encoding="utf-8")
        draft.replace(self.path)
        end = time.monotonic()
        self._due = end + max(_NOTE_SECONDS, _NOTE_SHARE * (end - now))

    def forget(self) -> None:
        """Remove the file."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """How a domain is gone through."""

    #: Told the share that is done.
    progress: Callable[[float], None]
    #: Where to go on from, and where to note what is done.
    notes: Notes = field(default_factory=Notes)
    #: Ends it soon after it is set.
    stop: Event | None = None
    #: At most; by default one a processor.
    threads: int | None = None
    #: Solutions after which it ends.
    most: int

    def run(
        self,
        cut: Callable[[int], Iterator[Piece]],
        first: int,
        count: int,
        is_solution: Callable[[int], bool],
    ) -> list[int]:
        """Return the solutions, rising: those that are noted, then those of what is left.

        Args:
            cut: Returns the pieces from a point on, in order.
            first: Of the domain.
            count: Points of the domain.
            is_solution: Whether a point is one; asked of the noted, for a file says what it likes.

        Raises:
            Stopped: It was ended; the notes say how far it came.
        """
        notes = self.notes
        start = min(max(first, notes.done), first + count)
        noted = sorted({point for point in notes.found if first <= point < start})
        found = notes.found = [point for point in noted if is_solution(point)]
        pieces = cut(start)
        workers = self.threads or os.cpu_count() or 1
        pool = ThreadPoolExecutor(workers)
        waiting: deque[tuple[int, Future[list[int]]]] = deque()
        try:
            while len(found) < self.most:
                while len(waiting) < 2 * workers and (piece := next(pieces, None)) is not None:
                    waiting.append((piece.end, pool.submit(piece.find)))
                if not waiting:
                    break
                if self.stop is not None and self.stop.is_set():
                    notes.note(is_due=True)
                    raise Stopped
                end, future = waiting.popleft()
                found += future.result()
                notes.done = end
                notes.note()
                self.progress((end - first) / count)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return found[: self.most]
