"""Following the chain, and waking whoever waits for it: for an event of a task, or for a time.

Chain time is the clock: the greater of the latest block's time and the next one's, since on an
idle development chain the latest block's stands still. What is not here: what the events say
(`market_index`, `referees`), what is done about them (`worker`, `client`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
from pekanu.chain.block import Log
from pekanu.chain.events import MarketEvent, decode_event
from pekanu.errors import ChainError
from pekanu.node.market_index import MarketIndex
from pekanu.types import Hash32, Seconds

_LOG: Final = logging.getLogger(__name__)
#: Seconds between looks at the clock while no block comes.
_CLOCK_SECONDS: Final = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class EventSource:
    """A contract whose events are read, from its deployment on."""

    contract: Deployment
    #: How a log becomes an event; None from it is left out.
    decode: Callable[[Log], MarketEvent | None]
    #: Takes in events in the chain's order, and returns what is woken by them.
    add: Callable[[Sequence[MarketEvent]], Iterable[Hash32]]
    #: Forgets all events.
    clear: Callable[[], None]


class _Reading:
    """How far a source is read."""

    def __init__(self, chain: Connection, source: EventSource, confirmations: int) -> None:
        self.source = source
        self._begin = Cursor(next_block=source.contract.block_number)
        options = StreamOptions(confirmations=confirmations)
        self.stream = EventStream(
            chain, source.contract.address, self._begin, options, decode=source.decode
        )
        #: After a reorganization: what was read anew so far.
        self._anew: list[MarketEvent] | None = None

    def take(self, found: EventBatch | Rollback) -> Iterable[Hash32]:
        """Take in what came, and return what is woken by it."""
        if isinstance(found, EventBatch):
            if self._anew is None:
                return self.source.add(found.events)
            self._anew += found.events
            return ()
        # Rare and short: everything is read again rather than undone. Until then all that was
        # known is known on: a node without any would turn its users away.
        _LOG.warning("the chain was reorganized after block %d", found.to_block)
        self._anew, self.stream.cursor = [], self._begin
        return ()

    def finish(self) -> bool:
        """Let what was read anew take the place of what was known; return whether it has.

        It waits until nothing more is to be read.
        """
        if self._anew is None or not self.stream.is_exhausted:
            return False
        self.source.clear()
        self.source.add(self._anew)
        self._anew = None
        return True


class ChainWatch:
    """Reads the events of the market, and of what else is named, in order.

    Args:
        chain: Where to look.
        market: The contract.
        others: Contracts beside it.
        confirmations: Blocks that must hold an event, its own included.
        kept: Tasks whose events are wanted from their first one on: those of a former process.
    """

    def __init__(
        self,
        chain: Connection,
        market: Deployment,
        others: Iterable[EventSource] = (),
        *,
        confirmations: int = 1,
        kept: Iterable[Hash32] = (),
    ) -> None:
        self.index = MarketIndex()
        for task_id in kept:
            self.index.keep(task_id)
        self.confirmations = confirmations
        self._chain = chain
        own = EventSource(
            contract=market, decode=decode_event, add=self._add, clear=self.index.clear
        )
        self._readings = [_Reading(chain, source, confirmations) for source in (own, *others)]
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
            # The clock ticks twice a second; events wake at once. Not `wait_for`, which before
            # Python 3.12 loses a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _CLOCK_SECONDS / 5)):
                    await waker.wait()
        waker.clear()

    async def _catch_up(self) -> None:
        await asyncio.gather(self.refresh(), *(self._read_all(one) for one in self._readings))

    async def _read_all(self, reading: _Reading) -> None:
        while not reading.stream.is_exhausted:
            found = await reading.stream.poll()
            if found is not None:
                self._wake(reading.take(found))
        reading.finish()

    async def _follow(self) -> None:
        while True:
            try:
                head = await self._chain.fetch_head()
                polled = [(one, await one.stream.poll(head)) for one in self._readings]
                is_news = any(found is not None for _, found in polled)
                if is_news:
                    # First the time, so that whoever is woken sees it.
                    await self.refresh()
                for reading, found in polled:
                    if found is not None:
                        self._wake(reading.take(found))
                    elif reading.finish():
                        self._wake(self._wakers)
                if is_news:
                    continue
                if time.monotonic() - self._clock_read > _CLOCK_SECONDS:
                    await self.refresh()
            except ChainError as error:
                _LOG.warning("the chain cannot be followed: %s", error)
            await asyncio.sleep(self._chain.poll_seconds)

    def _add(self, events: Sequence[MarketEvent]) -> Iterable[Hash32]:
        self.index.add(events)
        return [event.task_id for event in events if isinstance(event, TaskEvent)]

    def _wake(self, task_ids: Iterable[Hash32]) -> None:
        for task_id in task_ids:
            self.wake(task_id)
