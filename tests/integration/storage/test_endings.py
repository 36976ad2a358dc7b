"""How agreements end between real nodes, and what stands on chain for a client that was cut off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pekanu.chain import Account
from pekanu.chain.storage_contract import Confirmation
from pekanu.chain.storage_events import Linked, decode_storage_event
from pekanu.errors import PekanuError
from pekanu.node.provider import keeper
from pekanu.node.storage import availability, provider_client
from pekanu.node.storage.keeping import (
    fetch_state,
    fine,
    give_back,
)
from pekanu.node.storage.reading import get_object
from pekanu.node.storage.steps import Step
from pekanu.node.storage.stored import StoredObject
from pekanu.node.storage.storer import Ears, Storer
from pekanu.storage.money import get_vested
from pekanu.storage.state import AgreementState, Status
from pekanu.types import ZERO_ADDRESS, Hash32
from support.storage import DAY, TERMS, Depot, put

DATA = bytes(range(256)) * 400


@pytest.fixture
async def storer(depot: Depot, accounts: tuple[Account, ...]) -> Storer:
    return await depot.open_storer(accounts[0])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(DATA)
    return path


class VanishedError(Exception):
    """The client's node is gone."""


def vanish_at(number: int) -> Ears:
    def hear(step: Step) -> None:
        if step.number == number:
            raise VanishedError

    return Ears(step=hear)


async def wait_for(
    storer: Storer, stored: StoredObject, holds: Callable[[AgreementState], bool]
) -> AgreementState:
    """Return where an agreement stands once something holds; the provider works by itself."""
    until = time.monotonic() + 60
    while not holds(state := await fetch_state(storer, stored)):
        assert time.monotonic() < until, state
        await asyncio.sleep(0.1)
    return state


async def get_money(depot: Depot, stored: StoredObject) -> tuple[int, int, int]:
    """Return the provider's free money beyond its deposit, what the client is owed, what burned."""
    server = depot.provider.shop.server
    free = await server.fetch_free()
    owed = (await server.fetch_account(stored.client)).balance
    return free - depot.deposit, owed, await server.chain.get_balance(ZERO_ADDRESS)


def get_packs(home: Path) -> list[Path]:
    return [path for path in home.rglob("packs/**/*") if path.is_file()]


async def test_client_vanishes_before_the_receipt_arrives__then_its_link_goes_on_chain(
    storer: Storer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def vanish(*_: object) -> None:
        raise VanishedError

    monkeypatch.setattr(keeper, "_ACKNOWLEDGE_SECONDS", 0.5)
    monkeypatch.setattr(provider_client.ProviderClient, "acknowledge", vanish)
    with pytest.raises(VanishedError):
        await put(storer, file)
    (stored,) = storer.list()
    await wait_for(storer, stored, lambda one: one.status is Status.STORED)
    chain = storer.desk.chain
    logs = await chain.fetch_logs(stored.server, 0, await chain.fetch_block_number())
    (linked,) = [e for e in map(decode_storage_event, logs) if isinstance(e, Linked)]
    assert linked.agreement_id == stored.agreement_id
    assert storer.secret.open_link(linked.sealed_link) == stored.link


async def test_put__when_the_client_has_its_receipt__then_no_link_goes_on_chain(
    storer: Storer, file: Path
) -> None:
    stored = await put(storer, file)
    chain = storer.desk.chain
    logs = await chain.fetch_logs(stored.server, 0, await chain.fetch_block_number())
    assert not [e for e in map(decode_storage_event, logs) if isinstance(e, Linked)]


async def test_put__when_the_provider_keeps_its_receipt_off_chain__then_the_client_shows_it(
    depot: Depot, storer: Storer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tarry(*_: object) -> None:
        return

    monkeypatch.setattr(keeper.Keeper, "_show", tarry)
    monkeypatch.setattr(availability, "_SHOW_SECONDS", 0.2)
    stored = await put(storer, file)
    server, terms = depot.provider.shop.server, stored.quote.terms
    shown = stored.steps[12].evidence["transaction"]
    mined = await storer.desk.chain.request("eth_getTransactionReceipt", shown)
    assert mined["from"] == storer.desk.address.lower()
    assert (await fetch_state(storer, stored)).status is Status.STORED
    # Neither side lost anything by it: price and penalty are locked until the term is over.
    assert await server.fetch_free() == depot.deposit - terms.penalty
    held = await storer.desk.chain.get_balance(server.address)
    assert held == depot.deposit + terms.price
    assert (await server.fetch_account(stored.client)).balance == 0


async def test_provider_shows_a_receipt_for_something_else__then_fined_for_it(
    depot: Depot, storer: Storer, file: Path
) -> None:
    """The client was cut off before its receipt; the provider claims less than it was paid for."""
    with pytest.raises(VanishedError):
        await put(storer, file, ears=vanish_at(9))
    (stored,) = storer.list()
    lie = replace(stored.receipt, size=1)
    confirmation = Confirmation(receipt=lie, signature=depot.provider.shop.sign(lie))
    call = depot.provider.shop.server.confirm(confirmation)
    await depot.provider.shop.desk.sender.send(call, key="lie")
    state = await wait_for(storer, stored, lambda one: one.status is Status.STORED)
    step = await fine(storer, stored)
    assert step.evidence["call"] == "fine_equivocation"
    fined = await fetch_state(storer, stored)
    terms = stored.quote.terms
    vested = get_vested(terms, fined.deadline - terms.response_window - state.started)
    assert step.evidence["to_client_wei"] == str(terms.price - vested + terms.penalty)
    assert (await get_money(depot, stored))[1] == 0


async def test_give_back__then_the_rest_of_the_price_returns_and_the_bytes_go(
    depot: Depot, storer: Storer, file: Path
) -> None:
    stored = await put(storer, file)
    assert get_packs(depot.town.home)
    depot.town.devnet.advance_time(DAY // 4)
    returned = await give_back(storer, stored)
    terms = stored.quote.terms
    gain, owed, _ = await get_money(depot, stored)
    assert gain + returned == terms.price
    assert owed == 0
    assert abs(gain - terms.price // 4) <= terms.price * 60 // DAY
    until = time.monotonic() + 60
    while get_packs(depot.town.home):
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
    with pytest.raises(PekanuError):
        await get_object(storer, stored.shared_link, file.parent / "gone")


async def test_give_back__before_the_provider_saw_its_receipt_on_chain__then_the_bytes_go_too(
    depot: Depot, storer: Storer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = depot.provider.shop.vault.index
    looks_away, under_way, attend = asyncio.Event(), set[Hash32](), keeper.Keeper._attend

    async def look(self: keeper.Keeper, agreement_id: Hash32) -> None:
        if not looks_away.is_set():
            under_way.add(agreement_id)
            await attend(self, agreement_id)
            under_way.remove(agreement_id)

    with monkeypatch.context() as patch:
        patch.setattr(keeper.Keeper, "_attend", look)
        stored = await put(storer, file)
        await wait_for(storer, stored, lambda one: one.status is Status.STORED)
        until = time.monotonic() + 60
        while (row := index.list_agreements()[0]).stage != "confirmed":
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        looks_away.set()
        while under_way:
            assert time.monotonic() < until
            await asyncio.sleep(0.01)
        index.set_state(
            row.agreement_id, stage="stored", state=row.state, is_live=True, expected=row.stage
        )
        await give_back(storer, stored)
        assert [one.stage for one in index.list_agreements(live_only=True)] == ["stored"]
    until = time.monotonic() + 60
    while index.list_agreements(live_only=True):
        assert time.monotonic() < until
        await asyncio.sleep(0.05)
    assert not get_packs(depot.town.home)


async def test_provider_leaves__after_its_terms_with_all_its_money(
    depot: Depot, storer: Storer, file: Path
) -> None:
    stored = await put(storer, file)
    server, desk = depot.provider.shop.server, depot.provider.shop.desk
    free = await server.fetch_free()
    await desk.sender.send(server.withdraw(free), key="leave")
    # Nothing more can be sold, and nothing is lost by trying.
    other = file.with_name("other.bin")
    other.write_bytes(b"other")
    with pytest.raises(PekanuError, match="too little deposit"):
        await put(storer, other)
    depot.town.devnet.advance_time(DAY + TERMS.response_window + 10)
    await wait_for(storer, stored, lambda one: one.status is Status.ENDED)
    terms = stored.quote.terms
    assert await server.fetch_free() == terms.penalty + terms.price
    await desk.sender.send(server.withdraw(await server.fetch_free()), key="leave at last")
    assert await desk.chain.get_balance(server.address) == 0
