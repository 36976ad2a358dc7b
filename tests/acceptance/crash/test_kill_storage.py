"""SIGKILL behind every single write of a storage client's and a provider's books, once each.

One agreement is stored, fetched, challenged, renewed and given back by a row of processes each of
which dies at the next place. A write that is new fails here until its place is named.
"""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.chain.storage_contract import StorageServerContract
from pekanu.chain.storage_events import Challenged, Paid, decode_storage_event
from pekanu.errors import PekanuError
from pekanu.node.provider.index import open_index
from pekanu.node.provider.provider import deploy_provider, get_provider_folder
from pekanu.node.storage.storer import Storer, open_storer
from pekanu.storage.state import Status
from pekanu.types import Wei
from support.nodes import Town, open_town
from support.storage import ETHER, TERMS, open_depot, wait_for
from support.storage_crash import ACTS, Act, StorageParty, read_deaths, start

#: Of transactions behind signing, and behind the word that they are mined; of steps by how many
#: of the 14 are written with them.
CLIENT_PLACES = {
    *("put:create:open", "put:create:done", "put:paying:10", "put:pay:open", "put:pay:done"),
    *("put:uploading:12", "put:uploading:17", "put:stored:19"),
    *("challenge:challenge:open", "challenge:challenge:done"),
    *("renew:paying:19", "renew:pay:open", "renew:pay:done", "renew:stored:19"),
    *("rm:give_back:open", "rm:give_back:done", "rm:ended:19"),
    *("rm:collect:open", "rm:collect:done", "rm:withdraw:open", "rm:withdraw:done"),
}
PROVIDER_PLACES = {
    *("announce:open", "announce:done", "register:open", "register:done", "set_client:"),
    *("add_agreement:", "set_state:paid", "hold:", "set_state:uploading", "pack:", "record_pack:"),
    *("set_state:stored", "confirm:open", "confirm:done", "set_state:confirmed"),
    *("answer:open", "answer:done", "release:", "set_state:ended"),
}

#: Only where a second of the term passed between two starts.
RARE_PLACES = {"collect:open", "collect:done"}


def get_party(town: Town, act: str, account: int, **changes: object) -> StorageParty:
    deaths = town.home / f"deaths-{'serve' if act == 'serve' else 'client'}"
    return StorageParty(
        act=act,
        rpc=town.devnet.rpc,
        chain_id=town.devnet.chain_id,
        home=town.home,
        account=account,
        deaths=deaths,
        **changes,  # type: ignore[arg-type]
    )


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    home = tmp_path / "home"
    home.mkdir()
    market_book.save(home)
    async with open_town(devnet, market_book, home) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(random.Random(12).randbytes(900_000))
    return path


async def test_client__when_killed_behind_each_write__then_each_act_is_done_once(
    town: Town, accounts: tuple[Account, ...], file: Path
) -> None:
    async with open_depot(town, accounts[1]) as depot:
        for act in ("put", "get", "challenge", "renew", "rm"):
            party = get_party(town, act, 0, file=file)
            exitcode: int | None = -signal.SIGKILL
            while exitcode == -signal.SIGKILL:
                child = await start(party)
                await asyncio.to_thread(child.join, 90)
                exitcode = child.exitcode
            assert exitcode == 0, act
        assert read_deaths(party) == CLIENT_PLACES
        storer = await depot.open_storer(accounts[0])
        await check_over(storer, depot.provider.shop.server)
        index = depot.provider.shop.vault.index
        await wait_for(lambda: not index.list_agreements(live_only=True))
        assert index.measure().pack_bytes == 0


async def test_provider__when_killed_behind_each_write__then_it_keeps_all_that_it_promised(
    town: Town, accounts: tuple[Account, ...], file: Path
) -> None:
    async with open_town(town.devnet, town.book, town.home) as visit:
        server = await deploy_provider(await visit.open_desk(accounts[1]), town.home, Wei(ETHER))
    party = get_party(town, "serve", 1, port=find_port())
    storer = await open_storer(await town.open_desk(accounts[0]), town.home)
    is_over = asyncio.Event()
    keeping = asyncio.create_task(keep_alive(party, is_over))
    try:
        for act in ("put", "get", "challenge", "renew", "rm"):
            await insist(ACTS[act], storer, get_party(town, act, 0, file=file))
        await wait_for(lambda: read_deaths(party) >= PROVIDER_PLACES)
    finally:
        is_over.set()
        await keeping
    assert PROVIDER_PLACES <= read_deaths(party) <= PROVIDER_PLACES | RARE_PLACES
    await check_over(storer, StorageServerContract(storer.desk.chain, server.address))
    # A quote whose answer was lost with its provider is forgotten once nobody can pay it.
    town.devnet.advance_time(TERMS.quote_seconds + TERMS.response_window + 60)
    last = await start(replace(party, is_mortal=False))
    folder = get_provider_folder(town.home, accounts[1].address)
    with open_index(folder / "index.db") as index:
        await wait_for(lambda: not index.list_agreements(live_only=True))
        assert index.measure().pack_bytes == 0
    last.kill()
    assert not list((folder / "packs").glob("*/*"))


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def keep_alive(party: StorageParty, is_over: asyncio.Event) -> None:
    """Start the provider again whenever it died."""
    while not is_over.is_set():
        child = await start(party)
        while child.exitcode is None and not is_over.is_set():  # noqa: ASYNC110 - a process's end
            await asyncio.sleep(0.02)
        assert child.exitcode in {None, -signal.SIGKILL}
        child.kill()
        child.join()


async def insist(act: Act, storer: Storer, party: StorageParty) -> None:
    """Do something with a provider that dies in between, as often as it takes."""
    until = time.monotonic() + 120
    while True:
        try:
            await act(storer, party)
        except PekanuError:
            assert time.monotonic() < until
            await asyncio.sleep(0.2)
        else:
            return


async def check_over(storer: Storer, server: StorageServerContract) -> None:
    """Check that two agreements were paid once each and ended, and that all money is somebody's."""
    chain, objects = storer.desk.chain, storer.list()
    states = [await server.fetch_agreement(one.agreement_id) for one in objects]
    assert [state.status for state in states] == [Status.GIVEN_BACK] * 2
    logs = await chain.fetch_logs(server.address, 0, await chain.fetch_block_number())
    events = [event for event in map(decode_storage_event, logs) if isinstance(event, Paid)]
    assert {event.agreement_id for event in events} == {one.agreement_id for one in objects}
    assert len(events) == len(objects)
    (client,) = {one.client for one in objects}
    assert (await server.fetch_account(client)).balance == await chain.get_balance(client) == 0
    free = await server.fetch_free()
    assert await chain.get_balance(server.address) == free
    # The provider has earned what was served, and the fee of the challenge.
    terms, fees = objects[0].quote.terms, 0
    for log in logs:
        if isinstance(decode_storage_event(log), Challenged):
            sent = await chain.request("eth_getTransactionByHash", "0x" + log.transaction.hex())
            fees += int(sent["value"], 16)
    assert fees > 0
    assert 0 <= free - ETHER - fees < terms.price
