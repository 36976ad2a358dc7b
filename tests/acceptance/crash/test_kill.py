"""SIGKILL at every step of the journal, on either side; what both end with is as fairness demands.

The steps come from the machines' enums: one without a scenario fails the suite. The party that
dies is a process of its own; the other one runs here.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.demo.cheats import AccusingClient
from pekanu.node.client import ClientNode
from pekanu.node.client_events import Ask, ClientCall
from pekanu.node.client_task import ClientStep
from pekanu.node.worker_machine import WorkerCall, WorkerStep
from pekanu.types import Hash32, Wei
from support.cheats import (
    CheatingClient,
    break_block,
    build_cheat,
    change_last_byte,
)
from support.crash import Party, start, wait_dead, wait_until
from support.nodes import ETHER, TERMS, Town, build_request, get_matmul_bond, open_town, pass_time

PRICE, STAKE, FEE = TERMS.base_price, TERMS.stake, TERMS.chunk_fee


@dataclass(frozen=True)
class Scenario:
    """What makes a step come about, and what both end with in the market."""

    client_gain: int
    worker_gain: int
    #: How the worker cheats.
    cheat: dict[str, Any]
    #: What the client does not do.
    client_drops: frozenset[object] = frozenset()
    #: The client says that it is told nothing.
    denies: bool = False
    #: The client's ledger at the beginning.
    deposit: int = ETHER
    is_broken: bool = False
    #: The acceptance is to run out unused.
    lapses: bool = False
    #: The client may as well give up before anything is bound; then nobody gains.
    or_nothing: bool = False
    #: The client challenges what is right.
    accuses: bool = False


HONEST = Scenario(-PRICE, PRICE, {})
FUNDED = Scenario(0, PRICE, {}, deposit=0)
#: The worker cannot open what it claimed; the bond comes back into the ledger.
WRONG = Scenario(STAKE + get_matmul_bond(), -STAKE, {"spoil_output": change_last_byte})
ACCUSED = Scenario(-PRICE, PRICE + get_matmul_bond(), {}, accuses=True)
SILENT = Scenario(STAKE, -STAKE, {"withholds": {"claim"}, "drops": set(WorkerCall)})
HIDDEN = Scenario(-PRICE, PRICE + FEE, {"withholds": {"ciphertext"}})
KEYLESS = Scenario(-PRICE, PRICE, {"withholds": {"key"}})
MUTE = Scenario(STAKE, -STAKE, {"withholds": {"key"}, "drops": {WorkerCall.REVEAL_KEY}})
BROKEN_SEAL = Scenario(STAKE, -STAKE, {"spoil_seal": break_block})
UNWILLING = Scenario(0, 0, {"withholds": {"acceptance"}})
DENIED = Scenario(-PRICE, PRICE + FEE, {}, denies=True)
VANISHED = Scenario(
    -PRICE,
    PRICE,
    {},
    client_drops=frozenset({*Ask, *ClientCall}) - {Ask.ACCEPTANCE, ClientCall.POST_ACCEPTED},
)
UNPOSTED = Scenario(0, 0, {}, client_drops=frozenset({ClientCall.POST_ACCEPTED}), lapses=True)
UNANSWERED = Scenario(-PRICE, PRICE, {}, lapses=True, or_nothing=True)
FAILING = Scenario(STAKE, -STAKE, {}, is_broken=True)

CLIENT_SCENARIOS = {
    ClientStep.FUNDING: FUNDED,
    ClientStep.ASKING: HONEST,
    ClientStep.POSTING: HONEST,
    ClientStep.WAITING: HONEST,
    ClientStep.FETCHING: HONEST,
    ClientStep.OPENING: HONEST,
    ClientStep.VERIFYING: HONEST,
    ClientStep.APPROVING: HONEST,
    ClientStep.REFUSED: WRONG,
    ClientStep.CHALLENGING: WRONG,
    ClientStep.DISPUTING: WRONG,
    ClientStep.EXPIRING: SILENT,
    ClientStep.DEMANDING_CHUNKS: HIDDEN,
    ClientStep.DEMANDING_KEY: KEYLESS,
    ClientStep.FORFEITING: MUTE,
    ClientStep.COMPLAINING: BROKEN_SEAL,
    ClientStep.ABANDONED: UNWILLING,
    ClientStep.FINISHED: HONEST,
}
WORKER_SCENARIOS = {
    WorkerStep.ACCEPTING: UNANSWERED,
    WorkerStep.EXECUTING: HONEST,
    WorkerStep.SEALING: HONEST,
    WorkerStep.SHOWING: HONEST,
    WorkerStep.SETTLING: HONEST,
    WorkerStep.DELIVERING: VANISHED,
    WorkerStep.AUDITED: VANISHED,
    WorkerStep.DEFENDING: ACCUSED,
    WorkerStep.FINALIZING: VANISHED,
    WorkerStep.SUPPLYING: DENIED,
    WorkerStep.REVEALING: DENIED,
    WorkerStep.FAILED: FAILING,
    WorkerStep.LAPSED: UNPOSTED,
    WorkerStep.FINISHED: HONEST,
}


def test_scenarios__when_a_step_is_new__then_it_has_one() -> None:
    assert set(CLIENT_SCENARIOS) == set(ClientStep)
    assert set(WORKER_SCENARIOS) == set(WorkerStep)


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    market_book.save(tmp_path)
    async with open_town(devnet, market_book, tmp_path) as opened:
        yield opened


def get_party(town: Town, role: str, **changes: Any) -> Party:
    account = {"client": 0, "worker": 1}[role]
    return Party(
        role=role,
        rpc=town.devnet.rpc,
        chain_id=town.devnet.chain_id,
        home=town.home,
        account=account,
        **changes,
    )


async def deposit(town: Town, account: Account, amount: int) -> None:
    """Give an account money in the market, without a node of its own."""
    if amount:
        async with open_town(town.devnet, town.book, town.home) as visit:
            desk = await visit.open_desk(account)
            await desk.sender.send(desk.market.deposit(Wei(amount)), key="deposit")


async def check_money(town: Town, accounts: tuple[Account, ...], scenario: Scenario) -> None:
    async with open_town(town.devnet, town.book, town.home / "eye") as visit:
        desk = await visit.open_desk(accounts[5])
        gains = [
            await desk.fetch_ledger(accounts[0].address) - scenario.deposit,
            await desk.fetch_ledger(accounts[1].address) - ETHER,
        ]
    if scenario.or_nothing and gains == [0, 0]:
        return
    assert gains == [scenario.client_gain, scenario.worker_gain]


@pytest.mark.parametrize("step", CLIENT_SCENARIOS)
async def test_client__when_killed_at_a_step__then_its_restart_ends_fairly(
    town: Town, accounts: tuple[Account, ...], step: ClientStep
) -> None:
    await play_client(town, accounts, CLIENT_SCENARIOS[step], kill_at=step.value)


@pytest.mark.parametrize(
    ("call", "scenario"),
    [("deposit", FUNDED), ("post_accepted", HONEST), ("expire", SILENT), ("demand_key", KEYLESS)],
)
async def test_client__when_killed_between_signing_and_broadcast__then_sent_once(
    town: Town, accounts: tuple[Account, ...], call: str, scenario: Scenario
) -> None:
    await play_client(town, accounts, scenario, kill_before=call)


@pytest.mark.parametrize("step", WORKER_SCENARIOS)
async def test_worker__when_killed_at_a_step__then_its_restart_ends_fairly(
    town: Town, accounts: tuple[Account, ...], step: WorkerStep
) -> None:
    await play_worker(town, accounts, WORKER_SCENARIOS[step], kill_at=step.value)


@pytest.mark.parametrize(
    ("call", "scenario"),
    [("settle", HONEST), ("deliver", VANISHED), ("supply_chunks", DENIED), ("reveal_key", DENIED)],
)
async def test_worker__when_killed_between_signing_and_broadcast__then_sent_once(
    town: Town, accounts: tuple[Account, ...], call: str, scenario: Scenario
) -> None:
    await play_worker(town, accounts, scenario, kill_before=call)


async def play_client(
    town: Town, accounts: tuple[Account, ...], scenario: Scenario, **kill: str
) -> None:
    """Play with a client that dies and is started again."""
    worker = await town.open_worker(accounts[1], kind=build_cheat(**scenario.cheat))
    await deposit(town, accounts[0], scenario.deposit)
    first = await start(get_party(town, "client", **kill))
    pass_first = asyncio.create_task(
        pass_time(town, lambda: first.exitcode is not None, lambda: get_task_id(worker))
    )
    assert await wait_dead(first) == -signal.SIGKILL
    await pass_first
    second = await start(get_party(town, "client", begins=False))

    def is_over() -> bool:
        return second.exitcode is not None and not worker.list_tasks()

    await pass_time(town, is_over, lambda: get_task_id(worker))
    assert await wait_dead(second) == 0
    await check_money(town, accounts, scenario)


async def play_worker(
    town: Town, accounts: tuple[Account, ...], scenario: Scenario, **kill: str
) -> None:
    """Play with a worker that dies and is started again."""
    await deposit(town, accounts[1], ETHER)
    await deposit(town, accounts[0], scenario.deposit)
    first = await start(get_party(town, "worker", is_broken=scenario.is_broken, **kill))
    if scenario.accuses:
        client: ClientNode = await town.open_client(accounts[0], kind=AccusingClient)
    else:
        client = await open_cheating_client(town, accounts[0], scenario)
    await wait_until(client.desk.watch.index.list_workers)
    handle = await client.submit(build_request())

    def find_task() -> Hash32 | None:
        tasks = handle.get_receipt().tasks
        return tasks[-1].task_id if tasks else None

    pass_first = asyncio.create_task(
        pass_time(town, lambda: first.exitcode is not None, find_task, lapses=scenario.lapses)
    )
    assert await wait_dead(first) == -signal.SIGKILL
    await pass_first
    second = await start(get_party(town, "worker", is_broken=scenario.is_broken))
    await pass_time(town, lambda: second.exitcode is not None, find_task, lapses=scenario.lapses)
    assert await wait_dead(second) == 0
    await check_money(town, accounts, scenario)


async def open_cheating_client(town: Town, account: Account, scenario: Scenario) -> ClientNode:
    client = await town.open_client(account, kind=CheatingClient)
    client.drops, client.denies = scenario.client_drops, scenario.denies
    return client


def get_task_id(worker: Any) -> Hash32 | None:
    tasks = worker.list_tasks(live_only=False)
    return tasks[-1].task_id if tasks else None
