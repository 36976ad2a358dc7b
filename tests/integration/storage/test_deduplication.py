"""What is uploaded twice, by whom, and what is left at the end."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from pekanu.chain import Account
from pekanu.node.provider import keeper
from pekanu.node.provider.agreements import Agreement
from pekanu.node.provider.index import AgreementRow
from pekanu.node.provider.vault import Vault
from pekanu.node.storage import storer, upload
from pekanu.node.storage.keeping import fetch_state, give_back, renew
from pekanu.node.storage.reading import get_object
from pekanu.node.storage.stored import StoredObject, StoreStep
from pekanu.storage.state import Status
from pekanu.types import Hash32, Wei
from support.storage import DAY, TERMS, Depot, put, wait_for

SIZE = 12_000_000


def get_uploaded(stored: StoredObject) -> int:
    return int(stored.steps[11].evidence["uploaded_bytes"])


def get_shown(stored: StoredObject) -> int:
    return int(stored.steps[11].evidence["shown_chunks"])


def is_held(vault: Vault, stored: StoredObject) -> bool:
    row = vault.index.get_agreement(stored.agreement_id)
    return row is not None and row.is_held


async def test_put__when_domains_are_own_or_shared__then_only_the_shared_one_spares_uploads(
    depot: Depot,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upload, "_SHOWN_BYTES", 1 << 20)  # a dozen requests, some at once
    one, two = await depot.open_storer(accounts[0]), await depot.open_storer(accounts[2])
    data = random.Random(1).randbytes(SIZE)
    file = tmp_path / "file"
    file.write_bytes(data)
    vault = depot.provider.shop.vault

    first = await put(one, file)
    assert get_uploaded(first) == first.quote.content.size

    # Three bytes in the middle, one at the end: few chunks differ.
    file.write_bytes(data[: SIZE // 2] + b"new" + data[SIZE // 2 :] + b"!")
    again = await put(one, file)
    assert get_uploaded(again) < 0.3 * SIZE
    assert get_shown(again) > 10
    assert again.quote.terms.price >= first.quote.terms.price

    other = await put(two, file)
    assert get_uploaded(other) == other.quote.content.size
    assert get_shown(other) == 0

    ours = await put(one, file, shared="our team's phrase")
    assert get_uploaded(ours) == ours.quote.content.size
    theirs = await put(two, file, shared="our team's phrase")
    # The manifest, with its keys, is each client's own.
    assert get_uploaded(theirs) < 20_000
    assert get_shown(theirs) == theirs.quote.content.chunk_count - theirs.manifest_chunks
    assert theirs.quote.terms.price == ours.quote.terms.price
    await get_object(two, theirs.shared_link, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == file.read_bytes()

    # What one client gives back stays as long as another needs it.
    before = vault.index.measure().pack_bytes
    await give_back(one, ours)
    await wait_for(lambda: not is_held(vault, ours))
    await get_object(two, theirs.shared_link, tmp_path / "still")
    assert (tmp_path / "still").read_bytes() == file.read_bytes()
    assert before - vault.index.measure().pack_bytes < 20_000
    await give_back(two, theirs)
    await give_back(two, other)
    await give_back(one, again)
    await give_back(one, first)
    await wait_for(lambda: vault.index.measure().pack_bytes == 0)
    await wait_for(lambda: not list(vault._store.list()))


async def test_renew__when_the_term_nears_its_end__then_the_next_begins_there(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    owner = await depot.open_storer(accounts[0])
    (tmp_path / "file").write_bytes(random.Random(2).randbytes(700_000))
    stored = await put(owner, tmp_path / "file")
    renewed = await renew(owner, stored, term=2 * DAY)
    state, old = await fetch_state(owner, renewed), await fetch_state(owner, stored)
    assert (state.status, state.started) == (Status.STORED, old.started + stored.quote.terms.term)
    await give_back(owner, stored)
    vault = depot.provider.shop.vault
    await wait_for(lambda: not is_held(vault, stored))
    await get_object(owner, renewed.shared_link, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()


async def test_renew__when_killed_before_the_payment__then_resumed_and_paid_once(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):
        pass

    async def die(*_: object) -> None:
        raise Killed

    owner = await depot.open_storer(accounts[0])
    (tmp_path / "file").write_bytes(random.Random(2).randbytes(700_000))
    stored = await put(owner, tmp_path / "file")
    with monkeypatch.context() as patch:
        patch.setattr(storer, "pay", die)
        with pytest.raises(Killed):
            await renew(owner, stored, term=2 * DAY)
    waiting = owner.find("file")
    assert waiting.step is StoreStep.PAYING
    assert waiting.agreement_id != stored.agreement_id
    renewed = await owner.resume(waiting)
    assert (await fetch_state(owner, renewed)).status is Status.STORED
    assert owner.find("file").step is StoreStep.STORED
    server = depot.provider.shop.server
    held = await owner.desk.chain.get_balance(server.address) - await server.fetch_free()
    terms = [one.quote.terms for one in (stored, renewed)]
    assert held == sum(one.price + one.penalty for one in terms)


async def test_term__when_others_shared_the_bytes__then_part_of_the_price_comes_back_to_each(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[Hash32] = set()
    find_rebate = keeper.find_rebate

    def note(row: AgreementRow, of: Agreement, others: Iterable[AgreementRow], most: int) -> Wei:
        found = list(others)
        asked.update(other.agreement_id for other in found)
        return find_rebate(row, of, found, most)

    monkeypatch.setattr(keeper, "find_rebate", note)
    one, two, alone = [await depot.open_storer(accounts[number]) for number in (0, 2, 3)]
    (tmp_path / "file").write_bytes(random.Random(6).randbytes(2_000_000))
    ended = await put(alone, tmp_path / "file", shared="phrase")
    await give_back(alone, ended)
    await wait_for(lambda: not is_held(depot.provider.shop.vault, ended))
    before = await depot.provider.shop.server.fetch_free()
    stored = [
        await put(one, tmp_path / "file", shared="phrase"),
        await put(two, tmp_path / "file", shared="phrase"),
        await put(alone, tmp_path / "file"),
    ]
    prices = [each.quote.terms.price for each in stored]
    # What the provider held already changed no price.
    assert len(set(prices)) == 1
    shop, index = depot.provider.shop, depot.provider.shop.vault.index
    depot.town.devnet.advance_time(DAY + TERMS.response_window + 60)
    await shop.desk.watch.refresh()
    await wait_for(lambda: not index.list_agreements(live_only=True))
    rebates = [(await shop.server.fetch_account(each.client)).balance for each in stored]
    assert rebates[2] == 0
    permille = shop.terms.rebate_permille
    for price, rebate in zip(prices[:2], rebates, strict=False):
        # All but the manifest is shared, for all of the term but what passed between the puts.
        assert 0.95 * price * permille < 1000 * rebate <= price * permille
    # What had ended before is not even looked at.
    assert asked == {each.agreement_id for each in stored}
    assert await shop.server.fetch_free() == before + sum(prices) - sum(rebates)
    held = await one.desk.chain.get_balance(shop.server.address)
    assert held == before + sum(prices)
    # Each was given once, however many look after the end of a term; the clients take it.
    tally = depot.provider.keeper.tally
    assert (tally.ended, tally.rebates_wei) == (1 + len(stored), sum(rebates))
    assert [
        await give_back(each, what) for each, what in zip((one, two), stored, strict=False)
    ] == (rebates[:2])
    left = await one.desk.chain.get_balance(shop.server.address)
    assert left == before + sum(prices) - sum(rebates)
