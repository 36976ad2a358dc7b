"""Each way to cheat or to fall silent, over a real chain: what both sides end with, to the wei."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.errors import InsufficientFunds, NoWorker, WorkerFault
from pekanu.market.state import Status
from pekanu.node.client_handle import Declined, JobHandle
from pekanu.node.client_role import UNBOUND
from pekanu.node.client_task import ClientStep
from pekanu.node.offers import Offer
from pekanu.node.worker_machine import WorkerCall
from pekanu.types import Wei
from support.cheats import (
    ALL_CALLS,
    break_block,
    build_cheat,
    change_last_byte,
    claim_other_root,
)
from support.nodes import (
    ETHER,
    TERMS,
    Town,
    build_request,
    is_product,
    let_pass,
    open_town,
    pass_time,
)

PRICE, STAKE = TERMS.base_price, TERMS.stake


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(devnet, market_book, tmp_path) as opened:
        yield opened


async def play(
    town: Town, accounts: tuple[Account, ...], kind: type, **request: Any
) -> tuple[JobHandle, int, int]:
    """Return the job, and what client and worker gained, without gas."""
    worker = await town.open_worker(accounts[1], kind=kind)
    client = await town.open_client(accounts[0])
    await client.desk.sender.send(client.desk.market.deposit(Wei(ETHER)), key="deposit")
    wallet = await client.desk.chain.get_balance(accounts[0].address)
    handle = await client.submit(build_request(**request))
    await let_pass(town, handle)
    spent = wallet - await client.desk.chain.get_balance(accounts[0].address)
    fees = spent - handle.get_receipt().gas_wei
    gain = await client.desk.fetch_ledger() - ETHER - fees
    return handle, gain, await worker.desk.fetch_ledger() - ETHER


def get_calls(handle: JobHandle) -> list[str]:
    return sorted(cost.call for cost in handle.get_receipt().costs)


async def test_submit__when_worker_never_delivers__then_price_and_stake_come_back(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    kind = build_cheat(drops=set(ALL_CALLS), withholds={"claim"})
    handle, client, worker = await play(town, accounts, kind)
    assert (client, worker) == (STAKE, -STAKE)
    with pytest.raises(WorkerFault) as caught:
        await handle.result()
    assert caught.value.recovered_wei == PRICE + STAKE
    assert get_calls(handle) == ["expire", "post_accepted"]


async def test_submit__when_key_is_withheld_but_opened_on_demand__then_output_for_price(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    handle, client, worker = await play(town, accounts, build_cheat(withholds={"key"}))
    assert is_product(await handle.result())
    assert (client, worker) == (-PRICE, PRICE)
    assert get_calls(handle) == ["demand_key", "post_accepted"]


async def test_submit__when_key_is_false_but_opened_on_demand__then_output_for_price(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    handle, client, worker = await play(town, accounts, build_cheat(falsifies={"key"}))
    assert is_product(await handle.result())
    assert (client, worker) == (-PRICE, PRICE)
    assert get_calls(handle) == ["demand_key", "post_accepted"]


async def test_submit__when_key_is_never_given__then_worker_forfeits(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    kind = build_cheat(withholds={"key"}, drops={WorkerCall.REVEAL_KEY})
    handle, client, worker = await play(town, accounts, kind)
    assert (client, worker) == (STAKE, -STAKE)
    assert get_calls(handle) == ["demand_key", "forfeit", "post_accepted"]


@pytest.mark.parametrize("fault", ["withholds", "falsifies"])
async def test_submit__when_ciphertext_comes_on_demand_only__then_output_for_price_and_fees(
    town: Town, accounts: tuple[Account, ...], fault: str
) -> None:
    handle, client, worker = await play(town, accounts, build_cheat(**{fault: {"ciphertext"}}))
    assert is_product(await handle.result())
    fees = TERMS.chunk_fee  # the output is one chunk
    assert (client, worker) == (-PRICE - fees, PRICE + fees)
    assert "demand_chunks" in get_calls(handle)


async def test_submit__when_nothing_is_told_but_chunks_are_supplied__then_output_for_price_and_fees(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    kind = build_cheat(withholds={"claim", "ciphertext", "key"})
    handle, client, worker = await play(town, accounts, kind)
    assert is_product(await handle.result())
    assert (client, worker) == (-PRICE - TERMS.chunk_fee, PRICE + TERMS.chunk_fee)
    assert get_calls(handle) == ["demand_chunks", "demand_key", "post_accepted"]


async def test_submit__when_ciphertext_never_comes__then_worker_forfeits_and_fees_return(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    kind = build_cheat(withholds={"ciphertext"}, drops={WorkerCall.SUPPLY_CHUNKS})
    handle, client, worker = await play(town, accounts, kind)
    assert (client, worker) == (STAKE, -STAKE)
    assert get_calls(handle) == ["demand_chunks", "forfeit", "post_accepted"]


@pytest.mark.parametrize("spoil", [break_block, claim_other_root])
async def test_submit__when_seal_is_wrong__then_one_complaint_brings_price_and_stake(
    town: Town, accounts: tuple[Account, ...], spoil: Any
) -> None:
    handle, client, worker = await play(town, accounts, build_cheat(spoil_seal=spoil))
    assert (client, worker) == (STAKE, -STAKE)
    with pytest.raises(WorkerFault) as caught:
        await handle.result()
    assert caught.value.recovered_wei == PRICE + STAKE
    assert get_calls(handle) == ["complain", "post_accepted"]


async def test_submit__when_result_is_wrong_and_cannot_be_opened__then_price_and_stake_come_back(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    kind = build_cheat(spoil_output=change_last_byte)
    handle, client, worker = await play(town, accounts, kind)
    assert (client, worker) == (STAKE, -STAKE)
    with pytest.raises(WorkerFault, match="wrong result") as caught:
        await handle.result()
    assert (caught.value.recovered_wei, caught.value.lost_wei) == (PRICE + STAKE, 0)
    calls = ["post_accepted", "referee.challenge", "referee.time_out"]
    assert get_calls(handle) == calls


async def test_submit__when_result_is_wrong_and_money_is_left__then_next_worker_is_asked_at_once(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    cheat = await town.open_worker(accounts[1], kind=build_cheat(spoil_output=change_last_byte))
    client = await town.open_client(accounts[0])
    honest = await town.open_worker(accounts[2])
    request = build_request(max_price=Wei(2 * PRICE), worker=None)
    handle = await client.submit(request)
    outputs = await handle.result()
    assert is_product(outputs)
    await let_pass(town, handle)
    gains = [await node.desk.fetch_ledger() - ETHER for node in (cheat, honest)]
    assert gains[1] == PRICE
    assert gains[0] in (0, -STAKE)  # whether it was asked first is its luck
    assert handle.get_receipt().paid_wei == PRICE
    assert handle.get_receipt().won_wei == -gains[0]


async def test_submit__when_worker_refuses__then_next_one_is_asked(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    cheap = TERMS.__class__(base_price=Wei(PRICE // 2), stake=STAKE)
    await town.open_worker(accounts[1], kind=build_cheat(withholds={"acceptance"}), terms=cheap)
    honest = await town.open_worker(accounts[2])
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_request())
    assert is_product(await handle.result())
    await let_pass(town, handle)
    assert await honest.desk.fetch_ledger() == ETHER + PRICE
    assert [one.step for one in handle.get_receipt().tasks] == [
        ClientStep.ABANDONED,
        ClientStep.FINISHED,
    ]


async def test_submit__when_client_vanishes_after_posting__then_worker_is_paid(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    worker = await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_request())
    while handle.task is None or handle.task.step in UNBOUND:
        await handle.wait_changed(1)
    await handle.stop()
    await pass_time(
        town, lambda: not worker.list_tasks(), lambda: worker.list_tasks(live_only=False)[0].task_id
    )
    assert await worker.desk.fetch_ledger() == ETHER + PRICE
    (task,) = worker.list_tasks(live_only=False)
    costs = worker.desk.journal.load_costs(task.task_id)
    assert [cost.call for cost in costs] in (["deliver", "finalize"], ["settle"])


async def test_submit__when_offer_is_too_dear__then_nothing_is_spent(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    before = await client.desk.chain.get_balance(accounts[0].address)
    handle = await client.submit(build_request(max_price=Wei(PRICE - 1)))
    with pytest.raises(NoWorker, match="cheapest offer"):
        await handle.result()
    assert await client.desk.chain.get_balance(accounts[0].address) == before


async def test_submit__when_offer_is_declined__then_risk_was_shown_and_nothing_is_spent(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    before = await client.desk.chain.get_balance(accounts[0].address)
    shown: list[Offer] = []

    def decline(offer: Offer) -> bool:
        shown.append(offer)
        return False

    handle = await client.submit(build_request(), confirm=decline)
    with pytest.raises(Declined):
        await handle.result()
    (offer,) = shown
    assert (offer.price, offer.risk.client_wei, offer.risk.faulty_worker_wei) == (PRICE, 0, STAKE)
    # An audit has a second more to run the item again; a dispute comes on top.
    assert offer.risk.longest_seconds == 600 + 601 + 2 * 1201
    assert offer.longest_seconds == offer.risk.longest_seconds + 2 * 600 + 2 * 61 + 4 * 60
    assert await client.desk.chain.get_balance(accounts[0].address) == before


async def test_submit__when_nobody_works__then_no_worker(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_request())
    with pytest.raises(NoWorker, match="nobody sells"):
        await handle.result()


async def test_submit__when_account_is_empty__then_insufficient_funds(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    await town.open_worker(accounts[1])
    poor = Account.create()
    client = await town.open_client(poor)
    handle = await client.submit(build_request())
    with pytest.raises(InsufficientFunds):
        await handle.result()


async def test_submit__when_a_reorganization_erases_the_escrow__then_it_is_posted_again(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    worker = await town.open_worker(accounts[1], kind=build_cheat(withholds={"claim"}))
    client = await town.open_client(accounts[0])
    await client.desk.sender.send(client.desk.market.deposit(Wei(ETHER)), key="deposit")
    handle = await client.submit(build_request())
    while handle.task is None or handle.task.step in UNBOUND:
        await handle.wait_changed(1)
    town.devnet.reorganize(1)
    assert (await client.desk.fetch_sighting(handle.task.task_id)).state.status is Status.NONE
    worker.withholds = frozenset()
    assert is_product(await handle.result())
    await let_pass(town, handle)
    assert await client.desk.fetch_ledger() == ETHER - PRICE
    assert await worker.desk.fetch_ledger() == ETHER + PRICE
