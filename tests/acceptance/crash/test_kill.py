"""SIGKILL at every step of the journal, on either side; what both end with is as fairness demands.

The steps come from the machines' enums: one without a scenario fails the suite. The party that
dies is a row of processes, one for each step of a scenario and for each of its transactions between
signing and sending; the other one runs here. Steps of disputes: `test_kill_disputes`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.market.state import Status
from pekanu.node.client_events import Ask, ClientCall
from pekanu.node.client_task import ClientStep
from pekanu.node.worker_machine import WorkerCall, WorkerStep
from pekanu.types import Hash32, Wei
from support.cheats import (
    CheatingClient,
    break_block,
    build_cheat,
)
from support.crash import DISPUTED_STEPS, build_row, wait_until
from support.nodes import ETHER, TERMS, Town, build_request, open_town, pass_time

PRICE, STAKE, FEE = TERMS.base_price, TERMS.stake, TERMS.chunk_fee


@dataclass(frozen=True)
class Scenario:
    """What makes a step come about, and what both end with in the market."""

    client_gain: int
    worker_gain: int
    #: At which steps, and before the sending of which transactions, the party dies.
    steps: tuple[StrEnum, ...] = ()
    calls: tuple[str, ...] = ()
    #: How the worker cheats.
    cheat: dict[str, Any] = field(default_factory=dict)
    #: What the client does not do.
    client_drops: frozenset[object] = frozenset()
    #: The client says that it is told nothing.
    denies: bool = False
    #: The client's ledger at the beginning.
    deposit: int = ETHER
    is_broken: bool = False
    #: Where the task stands while somebody waits for the clock; else everything comes by itself.
    waits: frozenset[Status] = frozenset()
    #: The acceptance is to run out unused.
    lapses: bool = False
    #: The client may as well give up before anything is bound; then nobody gains.
    or_nothing: bool = False


STARTED = frozenset({*Ask, *ClientCall}) - {Ask.ACCEPTANCE, ClientCall.POST_ACCEPTED}
#: Until the worker must deliver, and until the client loses its patience or the audit is over.
DELIVERING = frozenset({Status.ACCEPTED})
AUDITING = frozenset({Status.ACCEPTED, Status.DELIVERED})
CLIENT_SCENARIOS = {
    "honest": Scenario(
        -PRICE,
        PRICE,
        steps=(
            ClientStep.ASKING,
            ClientStep.POSTING,
            ClientStep.WAITING,
            ClientStep.FETCHING,
            ClientStep.OPENING,
            ClientStep.VERIFYING,
            ClientStep.APPROVING,
            ClientStep.FINISHED,
        ),
        calls=("post_accepted",),
    ),
    "honest, killed once": Scenario(-PRICE, PRICE, calls=("post_accepted",)),
    "funded": Scenario(0, PRICE, deposit=0, steps=(ClientStep.FUNDING,), calls=("deposit",)),
    "silent": Scenario(
        STAKE,
        -STAKE,
        cheat={"withholds": {"claim"}, "drops": set(WorkerCall)},
        waits=DELIVERING,
        steps=(ClientStep.EXPIRING,),
        calls=("expire",),
    ),
    "hidden": Scenario(
        -PRICE,
        PRICE + FEE,
        cheat={"withholds": {"ciphertext"}},
        waits=AUDITING,
        steps=(ClientStep.DEMANDING_CHUNKS,),
        calls=("demand_chunks",),
    ),
    "keyless": Scenario(
        -PRICE,
        PRICE,
        cheat={"withholds": {"key"}},
        waits=AUDITING,
        steps=(ClientStep.DEMANDING_KEY,),
        calls=("demand_key",),
    ),
    "mute": Scenario(
        STAKE,
        -STAKE,
        cheat={"withholds": {"key"}, "drops": {WorkerCall.REVEAL_KEY}},
        waits=AUDITING | {Status.DEMANDED},
        steps=(ClientStep.FORFEITING,),
        calls=("forfeit",),
    ),
    "broken seal": Scenario(
        STAKE,
        -STAKE,
        cheat={"spoil_seal": break_block},
        waits=DELIVERING,
        steps=(ClientStep.COMPLAINING,),
        calls=("complain",),
    ),
    "unwilling": Scenario(0, 0, cheat={"withholds": {"acceptance"}}, steps=(ClientStep.ABANDONED,)),
}
WORKER_SCENARIOS = {
    "honest": Scenario(
        -PRICE,
        PRICE,
        steps=(
            WorkerStep.EXECUTING,
            WorkerStep.SEALING,
            WorkerStep.SHOWING,
            WorkerStep.SETTLING,
            WorkerStep.FINISHED,
        ),
        calls=("settle",),
    ),
    "honest, killed once": Scenario(-PRICE, PRICE, calls=("settle",)),
    "unanswered": Scenario(
        -PRICE,
        PRICE,
        lapses=True,
        waits=frozenset(Status),
        or_nothing=True,
        steps=(WorkerStep.ACCEPTING,),
    ),
    "vanished": Scenario(
        -PRICE,
        PRICE,
        client_drops=STARTED,
        waits=AUDITING,
        steps=(WorkerStep.DELIVERING, WorkerStep.AUDITED, WorkerStep.FINALIZING),
        calls=("deliver", "finalize"),
    ),
    "denied": Scenario(
        -PRICE,
        PRICE + FEE,
        denies=True,
        waits=AUDITING,
        steps=(WorkerStep.SUPPLYING, WorkerStep.REVEALING),
        calls=("supply_chunks", "reveal_key"),
    ),
    "failing": Scenario(
        STAKE, -STAKE, is_broken=True, waits=DELIVERING, steps=(WorkerStep.FAILED,)
    ),
    "unposted": Scenario(
        0,
        0,
        client_drops=frozenset({ClientCall.POST_ACCEPTED}),
        lapses=True,
        waits=frozenset({Status.NONE}),
        steps=(WorkerStep.LAPSED,),
    ),
}


def test_scenarios__when_a_step_is_new__then_it_has_one() -> None:
    assert list_steps(CLIENT_SCENARIOS) == sorted(set(ClientStep) - DISPUTED_STEPS["client"])
    assert list_steps(WORKER_SCENARIOS) == sorted(set(WorkerStep) - DISPUTED_STEPS["worker"])


def list_steps(scenarios: dict[str, Scenario]) -> list[StrEnum]:
    return sorted(step for scenario in scenarios.values() for step in scenario.steps)


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    market_book.save(tmp_path)
    async with open_town(devnet, market_book, tmp_path) as opened:
        yield opened


def name_places(role: str, scenario: Scenario) -> set[str]:
    steps = {f"{role}:{step.value}" for step in scenario.steps}
    return steps | {f"send:{call}:1:open" for call in scenario.calls}


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


@pytest.mark.parametrize("name", CLIENT_SCENARIOS)
async def test_client__when_killed_at_each_step__then_it_ends_fairly(
    town: Town, accounts: tuple[Account, ...], name: str
) -> None:
    scenario = CLIENT_SCENARIOS[name]
    worker = await town.open_worker(accounts[1], kind=build_cheat(**scenario.cheat))
    await deposit(town, accounts[0], scenario.deposit)
    row = build_row(town, "client", name_places("client", scenario))

    async with row.playing():
        await pass_time(
            town,
            lambda: row.is_over and not worker.list_tasks(),
            lambda: get_task_id(worker),
            is_busy=lambda status: row.is_away or status not in scenario.waits,
        )
        await row.wait_over()
    assert row.read_deaths() == name_places("client", scenario)
    await check_money(town, accounts, scenario)


@pytest.mark.parametrize("name", WORKER_SCENARIOS)
async def test_worker__when_killed_at_each_step__then_it_ends_fairly(
    town: Town, accounts: tuple[Account, ...], name: str
) -> None:
    scenario = WORKER_SCENARIOS[name]
    await deposit(town, accounts[1], ETHER)
    await deposit(town, accounts[0], scenario.deposit)
    places = name_places("worker", scenario)
    row = build_row(town, "worker", places, is_broken=scenario.is_broken)
    async with row.playing():
        client = await town.open_client(accounts[0], kind=CheatingClient)
        client.drops, client.denies = scenario.client_drops, scenario.denies
        await wait_until(client.desk.watch.index.list_workers)
        handle = await client.submit(build_request())

        def find_task() -> Hash32 | None:
            tasks = handle.get_receipt().tasks
            return tasks[-1].task_id if tasks else None

        await pass_time(
            town,
            lambda: row.is_over,
            find_task,
            lapses=scenario.lapses,
            is_busy=lambda status: row.is_away or status not in scenario.waits,
        )
        await row.wait_over()
    assert row.read_deaths() == places
    await check_money(town, accounts, scenario)


def get_task_id(worker: Any) -> Hash32 | None:
    tasks = worker.list_tasks(live_only=False)
    return tasks[-1].task_id if tasks else None
