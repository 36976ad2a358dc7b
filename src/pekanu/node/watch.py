"""Following the chain, and waking whoever waits for it: for an event of a task, or for a time.

Chain time is the clock: the greater of the latest block's time and the next one's, since on an
idle development chain the latest block's stands still. What is not here: what the events say
(`market_index`), what is done about them (`worker`, `client`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from pekanu.chain import (
    Connection,
    Cursor,
    EventBatch,
    EventStream,
    Rollback,
    StreamOptions,
    TaskEvent,
)
from pekanu.errors import ChainError
from pekanu.node.market_index import MarketIndex
from pekanu.types import Address, Hash32, Seconds

_LOG: Final = logging.getLogger(__name__)
#: Seconds between looks at the clock while no block comes.
_CLOCK_SECONDS: Final = 0.5


class ChainWatch:
    """Reads the market's events in order, from its deployment on.

    Args:
        chain: Where to look.
        market: The contract.
        first_block: Where its events begin.
        confirmations: Blocks that must hold an event, its own included.
    """

    def __init__(
        self, chain: Connection, market: Address, *, first_block: int, confirmations: int = 1
    ) -> None:
        self.index = MarketIndex()
        self.confirmations = confirmations
        self._chain = chain
        self._stream = EventStream(
            chain,
            market,
            Cursor(next_block=first_block),
            StreamOptions(confirmations=confirmations),
        )
        self._first_block = first_block
        self._now = Seconds(0)
        self._clock_read = 0.0
        self._wakers: dict[Hash32, asyncio.Event] = {}

    @property
    def now(self) -> Seconds:
        """The chain's time, as it was last seen."""
        return self._now

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the chain while the context is open; all that it says so far is read first."""
        await self._catch_up()
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def refresh(self) -> Seconds:
        """Return the chain's time after asking for it."""
        latest, pending = await asyncio.gather(
            self._chain.fetch_block("latest"), self._chain.fetch_block("pending")
        )
        times = [block.timestamp for block in (latest, pending) if block is not None]
        self._now = Seconds(max(times, default=0))
        self._clock_read = time.monotonic()
        return self._now

    def subscribe(self, task_id: Hash32) -> None:
        """Keep a task's events and let it be woken by them."""
        self.index.keep(task_id)
        self._wakers.setdefault(task_id, asyncio.Event())

    def unsubscribe(self, task_id: Hash32) -> None:
        """Forget a task."""
        self.index.drop(task_id)
        self._wakers.pop(task_id, None)

    def wake(self, task_id: Hash32) -> None:
        """Wake whoever waits for a task."""
        waker = self._wakers.get(task_id)
        if waker is not None:
            waker.set()

    async def wait(
        self, task_id: Hash32, times: Iterable[Seconds], *, timeout_seconds: float
    ) -> None:
        """Return when something happened to a task, or a point in chain time has come.

        Args:
            task_id: A subscribed task.
            times: Points in chain time; those that are past do not count.
            timeout_seconds: Wall time after which to return anyway.
        """
        waker = self._wakers[task_id]
        coming = [when for when in times if when > self._now]
        until = time.monotonic() + timeout_seconds
        while not waker.is_set() and not any(when <= self._now for when in coming):
            left = until - time.monotonic()
            if left <= 0:
                break
            with contextlib.suppress(TimeoutError):
                # The clock ticks twice a second; events wake at once.
                await asyncio.wait_for(waker.wait(), min(left, _CLOCK_SECONDS / 5))
        waker.clear()

    async def _catch_up(self) -> None:
        await self.refresh()
        while (found := await self._stream.poll()) is not None:
            self._take(found)

    async def _follow(self) -> None:
        while True:
            try:
                found = await self._stream.poll()
                if found is not None:
                    # First the time, so that whoever is woken sees it.
                    await self.refresh()
                    self._take(found)
                    continue
                if time.monotonic() - self._clock_read > _CLOCK_SECONDS:
                    await self.refresh()
            except ChainError as error:
                _LOG.warning("the chain cannot be followed: %s", error)
            await asyncio.sleep(self._chain.poll_seconds)

    def _take(self, found: EventBatch | Rollback) -> None:
        if isinstance(found, Rollback):
            # Rare and short: everything is read again rather than undone.
            _LOG.warning("the chain was reorganized after block %d", found.to_block)
            self.index.clear()
            self._stream.cursor = Cursor(next_block=self._first_block)
            for waker in self._wakers.values():
                waker.set()
            return
        self.index.add(found.events)
        for event in found.events:
            if isinstance(event, TaskEvent):
                self.wake(event.task_id)
