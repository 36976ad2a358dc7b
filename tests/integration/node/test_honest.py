"""A client and a worker that both keep to the protocol, over a real chain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pekanu import catalog
from pekanu.chain import Account, AddressBook, Devnet
from pekanu.dispute.rules import are_sound
from pekanu.errors import NoWorker, ProgramFailed
from pekanu.machine.state import Status
from pekanu.node import client_handle
from pekanu.node.client import ClientNode
from pekanu.node.client_role import UNBOUND
from pekanu.node.client_task import ClientStep, WorkerRef
from pekanu.node.market_desk import Sighting
from pekanu.node.peer_client import PeerClient
from pekanu.node.peer_errors import PeerError, PeerRefused, PeerUnreachable
from pekanu.node.process_executor import ProcessExecutor
from pekanu.node.worker_machine import WorkerStep
from pekanu.types import Hash32, Wei
from support.cheats import build_cheat
from support.crash import wait_until
from support.nodes import ETHER, TERMS, Town, build_request, finish, is_product, open_town


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    async with (
        ProcessExecutor(2) as executor,
        open_town(devnet, market_book, tmp_path) as opened,
    ):
        opened.executor = executor
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
    bought = receipt.tasks[0]
    assert bought.task.referee == town.book["BisectionReferee"].address
    assert bought.task.terms == bought.terms.hash()
    assert are_sound(bought.terms)
    price = bought.task.price
    assert price == TERMS.base_price
    assert await client.desk.fetch_ledger() == ETHER - price
    assert await worker.desk.fetch_ledger() == ETHER + price
    assert [cost.call for cost in receipt.costs] == ["post_accepted"]
    assert receipt.tasks[0].step is ClientStep.FINISHED
    # The client can see the settlement before its worker notes it.
    await wait_until(lambda: not worker.list_tasks(live_only=True))
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


async def test_submit__when_many_at_once__then_none_is_lost_and_the_busy_worker_is_waited_for(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    terms = replace(TERMS, client_capacity=2)
    worker = await town.open_worker(accounts[1], terms=terms)
    client = await town.open_client(accounts[0])
    before = await client.desk.chain.get_balance(accounts[0].address)
    handles = [await client.submit(build_request()) for _ in range(6)]
    outputs = await asyncio.gather(*(handle.result() for handle in handles))
    assert all(is_product(one) for one in outputs)
    for handle in handles:
        await handle.wait_final()
    assert await worker.desk.fetch_ledger() == ETHER + 6 * TERMS.base_price
    gas = sum(handle.get_receipt().gas_wei for handle in handles)
    left = await client.desk.chain.get_balance(accounts[0].address)
    assert before - left - gas == 6 * TERMS.base_price + await client.desk.fetch_ledger()


@pytest.mark.parametrize(
    "refusal", [PeerUnreachable("the line is down"), PeerRefused("quota", "you ask too often")]
)
async def test_submit__when_the_worker_answers_a_little_later__then_it_is_waited_for(
    town: Town, accounts: tuple[Account, ...], refusal: PeerError
) -> None:
    class Cut(ClientNode):
        cuts = 2

        async def connect(self, worker: WorkerRef) -> PeerClient:
            if self.cuts:
                self.cuts -= 1
                raise refusal
            return await super().connect(worker)

    await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0], kind=Cut)
    handle = await client.submit(build_request())
    assert is_product(await finish(handle))
    assert handle.job.tried == ()


async def test_submit__when_the_worker_is_gone__then_nobody_sells(
    town: Town, accounts: tuple[Account, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cut(ClientNode):
        async def connect(self, worker: WorkerRef) -> PeerClient:
            raise PeerUnreachable(f"{worker.address} does not answer")

    monkeypatch.setattr(client_handle, "_SILENT_SECONDS", 0.2)
    await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0], kind=Cut)
    handle = await client.submit(build_request())
    with pytest.raises(NoWorker, match="nobody sells this computation now"):
        await handle.result()


async def test_submit__when_the_worker_sees_escrows_late__then_none_is_reserved_twice(
    town: Town, accounts: tuple[Account, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    price = TERMS.base_price
    await client.desk.sender.send(client.desk.market.deposit(Wei(2 * price)), key="deposit")
    seen, fetch = asyncio.Event(), worker.desk.fetch_sighting

    async def fetch_late(task_id: Hash32) -> Sighting:
        await seen.wait()
        return await fetch(task_id)

    monkeypatch.setattr(worker.desk, "fetch_sighting", fetch_late)
    handles = []
    for _ in range(2):
        handles.append(await client.submit(build_request()))
        async with asyncio.timeout(60):
            while handles[-1].task is None or handles[-1].task.step in UNBOUND:
                await handles[-1].wait_changed(1.0)
    assert await client.desk.fetch_ledger() == 0
    seen.set()
    for handle in handles:
        assert is_product(await finish(handle))
    assert await worker.desk.fetch_ledger() == ETHER + 2 * price


async def test_submit__when_the_program_is_stopped__then_its_worker_is_paid_and_the_client_told(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    worker = await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_request(max_steps=1000))
    with pytest.raises(ProgramFailed, match="still running at the step limit") as caught:
        await handle.result()
    assert (caught.value.status, caught.value.items) == (Status.RUNNING, (0,))
    receipt = await handle.wait_final()
    assert receipt.tasks[0].ending == "settled"
    assert receipt.tasks[0].verdict == ("the program was still running at the step limit, as here")
    assert await worker.desk.fetch_ledger() == ETHER + TERMS.base_price


async def test_submit__when_a_batch__then_all_items_in_two_transactions(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    worker = await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    await client.desk.sender.send(client.desk.market.deposit(Wei(ETHER)), key="deposit")
    function = catalog.get("matmul")
    factors = [np.full((1, 1), number, dtype=np.int64) for number in range(20)]
    items = tuple(function.parse_inputs({"a": one, "b": one}) for one in factors)
    handle = await client.submit(build_request(items=items))
    outputs = await finish(handle)
    assert [function.decode_output(one).item() for one in outputs] == [  # type: ignore[attr-defined]
        number**2 for number in range(20)
    ]
    assert [cost.call for cost in handle.get_receipt().costs] == ["post_accepted"]
    assert await worker.desk.fetch_ledger() == ETHER + 20 * TERMS.base_price


async def test_submit__when_worker_moves_in_between__then_it_is_found_again(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    async with open_town(town.devnet, town.book, town.home) as first:
        await first.open_worker(accounts[1], kind=build_cheat(withholds={"claim"}))
        client = await town.open_client(accounts[0])
        handle = await client.submit(build_request())
        while handle.task is None or handle.task.step in UNBOUND:
            await handle.wait_changed(1)
    await town.open_worker(accounts[1], deposit=0)
    assert is_product(await finish(handle))
