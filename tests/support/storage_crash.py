"""Parties of storage in processes of their own, which kill themselves at each place once.

What writes a journal, an index or a pack is patched in the child; the product knows nothing of
this. A child dies behind the first write at which none before it died, so that a row of children
dies at every write there is, in one and the same agreement.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final, TypeAlias

from pekanu.chain import AddressBook, Connection, PendingTransaction
from pekanu.chain.account import Account, get_development_keys
from pekanu.node.journal import Entry, Journal, open_journal
from pekanu.node.journal_sends import JournalSends
from pekanu.node.market_desk import open_desk
from pekanu.node.provider.index import ProviderIndex
from pekanu.node.provider.provider import ProviderOptions, open_provider
from pekanu.node.storage.keeping import (
    await_answer,
    challenge,
    fetch_state,
    fine,
    give_back,
    reclaim,
    renew,
)
from pekanu.node.storage.reading import get_object
from pekanu.node.storage.storage_desk import ROLE
from pekanu.node.storage.storer import Storer, StoreStep, open_storer
from pekanu.storage.state import Status
from pekanu.storage.stores import FolderStore
from support.crash import die_once, start_process
from support.storage import DAY, TERMS, hurry, put


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageParty:
    """What a child process does."""

    #: A key of `ACTS`, or ``serve`` for the provider.
    act: str
    rpc: str
    chain_id: int
    home: Path
    #: Which of the development accounts.
    account: int
    #: Names the places at which one died before.
    deaths: Path
    #: Whether it dies at all.
    is_mortal: bool = True
    #: What is stored.
    file: Path = Path()
    #: Where the provider listens, always the same.
    port: int = 0

    @property
    def prefix(self) -> str:
        """What the names of its places begin with."""
        return "" if self.act == "serve" else f"{self.act}:"


async def start(party: StorageParty) -> BaseProcess:
    """Return a child that has begun, or died already."""
    return await start_process(run, party)


def run(party: StorageParty, ready: Event) -> None:
    """Be a party until its act is done, or until it dies."""
    hurry(setattr)
    if party.is_mortal:
        _patch(lambda place: die_once(party.deaths, party.prefix + place))
    asyncio.run(_run(party, ready))


def read_deaths(party: StorageParty) -> set[str]:
    """Return the places at which children have died."""
    return set(party.deaths.read_text().split()) if party.deaths.exists() else set()


def _patch(die: Callable[[str], None]) -> None:
    record, save = Journal.record, JournalSends.save
    change, keep = ProviderIndex._change, FolderStore.put

    def record_and_die(journal: Journal, entry: Entry, at: Any) -> None:
        record(journal, entry, at)
        if entry.role == ROLE:
            die(f"{entry.step}:{entry.state.count('number')}")

    def save_and_die(sends: JournalSends, transaction: PendingTransaction) -> None:
        save(sends, transaction)
        die(f"{transaction.call.name.rpartition('.')[2]}:{transaction.state.name.lower()}")

    @contextmanager
    def change_and_die(index: ProviderIndex) -> Iterator[Any]:
        # Behind the two frames of this generator's context stands the method that writes.
        caller = sys._getframe(2)
        place = f"{caller.f_code.co_name}:{caller.f_locals.get('stage', '')}"
        with change(index) as connection:
            yield connection
        die(place)

    def keep_and_die(store: FolderStore, name: str, parts: Any) -> None:
        keep(store, name, parts)
        die("pack:")

    Journal.record = record_and_die  # type: ignore[method-assign]
    JournalSends.save = save_and_die  # type: ignore[method-assign]
    ProviderIndex._change = change_and_die  # type: ignore[method-assign]
    FolderStore.put = keep_and_die  # type: ignore[method-assign]


async def _run(party: StorageParty, ready: Event) -> None:
    account = Account.from_key(get_development_keys(party.account + 1)[party.account])
    book = AddressBook.load(party.home, party.chain_id)
    with open_journal(party.home / "journal.db", account.address, purpose="a child") as journal:
        async with (
            Connection.open(party.rpc) as chain,
            open_desk(chain, account, journal, book) as desk,
        ):
            if party.act != "serve":
                ready.set()
                await ACTS[party.act](await open_storer(desk, party.home), party)
                return
            options = ProviderOptions(terms=TERMS, retracts=False, port=party.port)
            async with open_provider(desk, party.home, options) as node, node.running():
                ready.set()
                await asyncio.Event().wait()


# --- what clients do, begun anew by each child until it is done ------------------------------


async def _put(storer: Storer, party: StorageParty) -> None:
    if not storer.list():
        await put(storer, party.file)
    for stored in storer.list(live_only=True):
        await storer.resume(stored)


async def _challenge(storer: Storer, _: StorageParty) -> None:
    stored = storer.list()[0]
    # That of a process which died behind it may still be open: then the chain takes no other.
    while (await fetch_state(storer, stored)).status is Status.CHALLENGED:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.05)
    seen = await challenge(storer, stored, chunk=0, leaf=3)
    assert (await await_answer(storer, stored, seen, timeout_seconds=60)).is_answered


async def _renew(storer: Storer, party: StorageParty) -> None:
    if len(storer.list()) == 1:
        await renew(storer, storer.list()[0], term=DAY)
    await _put(storer, party)


async def _get(storer: Storer, party: StorageParty) -> None:
    back = party.file.with_suffix(".back")
    await get_object(storer, storer.list()[-1].shared_link, back, is_forced=True)
    assert back.read_bytes() == party.file.read_bytes()


async def _rm(storer: Storer, _: StorageParty) -> None:
    for stored in storer.list():
        if stored.step is not StoreStep.PAYING:
            await give_back(storer, stored)


async def _fine(storer: Storer, _: StorageParty) -> None:
    await fine(storer, storer.list()[0])


async def _reclaim(storer: Storer, _: StorageParty) -> None:
    await reclaim(storer, storer.list()[1])


Act: TypeAlias = Callable[[Storer, StorageParty], Awaitable[None]]
ACTS: Final[dict[str, Act]] = {
    "put": _put,
    "challenge": _challenge,
    "renew": _renew,
    "get": _get,
    "rm": _rm,
    "fine": _fine,
    "reclaim": _reclaim,
}
