"""Searches between real nodes: bought, searched, opened, approved; and each way to cheat."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pekanu import catalog
from pekanu.chain import Account, AddressBook, Devnet
from pekanu.demo.cheats import SkippingWorker
from pekanu.errors import NoWorker, WorkerFault
from pekanu.market.task import Terms
from pekanu.node.client import ClientNode
from pekanu.node.client_handle import JobHandle
from pekanu.node.client_job import ClientJob, JobRequest
from pekanu.node.client_role import UNBOUND
from pekanu.node.client_search import SearchDraft
from pekanu.node.client_task import ClientStep
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.worker import WorkerNode
from pekanu.node.worker_terms import WorkerTerms
from pekanu.ringers import RingerCount, SearchTerms, decode_solutions
from pekanu.types import Hash32, Wei
from support.cheats import build_cheat
from support.nodes import ETHER, TERMS, Town, finish, let_pass, open_town, pass_time

PATTERN = "summer-[0-9]{3}!"
SECRET = b"summer-042!"
COUNT = RingerCount(least=6, most=12)


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(devnet, market_book, tmp_path) as opened:
        yield opened


def build_search(**changes: Any) -> JobRequest:
    function = catalog.get("hash-search")
    inputs = {"pattern": PATTERN, "targets": hashlib.sha256(SECRET).hexdigest()}
    inputs |= changes.pop("inputs", {})
    return JobRequest(
        function="hash-search",
        items=(function.parse_inputs(inputs),),
        policy=catalog.parse_policy("ringers"),
        **{"ringers": COUNT, **changes},
    )


async def play(
    town: Town,
    accounts: tuple[Account, ...],
    kind: type[WorkerNode],
    terms: WorkerTerms = TERMS,
    **request: Any,
) -> tuple[JobHandle, int, int]:
    """Return the job, and what client and worker gained, without gas."""
    worker = await town.open_worker(accounts[1], kind=kind, terms=terms)
    client = await town.open_client(accounts[0])
    await client.desk.sender.send(client.desk.market.deposit(Wei(ETHER)), key="deposit")
    wallet = await client.desk.chain.get_balance(accounts[0].address)
    handle = await client.submit(build_search(**request))
    await let_pass(town, handle)
    spent = wallet - await client.desk.chain.get_balance(accounts[0].address)
    fees = spent - handle.get_receipt().gas_wei
    gain = await client.desk.fetch_ledger() - ETHER - fees
    return handle, gain, await worker.desk.fetch_ledger() - ETHER


def build_misleading(change: dict[str, Any]) -> type[ClientNode]:
    """Return a kind of client whose terms are not those of the search that it asks for."""

    class Draft(SearchDraft):
        def build_terms(self, run: Terms, bond: Wei) -> SearchTerms:
            return replace(super().build_terms(run, bond), **change)

    class Client(ClientNode):
        def _hide_ringers(self, job: ClientJob) -> SearchDraft:
            found = super()._hide_ringers(job)
            return Draft(content=found.content, inversion=found.inversion, planted=found.planted)

    return Client


async def test_search__when_both_are_honest__then_solutions_for_price_in_two_transactions(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    worker = await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_search())
    outputs = await finish(handle)
    (found,) = catalog.get("hash-search").decode_output(outputs[0])  # type: ignore[misc]
    assert found == {
        "index": 42,
        "candidate": SECRET.decode(),
        "hash": hashlib.sha256(SECRET).hexdigest(),
    }
    (task,) = handle.get_receipt().tasks
    assert (task.step, task.ending) == (ClientStep.FINISHED, "settled")
    assert COUNT.least <= len(task.ringers) <= COUNT.most
    assert f"the {len(task.ringers)} ringers are among" in task.verdict
    assert task.search is not None
    assert task.search.targets == 1 + COUNT.most
    assert await worker.desk.fetch_ledger() == ETHER + task.task.price
    assert sorted(cost.call for cost in handle.get_receipt().costs) == ["deposit", "post_accepted"]


async def test_search__when_nothing_is_found__then_the_worker_is_paid_all_the_same(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_search(inputs={"targets": "0" * 64}))
    outputs = await finish(handle)
    assert catalog.get("hash-search").decode_output(outputs[0]) == []
    assert handle.get_receipt().tasks[0].ending == "settled"


async def test_search__when_half_was_skipped__then_refuted_by_the_missing_ringer(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    handle, client, worker = await play(
        town, accounts, SkippingWorker, ringers=RingerCount(least=20, most=20)
    )
    (task,) = handle.get_receipt().tasks
    assert (task.ending, "a ringer is missing" in task.verdict) == ("refuted", True)
    assert (client, worker) == (task.task.stake, -task.task.stake)
    with pytest.raises(WorkerFault, match="refuted by the referee") as caught:
        await handle.result()
    assert caught.value.recovered_wei == task.task.price + task.task.stake


@pytest.mark.parametrize("claims", ["a stranger's candidate", "no order"])
async def test_search__when_the_list_is_false__then_refuted(
    town: Town, accounts: tuple[Account, ...], claims: str
) -> None:
    def spoil(path: Path) -> None:
        points = decode_solutions(path.read_bytes())
        free = next(point for point in range(1000) if point not in points)
        forged = points[::-1] if claims == "no order" else sorted([*points, free])
        path.write_bytes(b"".join(point.to_bytes(32, "big") for point in forged))

    handle, client, worker = await play(town, accounts, build_cheat(spoil_output=spoil))
    (task,) = handle.get_receipt().tasks
    assert task.ending == "refuted"
    assert (client, worker) == (task.task.stake, -task.task.stake)


@pytest.mark.parametrize("skips", [False, True])
async def test_search__when_a_list_that_is_dear_to_publish_is_withheld__then_ringers_are_opened(
    town: Town, accounts: tuple[Account, ...], *, skips: bool
) -> None:
    base = SkippingWorker if skips else WorkerNode

    class Withholding(base):  # type: ignore[misc, valid-type]
        async def get_ciphertext_path(self, _peer: object, _task_id: object) -> Path:
            raise PeerRefused("early", "soon")

    terms = replace(TERMS, chunk_fee=Wei(2 * TERMS.base_price))
    handle, client, worker = await play(
        town, accounts, Withholding, terms=terms, ringers=RingerCount(least=20, most=20)
    )
    (task,) = handle.get_receipt().tasks
    assert "withheld" in task.verdict
    assert task.search is not None
    if skips:
        assert task.ending == "refuted"
        assert (client, worker) == (task.task.stake, -task.task.stake)
    else:
        lost = task.task.price + task.search.bond
        assert task.ending == "settled"
        assert (client, worker) == (-lost, lost)
        with pytest.raises(WorkerFault) as caught:
            await handle.result()
        assert caught.value.lost_wei == lost


async def test_search__when_the_client_vanishes__then_the_worker_is_paid_after_the_audit(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    # It shows nothing before it must, so that the client is not further when it goes.
    worker = await town.open_worker(accounts[1], kind=build_cheat(withholds={"claim"}))
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_search())
    while handle.task is None or handle.task.step in UNBOUND:
        await handle.wait_changed(0.1)
    price, task_id = handle.task.task.price, handle.task.task_id
    await client.close()
    await pass_time(town, lambda: not worker.list_tasks(), lambda: task_id)
    assert await worker.desk.fetch_ledger() == ETHER + price


async def test_search__when_each_try_is_new__then_so_are_its_ringers(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    """Who failed, or was shown ringers, can tell the next worker nothing."""
    silent = await town.open_worker(accounts[1], kind=SkippingWorker)
    await town.open_worker(accounts[2], terms=replace(TERMS, base_price=Wei(2 * TERMS.base_price)))
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_search(max_price=Wei(ETHER), ringers=RingerCount(least=20)))
    await let_pass(town, handle)
    # On a slow machine an acceptance may lapse in between, and be asked for anew.
    tries = handle.get_receipt().tasks
    assert tries[0].worker.address == silent.desk.address
    assert (tries[0].ending, tries[-1].ending) == ("refuted", "settled")
    assert all(one.search is not None for one in tries)
    for get in (
        lambda one: one.ringers,
        lambda one: one.salt,
        lambda one: one.input,
        lambda one: one.search.ringers_hash,
    ):
        assert len({get(one) for one in tries}) == len(tries) > 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"low": 1}, "the domain is another one"),
        ({"targets": 3}, "the targets are other ones"),
        ({"targets_root": Hash32(bytes(32))}, "the targets are other ones"),
        ({"run": Hash32(bytes(32))}, "not those of a search"),
        ({"bond": 1}, "a challenge's bond is"),
    ],
)
async def test_accept__when_the_terms_are_not_those_of_the_search__then_refused(
    town: Town, accounts: tuple[Account, ...], change: dict[str, Any], sentence: str
) -> None:
    await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0], kind=build_misleading(change))
    handle = await client.submit(build_search())
    with pytest.raises(NoWorker, match=sentence):
        await handle.result()


async def test_quote__when_a_search_is_asked_for__then_priced_by_its_candidates(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    (small,) = await client.quote(build_search())
    (large,) = await client.quote(build_search(inputs={"pattern": "summer-[0-9]{8}!"}))
    assert large.price - small.price > 10**8 * 700 * TERMS.gigastep_price // 10**9
    with pytest.raises(NoWorker, match="nobody sells"):
        await (await client.submit(build_search(inputs={"pattern": "[0-9]{12}"}))).result()
