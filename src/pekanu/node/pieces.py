"""Bytes that lie in pieces, given out in other sizes without joining them all.

Not here: what they are and where they go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np

#: Anything with contiguous bytes.
Buffer: TypeAlias = bytes | bytearray | memoryview
#: Told bytes done, and bytes in all.
Progress: TypeAlias = Callable[[int, int], None]


def make_room(size: int) -> memoryview:
    """Return bytes to write to; unlike a bytearray's they were not set to zero before."""
    return np.empty(size, dtype=np.uint8).data


class Pieces:
    """A sequence of buffers, read once from its beginning to its end.

    Args:
        pieces: The buffers, each taken when the one before it was read; they must not change.
        size: Bytes of all together; needed where the buffers are not there yet.
    """

    def __init__(self, pieces: Iterable[Buffer], size: int | None = None) -> None:
        if size is None:
            pieces = list(pieces)
            size = sum(map(len, pieces))
        self._pieces, self._rest = iter(pieces), memoryview(b"")
        #: Bytes that are left.
        self.size = size

    def read(self, size: int) -> memoryview:
        """Return the next bytes, fewer only at the end: of one piece a view, of several a copy."""
        self._fill()
        if len(self._rest) >= size:
            return self._take(size)
        found, filled = make_room(min(size, self.size)), 0
        while filled < len(found) and self._fill():
            view = self._take(len(found) - filled)
            found[filled : filled + len(view)] = view
            filled += len(view)
        return found[:filled]

    def _fill(self) -> bool:
        """Take the next buffer when there is nothing left of one; return whether there is."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._rest = memoryview(piece)
        return True

    def _take(self, size: int) -> memoryview:
        view, self._rest = self._rest[:size], self._rest[size:]
        self.size -= len(view)
        return view
