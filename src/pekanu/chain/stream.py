"""Following a contract's events through confirmations and reorganizations.

Bounded in memory: one range of blocks at a time, and the hashes of a few dozen blocks to find the
way back. Not here: what a log means (`events`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import pairwise

from pekanu.chain.block import Block, Log
from pekanu.chain.connection import Connection, RpcError
from pekanu.chain.events import MarketEvent, decode_event
from pekanu.types import Address, Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """How far a stream has come; kept by whoever wants to go on from there."""

    #: Next block to be read.
    next_block: int
    #: Numbers and hashes of blocks read before, rising; they show where a reorganization began.
    checkpoints: tuple[tuple[int, Hash32], ...] = ()

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        marks = [[number, digest.hex()] for number, digest in self.checkpoints]
        return json.dumps({"next_block": self.next_block, "checkpoints": marks})

    @classmethod
    def from_json(cls, text: str) -> Cursor:
        """Return what `to_json` wrote."""
        found = json.loads(text)
        marks = ((number, Hash32(bytes.fromhex(text))) for number, text in found["checkpoints"])
        return cls(next_block=found["next_block"], checkpoints=tuple(marks))


@dataclass(frozen=True, kw_only=True, slots=True)
class EventBatch:
    """Events of blocks that are as deep as the stream waits for, in order."""

    events: tuple[MarketEvent, ...]
    #: Where to go on; save it after the events were dealt with.
    cursor: Cursor


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollback:
    """Blocks that were read are no longer on the chain: forget what came after `to_block`."""

    to_block: int
    cursor: Cursor


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamOptions:
    """What a stream waits for and how much it takes at once."""

    #: Blocks that must hold an event, its own included.
    confirmations: int = 1
    #: Most blocks asked for at once; halved where a node finds them too many.
    max_range: int = 2_000
    #: Hashes kept to find the way back; older reorganizations read everything again.
    checkpoints: int = 64
    #: Seconds between looks at the chain; None takes what is fair to the node.
    poll_seconds: float | None = None


class EventStream:
    """A contract's events from a block on, without end: ``async for`` gives batches and rollbacks.

    Batches may be empty: they move the cursor.

    Args:
        chain: Where to look.
        address: The contract.
        cursor: Where to begin.
        options: What it waits for.
        decode: How a log becomes an event; None from it is left out.
    """

    def __init__(
        self,
        chain: Connection,
        address: Address,
        cursor: Cursor,
        options: StreamOptions | None = None,
        *,
        decode: Callable[[Log], MarketEvent | None] = decode_event,
    ) -> None:
        self.cursor = cursor
        self._chain = chain
        self._address = address
        self._options = options or StreamOptions()
        self._decode = decode
        self._first = cursor.next_block
        self._range = self._options.max_range
        #: The head and cursor at which nothing was new.
        self._exhausted: tuple[Hash32, Cursor] | None = None

    def __aiter__(self) -> AsyncIterator[EventBatch | Rollback]:
        return self._follow()

    @property
    def is_exhausted(self) -> bool:
        """Whether the last look found nothing new, and not only a node that refused or moved on."""
        return self._exhausted is not None and self._exhausted[1] == self.cursor

    async def poll(self, head: Block | None = None) -> EventBatch | Rollback | None:
        """Return what is new now, at most one range of blocks; None when nothing is.

        Args:
            head: The latest block, from whoever asked for it a moment ago; else it is asked for.

        Raises:
            Unreachable: The chain does not answer; ask again later, nothing is lost.
            RpcError: The node refuses even a single block.
        """
        if head is None:
            head = await self._chain.fetch_head()
        # The head's hash stands for the whole chain: while it is the same, nothing is new.
        if (head.hash, self.cursor) == self._exhausted:
            return None
        rollback = await self._find_rollback()
        if rollback is not None:
            self.cursor = rollback.cursor
            return rollback
        first = self.cursor.next_block
        safe = head.number - self._options.confirmations + 1
        last = min(safe, first + self._range - 1)
        if last < first:
            self._exhausted = (head.hash, self.cursor)
            return None
        return await self._read(first, last)

    async def _follow(self) -> AsyncIterator[EventBatch | Rollback]:
        pause = self._options.poll_seconds or self._chain.poll_seconds
        while True:
            found = await self.poll()
            if found is None:
                await asyncio.sleep(pause)
            else:
                yield found

    async def _read(self, first: int, last: int) -> EventBatch | None:
        """Read a range whose first and last block stay the same around the reading.

        None when the chain moved meanwhile; the next look then finds the rollback.
        """
        end = await self._chain.fetch_block(last)
        if end is None:
            return None
        try:
            logs = await self._chain.fetch_logs(self._address, first, last)
        except RpcError:
            if last == first:
                raise
            self._range = (last - first + 1) // 2
            return None
        if not await self._holds(self.cursor.checkpoints[-1:]) or not await self._holds(
            ((last, end.hash),)
        ):
            return None
        self._range = min(self._range * 2, self._options.max_range)
        self._advance(last, end.hash)
        events = tuple(event for log in logs if (event := self._decode(log)) is not None)
        return EventBatch(events=events, cursor=self.cursor)

    def _advance(self, last: int, digest: Hash32) -> None:
        marks = (*self.cursor.checkpoints, (last, digest))
        if len(marks) > self._options.checkpoints:
            marks = _thin_out(marks)
        self.cursor = Cursor(next_block=last + 1, checkpoints=marks)

    async def _find_rollback(self) -> Rollback | None:
        marks = self.cursor.checkpoints
        if await self._holds(marks[-1:]):
            return None
        while marks and not await self._holds(marks[-1:]):
            marks = marks[:-1]
        to_block = marks[-1][0] if marks else min(self._first, self.cursor.next_block) - 1
        return Rollback(
            to_block=to_block, cursor=Cursor(next_block=to_block + 1, checkpoints=marks)
        )

    async def _holds(self, marks: tuple[tuple[int, Hash32], ...]) -> bool:
        for number, digest in marks:
            block = await self._chain.fetch_block(number)
            if block is None or block.hash != digest:
                return False
        return True


def _thin_out(marks: tuple[tuple[int, Hash32], ...]) -> tuple[tuple[int, Hash32], ...]:
    """Drop the mark whose loss widens the gaps least in proportion to their age; keep both ends."""
    newest = marks[-1][0]
    # The oldest mark is kept as the floor; recent blocks keep theirs, as most rollbacks are short.
    costs = [
        ((right - left) / (newest - left), index)
        for index, (left, right) in enumerate(
            (a[0], c[0]) for (a, _), (_, c) in pairwise(pairwise(marks))
        )
    ]
    drop = min(costs)[1] + 1
    return marks[:drop] + marks[drop + 1 :]
