"""Following one provider's contract: its events by agreement, and waking who waits for them.

Rebuilt from the chain at each start and after a reorganization. Not here: chain time
(`pekanu.node.watch`), what is done about an event (`pekanu.node.provider`, the client).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from pekanu.chain import Connection, Cursor, EventBatch, EventStream, Rollback, StreamOptions
from pekanu.chain.storage_events import AgreementEvent, decode_storage_event
from pekanu.errors import ChainError
from pekanu.types import Address, Hash32

_LOG: Final = logging.getLogger(__name__)
#: Share of the chain's pace that passes between two questions, however much somebody hurries.
_LEAST_REST: Final = 0.2

EventT = TypeVar("EventT", bound=AgreementEvent)


class ServerWatch:
    """Reads a contract's events in order, from a block on.

    Args:
        chain: Where to look.
        server: The contract.
        first_block: Where its events begin.
        confirmations: Blocks that must hold an event, its own included.
    """

    def __init__(
        self, chain: Connection, server: Address, *, first_block: int, confirmations: int = 1
    ) -> None:
        self.events: defaultdict[Hash32, list[AgreementEvent]] = defaultdict(list)
        self._chain, self._first_block = chain, first_block
        self._news, self._hurry = asyncio.Event(), asyncio.Event()
        self._stream = EventStream(
            chain,
            server,
            Cursor(next_block=first_block),
            StreamOptions(confirmations=confirmations),
            decode=decode_storage_event,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the chain while the context is open; all that it says so far is read first."""
        while (found := await self._stream.poll()) is not None:
            self._take(found)
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def find(self, agreement_id: Hash32, kind: type[EventT]) -> EventT | None:
        """Return the last event of a kind of an agreement."""
        found = [one for one in self.events.get(agreement_id, []) if isinstance(one, kind)]
        return found[-1] if found else None

    async def wait(self, seconds: float) -> None:
        """Return when something was heard, or after so many seconds."""
        await _await(self._news, seconds)

    def wake(self) -> None:
        """Let `wait` return."""
        self._news.set()

    def hurry(self) -> None:
        """Ask the chain soon: somebody says that there is news."""
        self._hurry.set()

    async def _follow(self) -> None:
        while True:
            try:
                found = await self._stream.poll()
            except ChainError as error:
                _LOG.warning("the provider's contract cannot be followed: %s", error)
                found = None
            if found is None:
                await self._rest()
            else:
                self._take(found)

    async def _rest(self) -> None:
        """Wait until the chain is to be asked again; whoever hurries it saves most of the wait."""
        least = self._chain.poll_seconds * _LEAST_REST
        await asyncio.sleep(least)
        await _await(self._hurry, self._chain.poll_seconds - least)

    def _take(self, found: EventBatch | Rollback) -> None:
        if isinstance(found, Rollback):
            _LOG.warning("the chain was reorganized after block %d", found.to_block)
            self.events.clear()
            self._stream.cursor = Cursor(next_block=self._first_block)
            self._news.set()
            return
        for event in found.events:
            if isinstance(event, AgreementEvent):
                self.events[event.agreement_id].append(event)
        if found.events:
            self._news.set()


async def _await(event: asyncio.Event, seconds: float) -> None:
    """Return when an event is set, or after so many seconds; it is clear behind."""
    # Not `wait_for`, which before Python 3.12 loses a cancellation that comes with the event.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    event.clear()
