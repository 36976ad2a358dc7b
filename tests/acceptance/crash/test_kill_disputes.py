"""SIGKILL at every move of a dispute, on either side; whoever is honest resumes and still wins.

The party that dies is a process of its own; the liar runs here.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.demo.cheats import AccusingClient, LyingWorker
from pekanu.demo.lies import Lie, falsify_output
from pekanu.types import Wei
from support.crash import Party, build_ware, start, wait_dead, wait_until
from support.nodes import ETHER, TERMS, Town, build_request, get_matmul_bond, open_town, pass_time

PRICE, STAKE = TERMS.base_price, TERMS.stake
#: After which record of the dispute it dies: at the challenge, at each of its moves, as it waits.
# Not `won`: the task may be over, and the client gone, before its dispute is seen to be.
CLIENT_KILLS = ("challenging/1", "moving/1", "moving/2", "moving/3", "waiting/1")
WORKER_KILLS = ("moving/1", "moving/2", "moving/3", "waiting/1", "won/1")
#: Between signing a move and sending it.
CLIENT_CALLS = ("challenge", "dissect")
WORKER_CALLS = ("open", "dissect")


class Liar(LyingWorker):
    """Differs in one bit of the output from the middle on: its check finds that."""

    lie = Lie(lambda end: end // 2, falsify_output)


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    market_book.save(tmp_path)
    async with open_town(devnet, market_book, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    "kill",
    [{"kill_at": f"dispute/{place}"} for place in CLIENT_KILLS]
    + [{"kill_before": f"referee.{call}"} for call in CLIENT_CALLS],
    ids=lambda kill: next(iter(kill.values())),
)
async def test_client__when_killed_in_a_dispute__then_it_resumes_and_gets_price_and_stake(
    town: Town, accounts: tuple[Account, ...], kill: dict[str, str]
) -> None:
    worker = await town.open_worker(accounts[1], kind=Liar)
    await deposit(town, accounts[0])
    first = await start(get_party(town, "client", **kill))
    await pass_time(town, lambda: first.exitcode is not None, lambda: get_task_id(worker))
    assert await wait_dead(first) == -signal.SIGKILL
    second = await start(get_party(town, "client", begins=False))

    def is_over() -> bool:
        return second.exitcode is not None and not worker.list_tasks()

    await pass_time(town, is_over, lambda: get_task_id(worker))
    assert await wait_dead(second) == 0
    # The bond was paid from the wallet and came back into the ledger.
    assert await fetch_gains(town, accounts) == [STAKE + get_matmul_bond(), -STAKE]


@pytest.mark.parametrize(
    "kill",
    [{"kill_at": f"dispute/{place}"} for place in WORKER_KILLS]
    + [{"kill_before": f"referee.{call}"} for call in WORKER_CALLS],
    ids=lambda kill: next(iter(kill.values())),
)
async def test_worker__when_killed_in_a_dispute__then_it_resumes_and_gets_bond_and_price(
    town: Town, accounts: tuple[Account, ...], kill: dict[str, str]
) -> None:
    await deposit(town, accounts[1])
    await deposit(town, accounts[0])
    first = await start(get_party(town, "worker", **kill))
    client = await town.open_client(accounts[0], kind=AccusingClient)
    await wait_until(client.desk.watch.index.list_workers)
    handle = await client.submit(build_request())

    def find_task() -> bytes | None:
        tasks = handle.get_receipt().tasks
        return tasks[-1].task_id if tasks else None

    await pass_time(town, lambda: first.exitcode is not None, find_task)
    assert await wait_dead(first) == -signal.SIGKILL
    second = await start(get_party(town, "worker"))
    await pass_time(town, lambda: second.exitcode is not None, find_task)
    assert await wait_dead(second) == 0
    assert await fetch_gains(town, accounts) == [-PRICE, PRICE + get_matmul_bond()]


#: Of an item alone among others, and of a program that the worker knows from the client alone.
WARES = (
    ("client", "program", {"kill_at": "dispute/moving/2"}),
    ("client", "batch", {"kill_before": "referee.dissect"}),
    ("worker", "batch", {"kill_at": "dispute/moving/2"}),
)


@pytest.mark.parametrize(("role", "ware", "kill"), WARES)
async def test_party__when_killed_in_a_dispute_about_its_own_program__then_it_resumes_and_wins(
    town: Town, accounts: tuple[Account, ...], role: str, ware: str, kill: dict[str, str]
) -> None:
    class ProgramLiar(LyingWorker):
        lie = Lie(lambda end: end // 2, falsify_output, frozenset({1} if ware == "batch" else {0}))

    await deposit(town, accounts[0])
    if role == "client":
        worker = await town.open_worker(accounts[1], kind=ProgramLiar)
        first = await start(get_party(town, "client", ware=ware, **kill))
        find_task = lambda: get_task_id(worker)  # noqa: E731
    else:
        await deposit(town, accounts[1])
        first = await start(get_party(town, "worker", **kill))
        client = await town.open_client(accounts[0], kind=AccusingClient)
        await wait_until(client.desk.watch.index.list_workers)
        handle = await client.submit(build_ware(ware))
        find_task = lambda: next((t.task_id for t in handle.get_receipt().tasks), None)  # noqa: E731
    await pass_time(town, lambda: first.exitcode is not None, find_task)
    assert await wait_dead(first) == -signal.SIGKILL
    second = await start(get_party(town, role, begins=False))

    def is_over() -> bool:
        return second.exitcode is not None and (role == "worker" or not worker.list_tasks())

    await pass_time(town, is_over, find_task)
    assert await wait_dead(second) == 0
    if role == "client":
        (sold,) = worker.list_tasks(live_only=False)
        assert sold.task.count == (3 if ware == "batch" else 1)
        gains = [sold.task.stake + sold.terms.bond, -sold.task.stake]
    else:
        (bought,) = handle.get_receipt().tasks
        gains = [-bought.task.price, bought.task.price + bought.terms.bond]
    assert await fetch_gains(town, accounts) == gains


def get_party(town: Town, role: str, **changes: object) -> Party:
    return Party(
        role=role,
        rpc=town.devnet.rpc,
        chain_id=town.devnet.chain_id,
        home=town.home,
        account={"client": 0, "worker": 1}[role],
        **changes,  # type: ignore[arg-type]
    )


async def deposit(town: Town, account: Account) -> None:
    async with open_town(town.devnet, town.book, town.home) as visit:
        desk = await visit.open_desk(account)
        await desk.sender.send(desk.market.deposit(Wei(ETHER)), key="deposit")


async def fetch_gains(town: Town, accounts: tuple[Account, ...]) -> list[int]:
    async with open_town(town.devnet, town.book, town.home / "eye") as visit:
        desk = await visit.open_desk(accounts[5])
        return [await desk.fetch_ledger(one.address) - ETHER for one in accounts[:2]]


def get_task_id(worker: LyingWorker) -> bytes | None:
    tasks = worker.list_tasks(live_only=False)
    return tasks[-1].task_id if tasks else None
