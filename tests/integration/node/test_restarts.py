"""What the chain says while a client's process is not there: the next one has read it all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.market.state import Status
from pekanu.node.client_task import ClientStep
from pekanu.node.worker_machine import WorkerCall
from pekanu.types import Wei
from support.cheats import build_cheat
from support.nodes import ETHER, TERMS, Town, build_request, is_product, open_town, pass_time

PRICE, FEE = TERMS.base_price, TERMS.chunk_fee


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(devnet, market_book, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("what", "call", "step", "fees"),
    [
        ("key", WorkerCall.REVEAL_KEY, ClientStep.DEMANDING_KEY, 0),
        ("ciphertext", WorkerCall.SUPPLY_CHUNKS, ClientStep.DEMANDING_CHUNKS, FEE),
    ],
)
async def test_client__when_its_demand_is_answered_while_it_is_away__then_it_finds_the_answer(
    town: Town,
    accounts: tuple[Account, ...],
    what: str,
    call: WorkerCall,
    step: ClientStep,
    fees: int,
) -> None:
    kind = build_cheat(withholds={what}, drops={call})
    worker = await town.open_worker(accounts[1], kind=kind)
    home = town.home / "client"
    home.mkdir()
    async with open_town(town.devnet, town.book, home) as visit:
        client = await visit.open_client(accounts[0])
        await client.desk.sender.send(client.desk.market.deposit(Wei(ETHER)), key="deposit")
        handle = await client.submit(build_request())
        await pass_time(
            visit,
            lambda: handle.task is not None and handle.task.step is step,
            lambda: next((one.task_id for one in handle.get_receipt().tasks), None),
        )
        (bought,) = handle.get_receipt().tasks
        task_id = bought.task_id
        while (await client.desk.market.fetch_task(task_id)).status is not Status.DEMANDED:
            await handle.wait_changed(0.1)
    # It answers only now.
    kind.role_kind.drops = frozenset()
    while (await worker.desk.market.fetch_task(task_id)).status is Status.DEMANDED:
        worker.desk.watch.wake(task_id)
        await asyncio.sleep(0.1)

    async with open_town(town.devnet, town.book, home) as visit:
        client = await visit.open_client(accounts[0])
        (handle,) = await client.resume()
        async with asyncio.timeout(30):
            assert is_product(await handle.result())
            await handle.wait_final()
        # Fees are paid from the wallet.
        assert await client.desk.fetch_ledger() == ETHER - PRICE
    assert await worker.desk.fetch_ledger() == ETHER + PRICE + fees
