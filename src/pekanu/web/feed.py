"""Feeding the index from the chain, through reorganizations and outages.

What is not here: what the index makes of it (`index`), who is told (`pulse`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from pekanu.chain import (
    Block,
    Connection,
    Cursor,
    EventBatch,
    EventStream,
    MarketEvent,
    Receipt,
    Rollback,
)
from pekanu.chain.block import parse_receipt
from pekanu.errors import ChainError
from pekanu.types import Address, Seconds
from pekanu.web.index import SiteIndex
from pekanu.web.pulse import Pulse

_LOG: Final = logging.getLogger(__name__)
#: Seconds between looks at the head while nothing happens.
_HEAD_SECONDS: Final = 1.0
#: Questions to the node at once.
_ABREAST: Final = 16


class ChainFeed:
    """Reads a market's events into an index while it runs.

    Args:
        chain: Where to look.
        market: The contract.
        first_block: Where its events begin.
        index: What is filled.
        pulse: Beats when anything changed, the head included.
    """

    def __init__(
        self,
        chain: Connection,
        market: Address,
        *,
        first_block: int,
        index: SiteIndex,
        pulse: Pulse,
    ) -> None:
        self._chain, self._index, self._pulse = chain, index, pulse
        begin = index.load_cursor() or Cursor(next_block=first_block)
        self._stream = EventStream(chain, market, begin)
        #: The latest block that was seen.
        self.block = 0
        #: The chain's time; runs on between blocks as the pending block's does.
        self.now = Seconds(0)
        #: Why the chain cannot be followed; empty when it can.
        self.problem = ""
        self._looked = 0.0

    @property
    def is_behind(self) -> bool:
        """Whether blocks are left to be read."""
        return self._stream.cursor.next_block <= self.block

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the chain while the context is open; it reads what there is in the background."""
        await self._look_at_head()
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def wait_current(self, timeout_seconds: float = 30.0) -> None:
        """Return once everything up to the head is in the index, or after a time."""
        until = time.monotonic() + timeout_seconds
        while self.is_behind and time.monotonic() < until:
            await self._pulse.wait(self._pulse.count, timeout_seconds=0.2)

    async def _follow(self) -> None:
        while True:
            try:
                found = await self._stream.poll()
                if found is not None:
                    await self._take(found)
                    await self._look_at_head()
                    continue
                if time.monotonic() - self._looked > _HEAD_SECONDS:
                    await self._look_at_head()
            except ChainError as error:
                if self.problem != error.message:
                    _LOG.warning("the chain cannot be followed: %s", error)
                    self.problem = error.message
                    self._pulse.beat()
            await asyncio.sleep(self._chain.poll_seconds)

    async def _take(self, found: EventBatch | Rollback) -> None:
        if isinstance(found, Rollback):
            self._index.roll_back(found.to_block, found.cursor)
            self._pulse.beat()
            return
        times, receipts = await self._fetch_surroundings(found.events)
        self._index.add(found.events, times, receipts, found.cursor)
        if found.events:
            self._pulse.beat()

    async def _fetch_surroundings(
        self, events: Sequence[MarketEvent]
    ) -> tuple[dict[int, Seconds], list[Receipt]]:
        """Return the times of the events' blocks, and the receipts of their transactions."""
        limit = asyncio.Semaphore(_ABREAST)

        async def fetch_block(number: int) -> Block | None:
            async with limit:
                return await self._chain.fetch_block(number)

        async def fetch_receipt(tx: bytes) -> Receipt | None:
            async with limit:
                found = await self._chain.request("eth_getTransactionReceipt", "0x" + tx.hex())
                return None if found is None else parse_receipt(found)

        numbers = {event.log.block_number for event in events}
        transactions = {bytes(event.log.transaction) for event in events}
        blocks, receipts = await asyncio.gather(
            asyncio.gather(*map(fetch_block, numbers)),
            asyncio.gather(*map(fetch_receipt, transactions)),
        )
        times = {block.number: block.timestamp for block in blocks if block is not None}
        return times, [one for one in receipts if one is not None]

    async def _look_at_head(self) -> None:
        latest, pending = await asyncio.gather(
            self._chain.fetch_block("latest"), self._chain.fetch_block("pending")
        )
        self._looked = time.monotonic()
        times = [block.timestamp for block in (latest, pending) if block is not None]
        now = Seconds(max(times, default=self.now))
        number = latest.number if latest is not None else self.block
        if (number, bool(self.problem)) != (self.block, False) or now - self.now >= 1:
            self.block, self.now, self.problem = number, now, ""
            self._pulse.beat()
