"""Parties in processes of their own, which kill themselves at a step of the journal.

The journal's `record` is patched in the child; the product knows nothing of this.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, TypeVar

from pekanu.catalog import Program, parse_policy
from pekanu.chain import AddressBook, Connection, PendingTransaction
from pekanu.chain.account import Account, get_development_keys
from pekanu.demo.cheats import AccusingClient
from pekanu.node.client import ClientNode
from pekanu.node.client_job import JobRequest
from pekanu.node.journal import Entry, Journal, open_journal
from pekanu.node.journal_sends import JournalSends
from pekanu.node.market_desk import MarketDesk, open_desk
from pekanu.node.worker import WorkerOptions
from support.cheats import build_cheat
from support.inline_executor import InlineExecutor
from support.moody import MOODY_ELF
from support.nodes import TERMS, build_request

PartyT = TypeVar("PartyT")

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Party:
    """What a child process does."""

    role: str
    rpc: str
    chain_id: int
    home: Path
    #: Which of the development accounts.
    account: int
    #: Begin a job, rather than go on with what the journal holds.
    begins: bool = True
    #: What a client buys: ``matmul``, ``program`` or ``batch`` (three items of one's own program).
    ware: str = "matmul"
    #: The client challenges what is right.
    accuses: bool = False
    #: The step after whose record it dies; empty for never. Of a dispute: `dispute/moving/2`.
    kill_at: str = ""
    #: The call after whose signing, and before whose broadcast, it dies.
    kill_before: str = ""
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


async def start(party: Party) -> BaseProcess:
    """Return a child that has begun, or gone on, or died already."""
    return await start_process(run, party)


async def start_process(play: Callable[[PartyT, Event], None], party: PartyT) -> BaseProcess:
    """Return a child that plays a party, once it says that it is ready or has ended."""
    ensure_server()
    ready = CONTEXT.Event()
    process = CONTEXT.Process(target=play, args=(party, ready))
    process.start()
    await wait_until(lambda: ready.is_set() or process.exitcode is not None)
    return process


def run(party: Party, ready: Event) -> None:
    """Be a party until its work is done, or until the step at which it dies."""
    if party.kill_at:
        _die_after(party.kill_at)
    if party.kill_before:
        _die_before(party.kill_before)
    asyncio.run(_run(party, ready))


def _die_after(step: str) -> None:
    record: Callable[..., None] = Journal.record

    name, _, count = step.removeprefix("dispute/").partition("/")
    seen = 0

    def record_and_die(journal: Journal, entry: Entry, at: Any) -> None:
        nonlocal seen
        record(journal, entry, at)
        # A dispute's own steps are named so: `dispute/moving/2` is the second time it moves.
        is_meant = (entry.role == "dispute") is ("/" in step) and entry.step == name
        seen += is_meant
        if is_meant and seen >= int(count or 1):
            os.kill(os.getpid(), signal.SIGKILL)

    Journal.record = record_and_die  # type: ignore[method-assign]


def _die_before(call: str) -> None:
    save: Callable[..., None] = JournalSends.save

    def save_and_die(sends: JournalSends, transaction: PendingTransaction) -> None:
        save(sends, transaction)
        if transaction.call.name in (f"market.{call}", call):
            os.kill(os.getpid(), signal.SIGKILL)

    JournalSends.save = save_and_die  # type: ignore[method-assign]


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
    kind = AccusingClient if party.accuses else ClientNode
    async with kind.open(desk, party.home) as client:
        handles = await client.resume()
        if party.begins:
            handles.append(await client.submit(build_ware(party.ware)))
        ready.set()
        for handle in handles:
            await handle.wait_final()


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


async def wait_dead(process: BaseProcess) -> int:
    """Return the exit code of a child."""
    try:
        await wait_until(lambda: process.exitcode is not None, timeout_seconds=30)
    except AssertionError:
        process.kill()
        raise
    process.join()
    return process.exitcode or 0
