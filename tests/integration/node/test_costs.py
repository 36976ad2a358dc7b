"""What an account's transactions cost, to the wei, also of those that fail or are mined twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.chain.transactions import SenderOptions
from pekanu.crypto.keccak import keccak256
from pekanu.errors import TransactionReverted
from pekanu.market.task import Task
from pekanu.node.market_desk import MarketDesk
from pekanu.types import Seconds, Wei
from support.nodes import ETHER, Town, open_town

TASK = keccak256(b"a task")
PATIENCE_SECONDS = 20


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(devnet, market_book, tmp_path) as opened:
        yield opened


@pytest.fixture
async def desk(town: Town, accounts: tuple[Account, ...]) -> MarketDesk:
    """A desk with money in the market."""
    desk = await town.open_desk(accounts[0])
    await desk.sender.send(desk.market.deposit(Wei(ETHER)), key="deposit")
    return desk


async def fetch_wealth(desk: MarketDesk) -> int:
    """Return all that the account has, so that what is gone is gas."""
    return await desk.chain.get_balance(desk.address) + await desk.fetch_ledger()


def sum_costs(desk: MarketDesk) -> int:
    return sum(cost.fee for cost in desk.journal.load_costs(TASK))


def build_task(desk: MarketDesk, offered_until: int) -> Task:
    window = Seconds(600)
    return Task(
        client=desk.address,
        terms=TASK,
        price=Wei(5),
        stake=Wei(5),
        offered_until=Seconds(offered_until),
        compute_window=window,
        audit_window=window,
        response_window=window,
        chunk_fee=Wei(0),
        salt=TASK,
    )


async def wait_for_pool(desk: MarketDesk, transactions: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while int((await desk.chain.request("txpool_status"))["pending"], 16) < transactions:  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.01)


async def test_costs__when_a_transaction_fails_on_chain__then_its_gas_counts_too(
    town: Town, desk: MarketDesk
) -> None:
    before = await fetch_wealth(desk)
    await desk.send(desk.market.withdraw(Wei(5)), task_id=TASK, name="withdraw")
    late = build_task(desk, await desk.chain.get_time() + 600)
    town.devnet.set_automine(False)
    sending = asyncio.create_task(desk.send(desk.market.post(late), task_id=TASK, name="post"))
    await wait_for_pool(desk, 1)
    town.devnet.advance_time(700)

    with pytest.raises(TransactionReverted, match="offer over") as caught:
        await sending

    costs = {cost.call: cost for cost in desk.journal.load_costs(TASK)}
    assert costs.keys() == {"withdraw", "post"}
    done, failed = costs["withdraw"], costs["post"]
    assert caught.value.transaction == "0x" + failed.transaction.hex()
    assert before - await fetch_wealth(desk) == done.fee + failed.fee


@pytest.mark.parametrize(("rise", "is_replaced"), [(1.2, False), (4, True)])
async def test_costs__when_a_transaction_is_mined_again__then_what_the_last_time_cost_counts(
    town: Town, desk: MarketDesk, rise: float, *, is_replaced: bool
) -> None:
    before = await fetch_wealth(desk)
    desk.sender.options = SenderOptions(bump_seconds=0.2, rebroadcast_seconds=0.05)
    call = desk.market.withdraw(Wei(5))
    first = await desk.send(call, task_id=TASK, name="withdraw")
    assert before - await fetch_wealth(desk) == sum_costs(desk) == first.fee
    town.devnet.reorganize(1)
    town.devnet.request("anvil_setNextBlockBaseFeePerGas", int(rise * first.gas_price))

    again = await desk.send(call, task_id=TASK, name="withdraw")

    # Where what was offered does not do any more, more is offered under the same nonce.
    assert (again.transaction != first.transaction) is is_replaced
    assert before - await fetch_wealth(desk) == sum_costs(desk) == again.fee > first.fee
