"""Waiting for a task's events: what wakes, and that a cancellation is never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pekanu.chain import Block, Deployment, Log, RpcError
from pekanu.node.watch import ChainWatch, EventSource
from pekanu.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, Seconds, Wei

TASK = Hash32(b"t" * 32)
MARKET = Deployment(address=ZERO_ADDRESS, code_hash=ZERO_HASH, block_number=0)


def make_watch() -> ChainWatch:
    """Return a watch that follows nothing."""
    watch = ChainWatch(None, MARKET)  # type: ignore[arg-type]
    watch.subscribe(TASK)
    return watch


async def test_wait__when_woken__then_returns_at_once() -> None:
    watch = make_watch()
    waiting = asyncio.create_task(watch.wait(TASK, [], timeout_seconds=60))
    await asyncio.sleep(0)
    watch.wake(TASK)
    await asyncio.wait_for(waiting, 1)


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_wait__when_cancelled_as_the_event_comes__then_no_cancellation_is_lost(
    turns: int,
) -> None:
    """A node that is closed just then would wait for its tasks for ever."""
    watch = make_watch()
    waiting = asyncio.create_task(watch.wait(TASK, [], timeout_seconds=60))
    await asyncio.sleep(0.01)
    watch.wake(TASK)
    for _ in range(turns):
        await asyncio.sleep(0)
    # Either it had returned before, or it is cancelled.
    if waiting.cancel():
        with pytest.raises(asyncio.CancelledError):
            await waiting


class Chain:
    """A chain of blocks with one log each, which can be taken back and told otherwise."""

    poll_seconds = 0.001

    def __init__(self) -> None:
        self.words = ["a", "b", "c"]
        #: Blocks of which it gives logs at once.
        self.most = 1000
        #: Called whenever logs are asked for.
        self.look: Callable[[], None] = lambda: None

    async def fetch_head(self) -> Block:
        return self._build(len(self.words) - 1)

    async def fetch_block(self, number: int | str) -> Block | None:
        number = len(self.words) - 1 if isinstance(number, str) else number
        return self._build(number) if number < len(self.words) else None

    async def fetch_logs(self, address: Address, first: int, last: int) -> list[Log]:
        if address == ZERO_ADDRESS:
            return []
        self.look()
        await asyncio.sleep(0)
        if last - first >= self.most:
            raise RpcError("eth_getLogs", "too many blocks")
        return [
            Log(
                address=address,
                topics=(),
                data=word.encode(),
                block_number=number,
                block_hash=ZERO_HASH,
                transaction=ZERO_HASH,
                index=0,
            )
            for number, word in enumerate(self.words)
            if first <= number <= last
        ]

    def _build(self, number: int) -> Block:
        told = Hash32("".join(self.words[: number + 1]).encode().ljust(32))
        return Block(
            number=number,
            hash=told,
            parent_hash=ZERO_HASH,
            timestamp=Seconds(number),
            base_fee=Wei(0),
        )


@pytest.mark.parametrize("most", [1000, 1])
async def test_running__when_the_chain_is_reorganized__then_known_on_until_read_anew(
    most: int,
) -> None:
    chain, known, seen = Chain(), list[str](), list[list[str]]()
    chain.most = most

    def add(events: Sequence[Any]) -> list[Hash32]:
        known.extend(events)
        return []

    source = EventSource(
        contract=replace(MARKET, address=Address("0x" + "11" * 20)),
        decode=lambda log: log.data.decode(),  # type: ignore[arg-type,return-value]
        add=add,
        clear=known.clear,
    )
    watch = ChainWatch(chain, MARKET, [source])  # type: ignore[arg-type]
    watch.subscribe(TASK)

    async def wait_until(words: list[str]) -> None:
        async with asyncio.timeout(10):
            while known != words:
                await watch.wait(TASK, [], timeout_seconds=10)

    async with watch.running():
        assert known == ["a", "b", "c"]
        chain.look = lambda: seen.append(list(known))
        chain.words = ["a", "x", "y", "z"]
        await wait_until(["a", "x", "y", "z"])
        # It was read from the beginning, and what was known before stood meanwhile.
        assert seen
        assert all(one == ["a", "b", "c"] for one in seen)
        chain.words = ["a"]
        await wait_until(["a"])
