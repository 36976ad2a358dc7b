"""A signal that something changed: listeners wait for it and then look at the newest state.

Nothing is queued: whoever is slow sees the latest state and misses what came between, so memory
is bounded by the number of listeners. What is not here: what changed.
"""

from __future__ import annotations

import asyncio


class Pulse:
    """A counter that can be waited for."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def count(self) -> int:
        """How often something changed."""
        return self._count

    def beat(self) -> None:
        """Say that something changed."""
        self._count += 1
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    async def wait(self, seen: int, *, timeout_seconds: float) -> int:
        """Return the count once it is another than was seen, or after a time.

        Args:
            seen: The count that is known already.
            timeout_seconds: Longest wait.
        """
        if self._count == seen:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.add(waiting)
            await asyncio.wait({waiting}, timeout=timeout_seconds)
            self._waiting.discard(waiting)
        return self._count
