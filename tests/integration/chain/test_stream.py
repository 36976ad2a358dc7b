"""Following events: in order, once, and back again when the chain turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pekanu.chain import (
    Call,
    Connection,
    Cursor,
    Devnet,
    EventBatch,
    EventStream,
    MarketContract,
    Rollback,
    RpcError,
    Sender,
    StreamOptions,
)
from pekanu.chain.block import Log
from pekanu.chain.events import Announced, Deposited
from pekanu.types import Address, Wei


class StingyConnection(Connection):
    """A node that refuses logs of more than a few blocks at once."""

    limit = 3

    async def fetch_logs(
        self, address: Address, first: int, last: int, topics: Sequence[object] = ()
    ) -> list[Log]:
        if last - first + 1 > self.limit:
            raise RpcError("eth_getLogs", "block range too large")
        return await super().fetch_logs(address, first, last, topics)


class TurningConnection(Connection):
    """A chain that reorganizes while its logs are being read."""

    devnet: Devnet | None = None

    async def fetch_logs(
        self, address: Address, first: int, last: int, topics: Sequence[object] = ()
    ) -> list[Log]:
        logs = await super().fetch_logs(address, first, last, topics)
        if self.devnet is not None:
            self.devnet.reorganize(1)
            self.devnet = None
        return logs


class CountingConnection(Connection):
    """Counts what it is asked."""

    asked = 0

    async def request_once(self, method: str, *params: object) -> Any:
        self.asked += 1
        return await super().request_once(method, *params)


def get_amounts(batch: object) -> list[int]:
    assert isinstance(batch, EventBatch)
    return [event.amount for event in batch.events if isinstance(event, Deposited)]


async def start(
    market: MarketContract, options: StreamOptions | None = None, chain: Connection | None = None
) -> EventStream:
    number = await market.chain.fetch_block_number()
    return EventStream(
        chain or market.chain, market.address, Cursor(next_block=number + 1), options
    )


async def deposit(sender: Sender, market: MarketContract, *amounts: int) -> None:
    for amount in amounts:
        await sender.send(market.deposit(Wei(amount)), key=f"deposit {amount}")


async def test_poll__when_events_come__gives_each_once_in_order(
    sender: Sender, market: MarketContract
) -> None:
    stream = await start(market)
    await deposit(sender, market, 1, 2, 3)

    assert get_amounts(await stream.poll()) == [1, 2, 3]
    assert await stream.poll() is None
    await deposit(sender, market, 4)
    assert get_amounts(await stream.poll()) == [4]


async def test_iterate__when_events_come__gives_them(
    sender: Sender, market: MarketContract
) -> None:
    stream = await start(market)
    await deposit(sender, market, 1)

    async for batch in stream:
        assert get_amounts(batch) == [1]
        break


async def test_poll__when_resumed_from_a_saved_cursor__goes_on(
    sender: Sender, market: MarketContract
) -> None:
    first = await start(market)
    await deposit(sender, market, 1)
    batch = await first.poll()
    assert isinstance(batch, EventBatch)
    await deposit(sender, market, 2)

    cursor = Cursor.from_json(batch.cursor.to_json())
    resumed = EventStream(market.chain, market.address, cursor)

    assert cursor == batch.cursor
    assert get_amounts(await resumed.poll()) == [2]


async def test_poll__when_confirmations_are_asked__waits_for_them(
    sender: Sender, market: MarketContract, devnet: Devnet
) -> None:
    stream = await start(market, StreamOptions(confirmations=3))
    await deposit(sender, market, 1)

    assert await stream.poll() is None
    devnet.mine()
    assert await stream.poll() is None
    devnet.mine()
    assert get_amounts(await stream.poll()) == [1]


async def test_poll__when_the_range_is_bounded__comes_in_parts(
    sender: Sender, market: MarketContract
) -> None:
    stream = await start(market, StreamOptions(max_range=2))
    await deposit(sender, market, 1, 2, 3)

    assert get_amounts(await stream.poll()) == [1, 2]
    assert get_amounts(await stream.poll()) == [3]


async def test_poll__when_the_head_is_the_same__asks_for_it_and_for_nothing_else(
    sender: Sender, market: MarketContract, devnet: Devnet
) -> None:
    async with CountingConnection.open(devnet.rpc) as chain:
        stream = await start(market, chain=chain)
        await deposit(sender, market, 1)
        assert get_amounts(await stream.poll()) == [1]
        assert await stream.poll() is None

        chain.asked = 0
        assert await stream.poll() is None
        assert chain.asked == 1
        assert await stream.poll(await chain.fetch_head()) is None
        assert chain.asked == 2

        devnet.reorganize(1)
        assert isinstance(await stream.poll(), Rollback)


async def test_poll__when_the_chain_reorganizes__rolls_back_and_reads_again(
    sender: Sender, market: MarketContract, devnet: Devnet
) -> None:
    stream = await start(market, StreamOptions(max_range=1))
    await deposit(sender, market, 1, 2, 3)
    kept = await stream.poll()
    assert isinstance(kept, EventBatch)
    for _ in range(2):
        await stream.poll()
    devnet.reorganize(2)

    rollback = await stream.poll()

    assert isinstance(rollback, Rollback)
    assert rollback.to_block == kept.cursor.next_block - 1
    assert rollback.cursor == stream.cursor == kept.cursor
    assert get_amounts(await stream.poll()) == []


async def test_poll__when_a_reorganization_is_deeper_than_the_memory__reads_all_again(
    sender: Sender, market: MarketContract, devnet: Devnet
) -> None:
    stream = await start(market, StreamOptions(max_range=1, checkpoints=3))
    first = stream.cursor.next_block
    await deposit(sender, market, *range(1, 9))
    for _ in range(8):
        await stream.poll()
    assert len(stream.cursor.checkpoints) == 3
    devnet.reorganize(8)

    rollback = await stream.poll()

    assert isinstance(rollback, Rollback)
    assert rollback.to_block == first - 1


async def test_poll__when_it_turns_during_the_reading__gives_nothing_of_it(
    sender: Sender, market: MarketContract, devnet: Devnet, chain: Connection
) -> None:
    turning = TurningConnection(chain.rpc, chain._session, chain._options, chain.chain_id)
    stream = await start(market, chain=turning)
    await deposit(sender, market, 1)
    turning.devnet = devnet

    assert await stream.poll() is None
    assert get_amounts(await stream.poll()) == []


async def test_poll__when_the_node_finds_the_range_too_large__asks_for_less(
    sender: Sender, market: MarketContract, chain: Connection
) -> None:
    stingy = StingyConnection(chain.rpc, chain._session, chain._options, chain.chain_id)
    stream = await start(market, StreamOptions(max_range=16), chain=stingy)
    await deposit(sender, market, *range(1, 10))
    amounts: list[int] = []
    for _ in range(20):
        found = await stream.poll()
        if found is not None:
            amounts += get_amounts(found)

    assert amounts == list(range(1, 10))


async def test_poll__when_the_node_refuses_even_one_block__says_so(
    sender: Sender, market: MarketContract, chain: Connection
) -> None:
    stingy = StingyConnection(chain.rpc, chain._session, chain._options, chain.chain_id)
    stingy.limit = 0
    stream = await start(market, StreamOptions(max_range=1), chain=stingy)
    await deposit(sender, market, 1)

    with pytest.raises(RpcError, match="too large"):
        await stream.poll()


async def test_poll__when_an_endpoint_is_no_text__passes_it_by(
    sender: Sender, market: MarketContract
) -> None:
    stream = await start(market)
    good = market.announce(1, "grüße", b"\x01" * 32, b"\x02" * 32)
    bad = Call(to=good.to, data=good.data.replace("grüße".encode(), b"\xff" * 7))
    await sender.send(bad, key="bad")
    await sender.send(good, key="good")

    batch = await stream.poll()

    assert isinstance(batch, EventBatch)
    (announced,) = batch.events
    assert isinstance(announced, Announced)
    assert (announced.account, announced.role) == (sender.account.address, 1)
    assert announced.endpoint == "grüße"
