"""Bytes that lie in pieces, given out in other sizes without joining them all.

Not here: what they are and where they go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

#: Anything with contiguous bytes.
Buffer: TypeAlias = bytes | bytearray | memoryview


def make_room(size: int) -> memoryview:
    """Return bytes to write to; unlike a bytearray's they were not set to zero before."""
    return np.empty(size, dtype=np.uint8).data


class Pieces:
    """A sequence of buffers, read once from its beginning to its end.

    Args:
        pieces: The buffers; they must not change.
    """

    def __init__(self, pieces: Iterable[Buffer]) -> None:
        self._views = [memoryview(piece) for piece in pieces]
        self._views.reverse()

    @property
    def size(self) -> int:
        """Bytes that are left."""
        return sum(map(len, self._views))

    def read(self, size: int) -> memoryview:
        """Return the next bytes, fewer only at the end: of one piece a view, of several a copy."""
        if self._views and len(self._views[-1]) >= size:
            return self._take(size)
        found, filled = make_room(min(size, self.size)), 0
        while filled < len(found):
            view = self._take(len(found) - filled)
            found[filled : filled + len(view)] = view
            filled += len(view)
        return found

    def _take(self, size: int) -> memoryview:
        view = self._views.pop()
        if len(view) > size:
            self._views.append(view[size:])
        return view[:size]
