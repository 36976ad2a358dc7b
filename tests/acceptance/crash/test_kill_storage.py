"""SIGKILL behind every single write of a storage client's and a provider's books, once each.

One agreement is stored, fetched, challenged, renewed and given back by a row of processes each of
which dies at the next place; others are fined, reclaimed, or served to their end and a rebate. A
write that is new fails here until its place is named.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.chain.storage_contract import StorageServerContract
from pekanu.chain.storage_events import Challenged, Paid, Rebated, decode_storage_event
from pekanu.errors import PekanuError
from pekanu.node.provider.index import open_index
from pekanu.node.provider.provider import deploy_provider, get_provider_folder
from pekanu.node.storage.keeping import challenge, fine
from pekanu.node.storage.stored import StoreStep
from pekanu.node.storage.storer import Storer, open_storer
from pekanu.storage.money import get_vested, get_vested_seconds
from pekanu.storage.state import Status
from pekanu.types import Wei
from support.nodes import Town, open_town
from support.storage import (
    DAY,
    ETHER,
    TERMS,
    find_port,
    hurry,
    lose_leaf,
    open_depot,
    pay_only,
    put,
    wait_for,
)
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

#: Of what a client takes back when the provider failed, with the steps that are written then.
RECOVERY_PLACES = {
    f"{act}:{place}"
    for act, steps in (("fine", 20), ("reclaim", 10))
    for place in (
        *(f"{act}:open", f"{act}:done", f"ended:{steps}"),
        *("collect:open", "collect:done", "withdraw:open", "withdraw:done"),
    )
}
#: Of a provider that was away while agreements ended: fined, never uploaded, served.
ENDING_PLACES = {
    *("reclaim:open", "reclaim:done", "collect:open", "collect:done"),
    *("rebate:open", "rebate:done", "release:", "set_state:ended"),
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


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for long before it looks again, or sends again; so do the children."""
    hurry(monkeypatch.setattr)


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
            await finish(party)
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
    async with keeping_alive(party):
        for act in ("put", "get", "challenge", "renew", "rm"):
            await insist(ACTS[act], storer, get_party(town, act, 0, file=file))
        await wait_deaths(party, PROVIDER_PLACES, 60)
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


async def test_client__when_killed_while_it_takes_back__then_it_gets_all_once(
    town: Town, accounts: tuple[Account, ...], file: Path
) -> None:
    async with open_town(town.devnet, town.book, town.home) as visit:
        async with open_depot(visit, accounts[1]) as depot:
            client = await open_storer(await visit.open_desk(accounts[0]), town.home)
            server = depot.provider.shop.server.address
            lost, paid = await put(client, file), await pay_only(client, file)
            lose_leaf(depot.provider)
            seen = await challenge(client, lost, chunk=0, leaf=3)
            await wait_for(lambda: depot.provider.keeper.tally.failed_answers > 0)
        wallet = await client.desk.chain.get_balance(accounts[0].address)
        block = await client.desk.chain.fetch_block_number()
    town.devnet.advance_time(max(TERMS.response_window, TERMS.confirm_window) + 60)
    for act in ("fine", "reclaim"):
        party = get_party(town, act, 0)
        await finish(party)
    assert read_deaths(party) == RECOVERY_PLACES
    # Once each: what was not vested, the challenge's fee and the penalty; and the price of what
    # never came, less what is burned.
    storer = await open_storer(await town.open_desk(accounts[0]), town.home)
    assert [one.step for one in storer.list()] == [StoreStep.ENDED] * 2
    contract = StorageServerContract(storer.desk.chain, server)
    fined = await contract.fetch_agreement(lost.agreement_id)
    terms = lost.quote.terms
    vested = get_vested(terms, get_vested_seconds(terms, fined, await storer.desk.chain.get_time()))
    won = terms.price - vested + seen.fee + terms.penalty
    back = paid.quote.terms.price - paid.quote.terms.reservation_fee
    fees = await sum_fees(storer, block + 1)
    balance = await storer.desk.chain.get_balance(accounts[0].address)
    assert balance == wallet + won + back - fees
    assert (await contract.fetch_account(lost.client)).balance == 0
    assert await storer.desk.chain.get_balance(lost.client) == 0
    assert await storer.desk.chain.get_balance(server) == ETHER - terms.penalty + vested


async def test_provider__when_killed_while_it_ends_agreements__then_each_ends_once(
    town: Town, accounts: tuple[Account, ...], file: Path
) -> None:
    async with (
        open_town(town.devnet, town.book, town.home) as visit,
        AsyncExitStack() as keeping_on,
    ):
        async with (
            open_town(town.devnet, town.book, town.home) as stay,
            open_depot(stay, accounts[1]) as depot,
        ):
            clients = [
                await open_storer(await visit.open_desk(accounts[number]), town.home)
                for number in (0, 2, 3)
            ]
            shop, alone = depot.provider.shop, clients[2]
            shared = [await put(one, file, shared="phrase") for one in clients[:2]]
            lost, paid = await put(alone, file), await pay_only(alone, file)
            lose_leaf(depot.provider)
            seen = await challenge(alone, lost, chunk=0, leaf=3)
            await wait_for(lambda: depot.provider.keeper.tally.failed_answers > 0)
        server = StorageServerContract(clients[0].desk.chain, shop.server.address)
        town.devnet.advance_time(TERMS.response_window + 60)
        await fine(alone, lost)
        town.devnet.advance_time(DAY + TERMS.response_window)
        party = get_party(town, "serve", 1, port=find_port())
        await keeping_on.enter_async_context(keeping_alive(party))
        await wait_deaths(party, ENDING_PLACES, 90)
        folder = get_provider_folder(town.home, accounts[1].address)
        with open_index(folder / "index.db") as index:
            await wait_for(lambda: not index.list_agreements(live_only=True))
            assert index.measure().pack_bytes == 0
        chain = clients[0].desk.chain
        logs = await chain.fetch_logs(server.address, 0, await chain.fetch_block_number())
        events = [one for one in map(decode_storage_event, logs) if isinstance(one, Rebated)]
        assert {one.client for one in events} == {one.client for one in shared}
        assert len(events) == len(shared)
        rebates = [(await server.fetch_account(one.client)).balance for one in shared]
        assert rebates == [
            next(event.amount for event in events if event.client == one.client) for one in shared
        ]
        promised = [one.quote.terms.price * TERMS.rebate_permille // 1000 for one in shared]
        assert all(
            0.9 * most < rebate <= most for most, rebate in zip(promised, rebates, strict=True)
        )
        back = paid.quote.terms.price - paid.quote.terms.reservation_fee
        assert (await server.fetch_account(paid.client)).balance == back
        # The provider has what it served, less the rebates and one penalty; nothing is locked.
        state = await server.fetch_agreement(lost.agreement_id)
        terms = lost.quote.terms
        vested = get_vested(terms, get_vested_seconds(terms, state, await chain.get_time()))
        earned = sum(one.quote.terms.price for one in shared) + vested
        free = ETHER + earned - sum(rebates) - terms.penalty
        assert await server.fetch_free() == free
        assert await chain.get_balance(server.address) == free + sum(rebates) + back
        assert seen.fee > 0


async def finish(party: StorageParty) -> None:
    """Do an act by a row of processes, of which the last lives to its end."""
    exitcode: int | None = -signal.SIGKILL
    while exitcode == -signal.SIGKILL:
        child = await start(party)
        await asyncio.to_thread(child.join, 90)
        exitcode = child.exitcode
    assert exitcode == 0, party.act


@asynccontextmanager
async def keeping_alive(party: StorageParty) -> AsyncIterator[None]:
    """Start the provider again whenever it died, while the context is open."""
    is_over = asyncio.Event()

    async def keep() -> None:
        while not is_over.is_set():
            child = await start(party)
            while child.exitcode is None and not is_over.is_set():  # noqa: ASYNC110 - its end
                await asyncio.sleep(0.02)
            assert child.exitcode in {None, -signal.SIGKILL}
            child.kill()
            child.join()

    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        is_over.set()
        await keeping


async def wait_deaths(party: StorageParty, places: set[str], seconds: float) -> None:
    """Return once children have died at all places; say at which they have not."""
    try:
        await wait_for(lambda: read_deaths(party) >= places, seconds)
    except TimeoutError as error:
        message = f"nobody has died at {sorted(places - read_deaths(party))}"
        raise AssertionError(message) from error


async def sum_fees(storer: Storer, first: int) -> int:
    """Return what a client's transactions cost in gas from a block on."""
    chain, fees = storer.desk.chain, 0
    for number in range(first, await chain.fetch_block_number() + 1):
        for mined in await chain.request("eth_getBlockReceipts", hex(number)):
            if mined["from"].lower() == storer.desk.address.lower():
                fees += int(mined["gasUsed"], 16) * int(mined["effectiveGasPrice"], 16)
    return fees


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
