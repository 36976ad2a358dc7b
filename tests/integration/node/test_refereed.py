"""A whole trade that ends before the referee: real client, real worker, one of which lies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pekanu import catalog
from pekanu.chain import Account, AddressBook, Devnet, PendingTransaction, Receipt, Sender
from pekanu.demo.cheats import AccusingClient, LyingWorker
from pekanu.demo.lies import (
    Lie,
    deny_end,
    falsify_exit_code,
    falsify_output,
    hide_trap,
    scramble,
)
from pekanu.errors import WorkerFault
from pekanu.node.client import ClientNode
from pekanu.node.client_handle import JobHandle
from pekanu.node.client_task import ClientStep
from pekanu.node.worker import WorkerNode
from pekanu.node.worker_machine import get_margin
from pekanu.node.worker_terms import WorkerTerms
from pekanu.types import Wei
from support.crash import wait_until
from support.moody import MOODY_ELF
from support.nodes import (
    ETHER,
    LEFT,
    RIGHT,
    TERMS,
    Town,
    build_request,
    keep_mining,
    open_town,
)

#: Each departs from the truth somewhere, and is well sealed.
LIES = {
    "wrong output": Lie(lambda end: end, falsify_output),
    "wrong exit code": Lie(lambda end: end, falsify_exit_code),
    "departs at step 1": Lie(lambda _: 1, scramble),
    "departs in the middle": Lie(lambda end: end // 2, scramble),
    "departs at the last step": Lie(lambda end: end, scramble),
    "departs after the halt": Lie(lambda end: end + 1, scramble),
    "runs on after the halt": Lie(lambda end: end, deny_end),
}


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(devnet, market_book, tmp_path) as opened:
        yield opened


async def play(
    town: Town,
    accounts: tuple[Account, ...],
    kind: type,
    client_kind: type[ClientNode] = ClientNode,
    terms: WorkerTerms = TERMS,
    **request: Any,
) -> tuple[JobHandle, int, int]:
    """Return the job at its end, and what client and worker gained, without gas."""
    worker = await town.open_worker(accounts[1], kind=kind, terms=terms)
    client = await town.open_client(accounts[0], kind=client_kind)
    await client.desk.sender.send(client.desk.market.deposit(Wei(ETHER)), key="deposit")
    wallet = await client.desk.chain.get_balance(accounts[0].address)
    handle = await client.submit(build_request(**request))
    # The worker waits for an approval that does not come, until it must deliver.
    while handle.task is None or handle.task.step is not ClientStep.REFUSED:
        await handle.wait_changed(1.0)
    state = await client.desk.market.fetch_task(handle.task.task_id)
    near = state.deadline - get_margin(handle.task.task.compute_window)
    town.devnet.advance_time(max(1, near - await client.desk.watch.refresh()))
    if issubclass(client_kind, AccusingClient):
        # It loses its challenge, and the worker is paid after the audit.
        while not handle.get_receipt().tasks[-1].is_resigned:
            await handle.wait_changed(1.0)
        town.devnet.advance_time(handle.get_receipt().tasks[-1].task.audit_window + 1)
    await asyncio.wait_for(handle.wait_final(), 60)
    spent = wallet - await client.desk.chain.get_balance(accounts[0].address)
    fees = spent - handle.get_receipt().gas_wei
    gain = await client.desk.fetch_ledger() - ETHER - fees
    return handle, gain, await worker.desk.fetch_ledger() - ETHER


@pytest.mark.parametrize("name", LIES)
async def test_submit__when_the_worker_lies__then_the_client_gets_price_and_stake(
    town: Town, accounts: tuple[Account, ...], name: str
) -> None:
    class Liar(LyingWorker):
        lie = LIES[name]

    policy = "check" if name == "wrong output" else "recompute"
    handle, client, worker = await play(town, accounts, Liar, policy=catalog.parse_policy(policy))
    (task,) = handle.get_receipt().tasks
    price, stake = task.task.price, task.task.stake
    assert (task.step, task.ending) == (ClientStep.FINISHED, "refuted")
    assert (client, worker) == (stake, -stake)
    with pytest.raises(WorkerFault, match="refuted by the referee") as caught:
        await handle.result()
    assert (caught.value.recovered_wei, caught.value.lost_wei) == (price + stake, 0)


async def test_submit__when_a_worker_hides_a_trap__then_the_client_gets_price_and_stake(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    class Liar(LyingWorker):
        lie = Lie(lambda end: end, hide_trap)

    program = catalog.Program(MOODY_ELF, name="moody")
    handle, client, worker = await play(
        town,
        accounts,
        Liar,
        function=program.name,
        program=program,
        items=(program.parse_inputs(b"t traps"),),
        policy=catalog.parse_policy("recompute"),
        max_steps=100_000,
    )
    (task,) = handle.get_receipt().tasks
    assert task.ending == "refuted"
    assert (client, worker) == (task.task.stake, -task.task.stake)


async def test_submit__when_nodes_wait_for_depth_and_blocks_are_lost__then_the_liar_is_refuted(
    devnet: Devnet, market_book: AddressBook, tmp_path: Path, accounts: tuple[Account, ...]
) -> None:
    class Liar(LyingWorker):
        lie = LIES["wrong output"]

    async def reorganize(town: Town) -> None:
        """Lose two blocks in the midst of the dispute."""
        desk = await town.open_desk(accounts[4])
        await wait_until(lambda: any(len(x.logged) > 3 for x in desk.referees.disputes.iterate()))
        devnet.reorganize(2)

    async with open_town(devnet, market_book, tmp_path, confirmations=3) as town:
        with keep_mining(devnet):
            losing = asyncio.create_task(reorganize(town))
            handle, client, worker = await play(town, accounts, Liar)
            await losing
    (task,) = handle.get_receipt().tasks
    assert (task.step, task.ending) == (ClientStep.FINISHED, "refuted")
    assert (client, worker) == (task.task.stake, -task.task.stake)


async def test_submit__when_the_last_move_is_seen_late__then_its_gas_still_counts(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    class LateSender(Sender):
        async def _conclude(self, pending: PendingTransaction, receipt: Receipt) -> Receipt:
            if pending.call.name in {"referee.prove", "referee.expose"}:
                await asyncio.sleep(1.5)
            return await super()._conclude(pending, receipt)

    class LateClient(ClientNode):
        async def submit(self, *args: Any, **options: Any) -> JobHandle:
            self.desk.sender.__class__ = LateSender
            return await super().submit(*args, **options)

    class Liar(LyingWorker):
        lie = LIES["wrong output"]

    handle, client, worker = await play(town, accounts, Liar, LateClient)
    (task,) = handle.get_receipt().tasks
    assert (client, worker) == (task.task.stake, -task.task.stake)


@pytest.mark.parametrize("name", LIES)
async def test_submit__when_the_client_accuses_falsely__then_its_bond_and_the_price_are_the_workers(
    town: Town, accounts: tuple[Account, ...], name: str
) -> None:
    class Accuser(AccusingClient):
        lie = LIES[name]

    handle, client, worker = await play(town, accounts, WorkerNode, Accuser)
    (task,) = handle.get_receipt().tasks
    price, bond = task.task.price, task.terms.bond
    assert (task.step, task.ending) == (ClientStep.FINISHED, "settled")
    assert (client, worker) == (-price - bond, price + bond)
    with pytest.raises(WorkerFault, match="the dispute was lost") as caught:
        await handle.result()
    assert (caught.value.recovered_wei, caught.value.lost_wei) == (0, price + bond)


async def test_batch__when_one_item_of_a_thousand_is_a_lie__then_it_is_found_and_refereed(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    count, wrong = 1000, 613

    class Liar(LyingWorker):
        lie = Lie(lambda end: end - 5, falsify_output, frozenset({wrong}))

    function = catalog.get("matmul")
    items = tuple(
        function.parse_inputs({"a": LEFT + number, "b": RIGHT - number}) for number in range(count)
    )
    cheap = replace(TERMS, base_price=Wei(10**13))
    handle, client, worker = await play(town, accounts, Liar, terms=cheap, items=items)
    (task,) = handle.get_receipt().tasks
    assert (task.ending, task.wrong_item, task.task.count) == ("refuted", wrong, count)
    assert (client, worker) == (task.task.stake, -task.task.stake)
