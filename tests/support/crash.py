"""Parties in processes of their own, which kill themselves behind what they write to the journal.

The journal is patched in the child; the product knows nothing of this. A child dies behind the
first write at which none before it died, so that a row of children (`Row`) dies at every write that
is meant, in one and the same task.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final, TypeVar

from pekanu.catalog import Program, parse_policy
from pekanu.chain import AddressBook, Connection, PendingTransaction
from pekanu.chain.account import Account, get_development_keys
from pekanu.node.client import ClientNode
from pekanu.node.client_job import JobRequest
from pekanu.node.client_task import ClientStep
from pekanu.node.journal import Entry, Journal, open_journal
from pekanu.node.journal_sends import JournalSends
from pekanu.node.market_desk import MarketDesk, open_desk
from pekanu.node.worker import WorkerOptions
from pekanu.node.worker_machine import WorkerStep
from pekanu.types import Address
from support.cheats import build_cheat
from support.inline_executor import InlineExecutor
from support.moody import MOODY_ELF
from support.nodes import TERMS, Town, build_request

PartyT = TypeVar("PartyT")

#: After which a process that was started again has done what was due.
_SETTLING_SECONDS: Final = 1.5

#: Forked from a process that has imported everything, so that each start takes milliseconds.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "support.crash",
        "support.storage_crash",
        "pekanu.catalog.matmul.native",
        "pekanu.node.guest_runner",
        "pekanu.eth_signing",
    ]
)

#: Steps of client and worker that only tasks with a dispute take: `test_kill_disputes`.
DISPUTED_STEPS: Final = {
    "client": frozenset({ClientStep.REFUSED, ClientStep.CHALLENGING, ClientStep.DISPUTING}),
    "worker": frozenset({WorkerStep.DEFENDING}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Party:
    """What a child process does."""

    role: str
    rpc: str
    chain_id: int
    home: Path
    #: Which of the development accounts.
    account: int
    #: What a client buys: ``matmul``, ``program`` or ``batch`` (three items of one's own program).
    ware: str = "matmul"
    #: Names the places at which one died before.
    deaths: Path
    #: At which places it dies, by what their names begin with: `client:asking`, `dispute`,
    #: `send:referee.dissect`, `send:deposit:1:open`.
    places: tuple[str, ...] = ()
    #: For a worker, how it cheats (`build_cheat`).
    cheat: tuple[tuple[str, frozenset[Any]], ...] = ()
    #: For a worker, the program fails.
    is_broken: bool = False


def ensure_server() -> None:
    """Start the process that forks, with this one's import path: Python 3.11 does not hand it on.

    Without it nothing of ours is imported there, and each child takes two seconds to do it itself.
    """
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    try:
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


async def start_process(play: Callable[[PartyT, Event], None], party: PartyT) -> BaseProcess:
    """Return a child that plays a party, once it says that it is ready or has ended."""
    ensure_server()
    ready = CONTEXT.Event()
    process = CONTEXT.Process(target=play, args=(party, ready))
    process.start()
    await wait_until(lambda: ready.is_set() or process.exitcode is not None)
    return process


def run(party: Party, ready: Event) -> None:
    """Be a party until its work is done, or until the write behind which it dies."""
    if party.places:
        _patch(party)
    asyncio.run(_run(party, ready))


def _patch(party: Party) -> None:
    record: Callable[..., None] = Journal.record
    save: Callable[..., None] = JournalSends.save

    def die(place: str) -> None:
        if any(place == meant or place.startswith(meant + ":") for meant in party.places):
            die_once(party.deaths, place)

    def record_and_die(journal: Journal, entry: Entry, at: Any) -> None:
        record(journal, entry, at)
        place = f"{entry.role}:{entry.step}"
        if entry.role == "dispute":
            steps = [step for step, _ in journal.load_steps(entry.role, entry.task_id)]
            place += f":{steps.count(entry.step)}"
        die(place)

    def save_and_die(sends: JournalSends, transaction: PendingTransaction) -> None:
        save(sends, transaction)
        die(name_send(transaction, load_sends(party.home, transaction.account)))

    Journal.record = record_and_die  # type: ignore[method-assign]
    JournalSends.save = save_and_die  # type: ignore[method-assign]


def die_once(deaths: Path, place: str) -> None:
    """Die, unless one did there before."""
    if deaths.exists() and place in deaths.read_text().split():
        return
    with deaths.open("a") as file:
        file.write(place + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.kill(os.getpid(), signal.SIGKILL)


def load_sends(home: Path, account: Address) -> list[PendingTransaction]:
    """Return an account's transactions in the journal, by nonce."""
    query = "select state from sends where account = ?"
    with contextlib.closing(sqlite3.connect(home / "journal.db")) as journal:
        found = [
            PendingTransaction.from_json(text) for (text,) in journal.execute(query, (account,))
        ]
    return sorted(found, key=lambda one: one.nonce)


def name_send(transaction: PendingTransaction, all_sent: list[PendingTransaction]) -> str:
    """Return a place: at `send:referee.dissect:2:open` the second one is signed and not sent."""
    name = transaction.call.name.removeprefix("market.")
    count = sum(
        one.call.name == transaction.call.name and one.nonce <= transaction.nonce
        for one in all_sent
    )
    return f"send:{name}:{count}:{transaction.state.value}"


async def _run(party: Party, ready: Event) -> None:
    account = Account.from_key(get_development_keys(party.account + 1)[party.account])
    book = AddressBook.load(party.home, party.chain_id)
    with open_journal(party.home / "journal.db", account.address, purpose="a child") as journal:
        async with (
            Connection.open(party.rpc) as chain,
            open_desk(chain, account, journal, book) as desk,
        ):
            if party.role == "client":
                await _run_client(party, desk, ready)
            else:
                await _run_worker(party, desk, ready)


async def _run_client(party: Party, desk: MarketDesk, ready: Event) -> None:
    async with ClientNode.open(desk, party.home) as client:
        handles = await client.resume()
        if not desk.journal.load_jobs(live_only=False):
            handles.append(await client.submit(build_ware(party.ware)))
        ready.set()
        for handle in handles:
            await handle.wait_final()
        for dispute in client.challenges.disputes.list_tasks():
            await client.challenges.disputes.wait_over(dispute.task_id)


def build_ware(name: str) -> JobRequest:
    """Return the request for what a party buys."""
    if name == "matmul":
        return build_request()
    program = Program(MOODY_ELF, name="moody")
    items = (b"s one", b"s two", b"s three") if name == "batch" else (b"s one",)
    return build_request(
        function=program.name,
        program=program,
        items=items,
        policy=parse_policy("recompute"),
        max_steps=100_000,
    )


async def _run_worker(party: Party, desk: MarketDesk, ready: Event) -> None:
    kind = build_cheat(**{name: set(values) for name, values in party.cheat})
    worker = kind(
        desk,
        InlineExecutor(is_broken=party.is_broken),
        party.home,
        WorkerOptions(terms=TERMS, retracts=False),
    )
    async with worker.running():
        ready.set()
        await wait_until(lambda: worker.list_tasks(live_only=False) and not worker.list_tasks())


async def wait_until(holds: Callable[[], object], *, timeout_seconds: float = 60) -> None:
    """Return when something holds; there is no event to wait for."""
    end = time.monotonic() + timeout_seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError("it never holds")
        await asyncio.sleep(0.02)


def build_row(town: Town, role: str, places: Iterable[str], **changes: Any) -> Row:
    """Return a client, or a worker, of a town that dies at some places.

    Args:
        town: Where.
        role: Which of them.
        places: What the places' names begin with.
        changes: Other fields of the party.
    """
    return Row(
        Party(
            role=role,
            rpc=town.devnet.rpc,
            chain_id=town.devnet.chain_id,
            home=town.home,
            account={"client": 0, "worker": 1}[role],
            deaths=town.home / "deaths",
            places=tuple(places),
            **changes,
        )
    )


class Row:
    """Children that play one party, one after the other, until one of them comes to the end.

    Args:
        party: What each is.
    """

    def __init__(self, party: Party) -> None:
        self.party = party
        #: When the one that lives said that it is ready.
        self._up_since: float | None = None
        self._process: BaseProcess | None = None
        self._run: asyncio.Task[int] | None = None

    @asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        """Play while the context is open."""
        self._run = asyncio.create_task(self._play())
        try:
            yield
        finally:
            self._run.cancel()
            await asyncio.gather(self._run, return_exceptions=True)
            if self._process is not None:
                self._process.kill()
                self._process.join()

    @property
    def is_over(self) -> bool:
        """Whether one has come to the end."""
        return self._run is not None and self._run.done()

    @property
    def is_away(self) -> bool:
        """Whether one has died and the next is not at work yet."""
        is_up = self._up_since is not None and time.monotonic() > self._up_since + _SETTLING_SECONDS
        return not is_up and not self.is_over

    async def wait_over(self) -> None:
        """Return once one has come to the end, and check that it is a good one."""
        assert self._run is not None
        assert await asyncio.wait_for(asyncio.shield(self._run), 120) == 0

    def read_deaths(self) -> set[str]:
        """Return the places at which children have died."""
        deaths = self.party.deaths
        return set(deaths.read_text().split()) if deaths.exists() else set()

    async def _play(self) -> int:
        while True:
            self._process = process = await start_process(run, self.party)
            self._up_since = time.monotonic()
            while process.exitcode is None:  # noqa: ASYNC110 - a process's end
                await asyncio.sleep(0.02)
            self._up_since = None
            process.join()
            if process.exitcode != -signal.SIGKILL:
                return process.exitcode
