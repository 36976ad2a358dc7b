"""A client and a worker that both keep to the protocol, over a real chain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.node.client_machine import ClientStep
from pekanu.node.worker_machine import WorkerStep
from support.nodes import ETHER, TERMS, Town, build_request, finish, is_product, open_town


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(devnet, market_book, tmp_path) as opened:
        yield opened


async def test_submit__when_both_are_honest__then_output_for_price(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    worker = await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    await client.desk.sender.send(client.desk.market.deposit(ETHER), key="deposit")
    handle = await client.submit(build_request())
    outputs = await handle.result()
    receipt = await handle.wait_final()
    assert is_product(outputs)
    price = receipt.tasks[0].task.price
    assert price == TERMS.base_price
    assert await client.desk.fetch_ledger() == ETHER - price
    assert await worker.desk.fetch_ledger() == ETHER + price
    assert [cost.call for cost in receipt.costs] == ["post_accepted"]
    assert receipt.tasks[0].step is ClientStep.FINISHED
    tasks = worker.list_tasks(live_only=False)
    assert [one.step for one in tasks] == [WorkerStep.FINISHED]
    (settle,) = worker.desk.journal.load_costs(tasks[0].task_id)
    assert settle.call == "settle"
    assert receipt.costs[0].gas_used + settle.gas_used <= 120_000


async def test_submit__when_ledger_is_empty__then_price_is_deposited_first(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    worker = await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    before = await client.desk.chain.get_balance(accounts[0].address)
    handle = await client.submit(build_request())
    assert is_product(await finish(handle))
    receipt = handle.get_receipt()
    assert {cost.call for cost in receipt.costs} == {"deposit", "post_accepted"}
    after = await client.desk.chain.get_balance(accounts[0].address)
    assert before - after == receipt.gas_wei + receipt.paid_wei
    assert await client.desk.fetch_ledger() == 0
    earnings = await worker.fetch_earnings()
    assert (earnings.settled, earnings.earned_wei) == (1, TERMS.base_price)
