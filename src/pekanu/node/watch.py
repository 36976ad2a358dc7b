"""Following the chain, and waking whoever waits for it: for an event of a task, or for a time.

Chain time is the clock: the greater of the latest block's time and the next one's, since on an
idle development chain the latest block's stands still. What is not here: what the events say
(`market_index`, `dispute_index`), what is done about them (`worker`, `client`).
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
    Deployment,
    EventBatch,
    EventStream,
    Rollback,
    StreamOptions,
    TaskEvent,
)
from pekanu.chain.referee_events import DisputeLogged, decode_dispute_log
from pekanu.errors import ChainError
from pekanu.node.dispute_index import DisputeIndex
from pekanu.node.market_index import MarketIndex
from pekanu.types import Address, Hash32, Seconds

_LOG: Final = logging.getLogger(__name__)
#: What to subscribe to, to be woken by whatever happens in any dispute.
ANY_DISPUTE: Final = Hash32(bytes(32))
#: Seconds between looks at the clock while no block comes.
_CLOCK_SECONDS: Final = 0.5


class ChainWatch:
    """Reads the events of the market, and of its referee, in order, from their deployment on.

    Args:
        chain: Where to look.
        market: The contract.
        first_block: Where its events begin.
        confirmations: Blocks that must hold an event, its own included.
        referee: The bisection referee, if one is deployed.
    """

    def __init__(
        self,
        chain: Connection,
        market: Address,
        *,
        first_block: int,
        confirmations: int = 1,
        referee: Deployment | None = None,
    ) -> None:
        self.index = MarketIndex()
        self.disputes = DisputeIndex()
        self.confirmations = confirmations
        self._chain = chain
        options = StreamOptions(confirmations=confirmations)
        self._stream = EventStream(chain, market, Cursor(next_block=first_block), options)
        self._first_block = first_block
        self._dispute_stream: EventStream | None = None
        self._first_dispute_block = 0
        if referee is not None:
            self._first_dispute_block = referee.block_number
            begin = Cursor(next_block=referee.block_number)
            self._dispute_stream = EventStream(
                chain, referee.address, begin, options, decode=decode_dispute_log
            )
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
        while (found := await self._poll_disputes()) is not None:
            self._take_disputes(found)

    async def _poll_disputes(self) -> EventBatch | Rollback | None:
        return None if self._dispute_stream is None else await self._dispute_stream.poll()

    async def _follow(self) -> None:
        while True:
            try:
                found = await self._stream.poll()
                disputed = await self._poll_disputes()
                if found is not None or disputed is not None:
                    # First the time, so that whoever is woken sees it.
                    await self.refresh()
                    if found is not None:
                        self._take(found)
                    if disputed is not None:
                        self._take_disputes(disputed)
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
            self._wake_all()
            return
        self.index.add(found.events)
        for event in found.events:
            if isinstance(event, TaskEvent):
                self.wake(event.task_id)

    def _take_disputes(self, found: EventBatch | Rollback) -> None:
        if isinstance(found, Rollback):
            self.disputes.clear()
            if self._dispute_stream is not None:
                self._dispute_stream.cursor = Cursor(next_block=self._first_dispute_block)
            self._wake_all()
            return
        logged = [event for event in found.events if isinstance(event, DisputeLogged)]
        for dispute in self.disputes.add(logged):
            self.wake(dispute)
        if logged:
            self.wake(ANY_DISPUTE)

    def _wake_all(self) -> None:
        for waker in self._wakers.values():
            waker.set()
