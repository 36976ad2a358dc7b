"""A few rooms for bulk data, used again: memory is bounded, and fetched from the kernel once.

Not here: what they hold.
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Rooms:
    """Lends rooms; who comes when all are lent waits. They are given back when nobody wants one.

    Args:
        count: So many at once.
        size: Bytes of each.
    """

    def __init__(self, count: int, size: int) -> None:
        """Fetch nothing yet."""
        self._turns, self._size, self._wanted = asyncio.Semaphore(count), size, 0
        self._free: list[memoryview] = []

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[memoryview]:
        """Yield a room; what it holds is to be forgotten when the context closes.

        Where that closes by an error, a thread may still write to the room: nobody gets it again.
        """
        self._wanted += 1
        try:
            async with self._turns:
                room = self._free.pop() if self._free else _make_room(self._size)
                yield room
                self._free.append(room)
        finally:
            self._wanted -= 1
            if not self._wanted:
                self._free.clear()


def _make_room(size: int) -> memoryview:
    """Return fresh memory, in large pages where the system has them."""
    room = mmap.mmap(-1, size)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        room.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(room)
