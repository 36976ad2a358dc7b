"""SIGKILL behind every write of a dispute, on either side; who is honest resumes and still wins.

The party that dies is a row of processes: each dies behind the first record of the dispute, or of
its transactions, at which none before it died. The liar runs here, and makes no move before the
other waits for it, so that the records are the same whatever the machine's speed. Steps of which no
dispute here comes: `tests/unit/node/test_dispute_machine.py`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.demo.cheats import AccusingClient, LyingWorker
from pekanu.demo.lies import Lie, falsify_output
from pekanu.market.task import Task, Terms
from pekanu.node.client_task import ClientStep
from pekanu.node.dispute_machine import DisputeStep
from pekanu.node.dispute_role import ROLE
from pekanu.node.journal import read_journal
from pekanu.node.market_desk import MarketDesk
from pekanu.node.worker_machine import get_margin
from pekanu.types import Address, Hash32, Wei
from support.cheats import build_cheat, change_last_byte
from support.crash import (
    DISPUTED_STEPS,
    Row,
    build_row,
    build_ware,
    load_sends,
    name_send,
    wait_until,
)
from support.nodes import ETHER, TERMS, Town, fetch_standing, open_town

#: What is disputed: a function of the catalog, a program of the client's own, an item of a batch;
#: whoever dies does so behind each write. Once it dies at its first move alone, and its next
#: process plays all the rest.
WARES = (("matmul", False), ("program", False), ("batch", False), ("matmul", True))
FIRST_MOVE = f"{ROLE}:{DisputeStep.MOVING.value}:1"


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    market_book.save(tmp_path)
    async with open_town(devnet, market_book, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(("ware", "is_once"), WARES)
async def test_client__when_killed_behind_each_write_of_a_dispute__then_it_gets_price_and_stake(
    town: Town, accounts: tuple[Account, ...], ware: str, *, is_once: bool
) -> None:
    class Liar(LyingWorker):
        """Differs in one bit of the output from the middle on: every check finds that."""

        lie = Lie(lambda end: end // 2, falsify_output, frozenset({1 if ware == "batch" else 0}))

    worker = await town.open_worker(accounts[1], kind=Liar)
    take_turns(worker.desk, town.home, accounts[0].address)
    await deposit(town, accounts[0])
    row = build_row(town, "client", [FIRST_MOVE] if is_once else name_places("client"), ware=ware)
    async with row.playing():
        await pass_to_delivery(town, worker.desk, accounts[0])
        await row.wait_over()
    await wait_until(lambda: not worker.list_tasks())

    (sold,) = worker.list_tasks(live_only=False)
    assert sold.task.count == (3 if ware == "batch" else 1)
    # The bond was paid from the wallet and came back into the ledger.
    assert await fetch_gains(town, accounts) == get_spoils(sold.task, sold.terms)
    hold_to_deaths(row, town, accounts[0].address)


@pytest.mark.parametrize(("ware", "is_once"), WARES)
async def test_worker__when_killed_behind_each_write_of_a_dispute__then_it_gets_bond_and_price(
    town: Town, accounts: tuple[Account, ...], ware: str, *, is_once: bool
) -> None:
    await deposit(town, accounts[1])
    await deposit(town, accounts[0])
    row = build_row(town, "worker", [FIRST_MOVE] if is_once else name_places("worker"))
    async with row.playing():
        client = await town.open_client(accounts[0], kind=AccusingClient)
        take_turns(client.desk, town.home, accounts[1].address)
        await wait_until(client.desk.watch.index.list_workers)
        handle = await client.submit(build_ware(ware))
        await pass_to_delivery(town, client.desk, accounts[0])
        await wait_until(lambda: handle.get_receipt().tasks[-1].is_resigned)
        (bought,) = handle.get_receipt().tasks
        town.devnet.advance_time(bought.task.audit_window + 1)
        await row.wait_over()
        await handle.wait_final()

    # The bond was paid from the wallet.
    price, bond = bought.task.price, bought.terms.bond
    assert await fetch_gains(town, accounts) == [-price, price + bond]
    hold_to_deaths(row, town, accounts[1].address)


async def test_client__when_killed_before_a_worker_that_cannot_open__then_it_gets_price_and_stake(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    worker = await town.open_worker(accounts[1], kind=build_cheat(spoil_output=change_last_byte))
    await deposit(town, accounts[0])
    row = build_row(town, "client", name_places("client"))
    async with row.playing():
        await pass_to_delivery(town, worker.desk, accounts[0])
        await wait_until(
            lambda: load_step(town.home, ROLE, accounts[0].address) == DisputeStep.WAITING
        )
        (sold,) = worker.list_tasks(live_only=False)
        desk = worker.desk
        _, disputes = await fetch_standing(desk.chain, town.book, desk.market, sold.task_id)
        ((_, deadline),) = disputes
        town.devnet.advance_time(deadline + 1 - await desk.chain.get_time())
        await row.wait_over()
    await wait_until(lambda: not worker.list_tasks())

    assert await fetch_gains(town, accounts) == get_spoils(sold.task, sold.terms)
    hold_to_deaths(row, town, accounts[0].address, moves=0)
    assert "dispute:calling_time:1" in row.read_deaths()


# --- who plays ------------------------------------------------------------------------------------


def name_places(role: str) -> tuple[str, ...]:
    """Return what the places begin with at which a dispute is written of."""
    calls = ("challenge", "open", "dissect", "expose", "prove", "time_out")
    steps = [f"{role}:{step.value}" for step in DISPUTED_STEPS[role]]
    return (*steps, ROLE, *(f"send:referee.{call}" for call in calls))


def take_turns(desk: MarketDesk, home: Path, other: Address) -> None:
    """Let a desk move only once the other party has written that it waits for it."""
    send = desk.send

    async def send_in_turn(call: object, **named: object) -> object:
        name = getattr(call, "name", "")
        if name.startswith("referee.") and name != "referee.challenge":
            await wait_until(lambda: load_step(home, ROLE, other) == DisputeStep.WAITING)
        return await send(call, **named)  # type: ignore[arg-type]

    desk.send = send_in_turn  # type: ignore[method-assign, assignment]


async def pass_to_delivery(town: Town, desk: MarketDesk, client: Account) -> None:
    """Once the client has found the lie, turn the clock to when the worker must deliver."""
    await wait_until(lambda: load_step(town.home, "client", client.address) == ClientStep.REFUSED)
    state = await desk.market.fetch_task(load_id(town.home, "client", client.address))
    near = state.deadline - get_margin(TERMS.compute_window)
    town.devnet.advance_time(max(1, near - await desk.chain.get_time()))


# --- what came of it ------------------------------------------------------------------------------


def load_step(home: Path, role: str, account: Address) -> str | None:
    """Return the step of an account's one task or dispute in the journal."""
    found = load_row(home, role, account)
    return None if found is None else found[0]


def load_id(home: Path, role: str, account: Address) -> Hash32:
    """Return the id of an account's one task or dispute in the journal."""
    found = load_row(home, role, account)
    assert found is not None
    return Hash32(bytes.fromhex(found[1]))


def load_row(home: Path, role: str, account: Address) -> tuple[str, str] | None:
    query = "select step, task_id from tasks where role = ? and account = ?"
    with contextlib.closing(sqlite3.connect(home / "journal.db")) as journal:
        found: list[tuple[str, str]] = journal.execute(query, (role, account)).fetchall()
    assert len(found) <= 1
    return found[0] if found else None


def hold_to_deaths(row: Row, town: Town, account: Address, moves: int = 2) -> None:
    """Assert that one died behind every record of the dispute and of its transactions.

    Args:
        row: Who died.
        town: Where.
        account: Whose journal tells what was written.
        moves: How many there are at least.
    """
    if row.party.places == (FIRST_MOVE,):
        assert row.read_deaths() == {FIRST_MOVE}
        return
    places = {f"{row.party.role}:{step.value}" for step in DISPUTED_STEPS[row.party.role]}
    with read_journal(town.home / "journal.db", account) as journal:
        dispute = load_id(town.home, ROLE, account)
        steps = [step for step, _ in journal.load_steps(ROLE, dispute)]
    for step in steps:
        places |= {f"{ROLE}:{step}:{number + 1}" for number in range(steps.count(step))}
    sent = [one for one in load_sends(town.home, account) if one.call.name.startswith("referee.")]
    for one in sent:
        place = name_send(one, sent).removesuffix(":done")
        places |= {f"{place}:open", f"{place}:done"}
    assert row.read_deaths() == places
    assert steps[-1] == DisputeStep.WON
    assert steps.count(DisputeStep.MOVING) >= moves


def get_spoils(task: Task, terms: Terms) -> list[int]:
    """Return what a client and a worker that lied gain in the ledger."""
    return [task.stake + terms.bond, -task.stake]


async def deposit(town: Town, account: Account) -> None:
    async with open_town(town.devnet, town.book, town.home) as visit:
        desk = await visit.open_desk(account)
        await desk.sender.send(desk.market.deposit(Wei(ETHER)), key="deposit")


async def fetch_gains(town: Town, accounts: tuple[Account, ...]) -> list[int]:
    async with open_town(town.devnet, town.book, town.home / "eye") as visit:
        desk = await visit.open_desk(accounts[5])
        return [await desk.fetch_ledger(one.address) - ETHER for one in accounts[:2]]
