"""Following the chain, and waking whoever waits for it: for an event of a task, or for a time.

Chain time is the clock: the greater of the latest block's time and the next one's, since on an
idle development chain the latest block's stands still. What is not here: what the events say
(`market_index`, `dispute_index`, `case_index`), what is done about them (`worker`, `client`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
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
from pekanu.chain.referee_events import DisputeLogged, decode_dispute_log
from pekanu.chain.ringer_events import CaseEvent, decode_case_log
from pekanu.errors import ChainError
from pekanu.node.case_index import CaseIndex
from pekanu.node.dispute_index import DisputeIndex
from pekanu.node.market_index import MarketIndex
from pekanu.types import Address, Hash32, Seconds

_LOG: Final = logging.getLogger(__name__)
#: What to subscribe to, to be woken by whatever happens in any dispute.
ANY_DISPUTE: Final = Hash32(bytes(32))
#: The same of any case before the ringers' referee.
ANY_CASE: Final = Hash32(bytes(31) + b"\x01")
#: Seconds between looks at the clock while no block comes.
_CLOCK_SECONDS: Final = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """A contract whose events are read."""

    stream: EventStream
    first_block: int
    take: Callable[[EventBatch], None]
    clear: Callable[[], None]


class ChainWatch:
    """Reads the events of the market, and of its referees, in order, from their deployment on.

    Args:
        chain: Where to look.
        market: The contract.
        first_block: Where its events begin.
        confirmations: Blocks that must hold an event, its own included.
        referee: The bisection referee, if one is deployed.
        ringers: The ringers' referee, if one is deployed.
        kept: Tasks whose events are wanted from their first one on: those of a former process.
    """

    def __init__(  # noqa: PLR0913 - what it reads, and what it keeps of that
        self,
        chain: Connection,
        market: Address,
        *,
        first_block: int,
        confirmations: int = 1,
        referee: Deployment | None = None,
        ringers: Deployment | None = None,
        kept: Iterable[Hash32] = (),
    ) -> None:
        self.index = MarketIndex()
        for task_id in kept:
            self.index.keep(task_id)
        self.disputes = DisputeIndex()
        self.cases = CaseIndex()
        self.confirmations = confirmations
        self._chain = chain
        self._sources = [
            self._follow_contract(
                market, first_block, decode_event, self._take, clear=self.index.clear
            )
        ]
        if referee is not None:
            self._sources.append(
                self._follow_contract(
                    referee.address,
                    referee.block_number,
                    decode_dispute_log,
                    self._take_disputes,
                    clear=self.disputes.clear,
                )
            )
        if ringers is not None:
            self._sources.append(
                self._follow_contract(
                    ringers.address,
                    ringers.block_number,
                    decode_case_log,
                    self._take_cases,
                    clear=self.cases.clear,
                )
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
            # The clock ticks twice a second; events wake at once. Not `wait_for`, which before
            # Python 3.12 loses a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, _CLOCK_SECONDS / 5)):
                    await waker.wait()
        waker.clear()

    def _follow_contract(
        self,
        address: Address,
        first_block: int,
        decode: Callable[[Log], MarketEvent | None],
        take: Callable[[EventBatch], None],
        *,
        clear: Callable[[], None],
    ) -> _Source:
        options = StreamOptions(confirmations=self.confirmations)
        cursor = Cursor(next_block=first_block)
        stream = EventStream(self._chain, address, cursor, options, decode=decode)
        return _Source(stream=stream, first_block=first_block, take=take, clear=clear)

    async def _catch_up(self) -> None:
        await self.refresh()
        for source in self._sources:
            while (found := await source.stream.poll()) is not None:
                self._handle(source, found)

    async def _follow(self) -> None:
        while True:
            try:
                head = await self._chain.fetch_head()
                polled = [(source, await source.stream.poll(head)) for source in self._sources]
                news = [(source, found) for source, found in polled if found is not None]
                if news:
                    # First the time, so that whoever is woken sees it.
                    await self.refresh()
                    for source, found in news:
                        self._handle(source, found)
                    continue
                if time.monotonic() - self._clock_read > _CLOCK_SECONDS:
                    await self.refresh()
            except ChainError as error:
                _LOG.warning("the chain cannot be followed: %s", error)
            await asyncio.sleep(self._chain.poll_seconds)

    def _handle(self, source: _Source, found: EventBatch | Rollback) -> None:
        if isinstance(found, EventBatch):
            source.take(found)
            return
        # Rare and short: everything is read again rather than undone.
        _LOG.warning("the chain was reorganized after block %d", found.to_block)
        source.clear()
        source.stream.cursor = Cursor(next_block=source.first_block)
        self._wake_all()

    def _take(self, found: EventBatch) -> None:
        self.index.add(found.events)
        for event in found.events:
            if isinstance(event, TaskEvent):
                self.wake(event.task_id)

    def _take_disputes(self, found: EventBatch) -> None:
        logged = [event for event in found.events if isinstance(event, DisputeLogged)]
        for dispute in self.disputes.add(logged):
            self.wake(dispute)
        if logged:
            self.wake(ANY_DISPUTE)

    def _take_cases(self, found: EventBatch) -> None:
        logged = [event for event in found.events if isinstance(event, CaseEvent)]
        for case_id in self.cases.add(logged):
            self.wake(case_id)
        if logged:
            self.wake(ANY_CASE)

    def _wake_all(self) -> None:
        for waker in self._wakers.values():
            waker.set()
