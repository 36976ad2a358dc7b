"""Batches over a real chain: a sample's odds, a lie in one item, and the shares' processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pekanu import catalog
from pekanu.bench import batch, queue
from pekanu.chain import Account, AddressBook, Devnet
from pekanu.errors import WorkerFault
from pekanu.node.client_job import JobRequest
from pekanu.node.executors import get_shares
from support.cheats import build_cheat
from support.moody import MOODY_ELF
from support.nodes import ETHER, TERMS, Town, finish, let_pass, open_town

PROGRAM = catalog.Program(MOODY_ELF, name="moody")
ITEMS = tuple(b"s%d" % number for number in range(200))


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(devnet, market_book, tmp_path) as opened:
        yield opened


def build_request(verify: str) -> JobRequest:
    return JobRequest(
        function=PROGRAM.name,
        program=PROGRAM,
        items=ITEMS,
        policy=catalog.parse_policy(verify),
        max_steps=1000,
    )


async def open_worker(town: Town, account: Account, **options: object) -> None:
    # The stake of a batch is its price.
    await town.open_worker(account, deposit=len(ITEMS) * TERMS.base_price + ETHER, **options)  # type: ignore[arg-type]


async def test_submit__when_a_sample_is_verified__then_its_odds_are_told(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    await open_worker(town, accounts[1])
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_request("sample:0.05"))
    assert await finish(handle) == list(ITEMS)
    receipt = handle.get_receipt()
    assert len(get_shares(len(ITEMS))) == 50
    assert float(receipt.get_miss_probability(1)) == pytest.approx(0.95)
    assert receipt.describe_odds() == (
        "probability that a cheat went undetected: "
        "1 wrong of 200: 0.95; 2 wrong of 200: 0.902; 20 wrong of 200: 0.34"
    )


async def test_submit__when_one_item_of_a_batch_is_a_lie__then_it_is_found_and_refereed(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    def spoil(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data.replace(b"s137", b"s731"))

    await open_worker(town, accounts[1], kind=build_cheat(spoil_output=spoil))
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_request("recompute"))
    await let_pass(town, handle)
    with pytest.raises(WorkerFault, match="refuted by the referee"):
        await handle.result()
    (bought,) = handle.get_receipt().tasks
    assert (bought.wrong_item, bought.ending) == (137, "refuted")


async def test_measure__of_a_small_batch__then_two_transactions_and_right_outputs() -> None:
    figures = await batch.measure(40)
    assert figures.gas < 40 * 4000


async def test_measure__of_a_queue__then_no_task_is_lost() -> None:
    # More than a stranger may have inputs without a task.
    found = await queue.measure(66)
    assert found["queued_settled"] == 66
