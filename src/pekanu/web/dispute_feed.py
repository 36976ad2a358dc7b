"""Disputes, followed on the chain and kept in memory; read from the beginning at each start.

What is not here: what one amounts to (`pekanu.node.dispute_story`), its page (`dispute_pages`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from pekanu.chain import Connection, Cursor, EventBatch, EventStream, Rollback
from pekanu.chain.deploy import Deployment
from pekanu.chain.referee_events import DisputeLogged, decode_dispute_log
from pekanu.errors import ChainError, UsageError
from pekanu.node.dispute_index import DisputeIndex, DisputeRecord
from pekanu.node.dispute_story import DisputeStory, fetch_story, tell_story
from pekanu.types import Hash32
from pekanu.web.pulse import Pulse

_LOG: Final = logging.getLogger(__name__)
#: Ended stories that are kept with their proofs, which are read from transactions.
_KEPT: Final = 64
_WAIT_SECONDS: Final = 0.5


class DisputeFeed:
    """Reads a referee's events while it runs.

    Args:
        chain: Where to look.
        referee: The contract.
        pulse: Beats when anything changed.
    """

    def __init__(self, chain: Connection, referee: Deployment, pulse: Pulse) -> None:
        self._chain, self._pulse = chain, pulse
        self._begin = Cursor(next_block=referee.block_number)
        self._stream = EventStream(chain, referee.address, self._begin, decode=decode_dispute_log)
        self._index = DisputeIndex()
        self._told: OrderedDict[tuple[Hash32, int], DisputeStory] = OrderedDict()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the referee while the context is open."""
        following = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following

    def list_disputes(self, task_id: Hash32 | None = None) -> list[DisputeStory]:
        """Return all disputes, or those about a task, newest first, without their proofs."""
        return [tell_story(one) for one in self._index.iterate(task_id=task_id)][::-1]

    async def wait_for(self, dispute: Hash32, *, timeout_seconds: float) -> bool:
        """Return whether a dispute is there, once it is or after a time."""
        until = time.monotonic() + timeout_seconds
        while self._index.find(dispute) is None:
            if time.monotonic() > until:
                return False
            await self._pulse.wait(self._pulse.count, timeout_seconds=_WAIT_SECONDS)
        return True

    async def fetch(self, text: str) -> DisputeStory:
        """Return the dispute of an id, with the step that was proved.

        Raises:
            UsageError: There is none.
        """
        record = self._find(text)
        if not record.is_ended:
            return tell_story(record)
        key = (record.dispute, len(record.logged))
        if key not in self._told:
            self._told[key] = await fetch_story(self._chain, record)
            while len(self._told) > _KEPT:
                self._told.popitem(last=False)
        return self._told[key]

    def _find(self, text: str) -> DisputeRecord:
        digits = text.lower().removeprefix("0x")
        found = None
        if len(digits) == 64 and not set(digits) - set("0123456789abcdef"):
            found = self._index.find(Hash32(bytes.fromhex(digits)))
        if found is None:
            raise UsageError(f"there is no dispute {text[:80]!r} here")
        return found

    async def _follow(self) -> None:
        while True:
            try:
                found = await self._stream.poll()
                if found is not None:
                    self._take(found)
                    continue
            except ChainError as error:
                _LOG.debug("the referee cannot be followed: %s", error)
            await asyncio.sleep(self._chain.poll_seconds)

    def _take(self, found: EventBatch | Rollback) -> None:
        if isinstance(found, Rollback):
            self._index.clear()
            self._told.clear()
            self._stream.cursor = self._begin
            self._pulse.beat()
            return
        events = [one for one in found.events if isinstance(one, DisputeLogged)]
        self._index.add(events)
        if events:
            self._pulse.beat()
