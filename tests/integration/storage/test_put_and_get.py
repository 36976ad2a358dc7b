"""A client and a provider on a real chain: what goes in comes out, whole, in part, again."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest

from pekanu.chain import Account, Call
from pekanu.errors import InvalidInput, InvalidProof, UsageError
from pekanu.node.journal import Journal
from pekanu.node.provider.metrics import fetch_metrics
from pekanu.node.storage.keeping import fetch_state, take_back
from pekanu.node.storage.providers import NoProvider
from pekanu.node.storage.reading import (
    fetch_contents,
    get_object,
    iterate_file,
    read_range,
    verify_object,
)
from pekanu.node.storage.receipts import check_exported, export_receipt
from pekanu.node.storage.recovery import recover_objects
from pekanu.node.storage.steps import Step
from pekanu.node.storage.stored import StoredObject, StoreStep
from pekanu.node.storage.storer import Ears
from pekanu.storage.link import SharedLink
from pekanu.storage.state import Status
from pekanu.types import Wei
from support.storage import Depot, put, read_tree, write_tree


async def test_put__when_a_folder_is_stored__then_the_same_comes_back(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    tree = write_tree(tmp_path / "tree")
    storer = await depot.open_storer(accounts[0])
    stored = await put(storer, tree)
    assert (await fetch_state(storer, stored)).status is Status.STORED
    figures = (await fetch_metrics(depot.provider)).splitlines()
    assert f"pekanu_provider_agreed_bytes {stored.quote.content.size}" in figures

    got = await get_object(storer, stored.shared_link, tmp_path / "back")
    assert read_tree(tmp_path / "back") == read_tree(tree)
    assert got.fetched_bytes == stored.file_bytes
    assert not list((tmp_path / "back").glob(".pekanu*"))
    with pytest.raises(InvalidInput, match="there already"):
        await get_object(storer, stored.shared_link, tmp_path / "back")

    large = (tree / "large.bin").read_bytes()
    for offset, size in ((0, 1), (1_234_567, 700_000), (2_999_990, 100), (3_000_000, 5)):
        part = await read_range(
            storer, stored.shared_link, path="large.bin", offset=offset, size=size
        )
        assert part == large[offset : offset + size]
    streamed = [part async for part in iterate_file(storer, stored.shared_link, "large.bin")]
    assert b"".join(streamed) == large
    with pytest.raises(InvalidInput, match="holds no file"):
        await read_range(storer, stored.shared_link, path="nowhere", size=1)

    only = await get_object(
        storer, stored.shared_link, tmp_path / "some", only=["deep/er", "empty"]
    )
    assert sorted(read_tree(tmp_path / "some")) == [
        "deep",
        "deep/er",
        "deep/er/naïve 日本語 😀.txt",
        "empty",
    ]
    assert only.fetched_bytes < got.fetched_bytes
    assert (await verify_object(storer, stored.shared_link)).is_good
    assert (await verify_object(storer, stored.shared_link, share=0.5)).is_good


async def test_put__when_empty_or_from_a_stream__then_comes_back(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    storer = await depot.open_storer(accounts[0])
    (tmp_path / "nothing").write_bytes(b"")
    stored = await put(storer, tmp_path / "nothing")
    await get_object(storer, stored.shared_link, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b""
    with storer.spool(io.BytesIO(b"streamed"), "stream") as path:
        stored = await put(storer, path)
    await get_object(storer, stored.shared_link, tmp_path / "stream")
    assert (tmp_path / "stream").read_bytes() == b"streamed"
    assert not path.exists()


async def test_receipt__when_exported__then_checked_offline_and_no_change_passes(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    storer = await depot.open_storer(accounts[0])
    (tmp_path / "file").write_bytes(b"some bytes")
    stored = await put(storer, tmp_path / "file")
    document = json.loads(json.dumps(export_receipt(stored)))
    facts = check_exported(document)
    assert facts["provider"] == depot.provider.shop.desk.address
    assert facts["size"] == stored.quote.content.size
    for change in (
        {"provider": accounts[5].address},
        {"chain_id": 1},
        {"root": "0x" + "11" * 32},
        {"signature": document["quote_signature"]},
        {"receipt": {**document["receipt"], "size": 1}},
        {"quote": {**document["quote"], "term": 1}},
        {"link": document["link"][:-2]},
        {"kind": "another"},
    ):
        with pytest.raises(InvalidProof):
            check_exported({**document, **change})


async def test_recover__when_the_home_is_lost__then_wallet_and_chain_find_all(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storer = await depot.open_storer(accounts[0])
    (tmp_path / "file").write_bytes(b"not lost")
    stored = await put(storer, tmp_path / "file")
    monkeypatch.setattr(Journal, "load_states", lambda *_, **__: [])
    (found,) = await recover_objects(storer)
    assert found.shared_link == stored.shared_link
    contents = await fetch_contents(storer, SharedLink.from_text(found.shared_link.to_text()))
    assert [entry.path for entry in contents.files] == ["file"]
    # The blind of its commitment is on no chain: an export would prove nothing.
    with pytest.raises(UsageError, match="recovered"):
        export_receipt(found)


async def test_get__when_somebody_else_has_the_link__then_he_reads_and_without_it_not(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    storer, other = await depot.open_storer(accounts[0]), await depot.open_storer(accounts[2])
    (tmp_path / "file").write_bytes(b"for a friend")
    stored = await put(storer, tmp_path / "file")
    link = SharedLink.from_text(stored.shared_link.to_text())
    await get_object(other, link, tmp_path / "his")
    assert (tmp_path / "his").read_bytes() == b"for a friend"
    blind = SharedLink(link=link.link, manifest_key=bytes(32))
    assert not (await verify_object(other, blind)).is_good


async def test_state__when_written__then_the_journal_gives_it_back(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    storer = await depot.open_storer(accounts[0])
    (tmp_path / "file").write_bytes(b"x")
    stored = await put(storer, tmp_path / "file")
    assert StoredObject.from_json(stored.to_json()) == stored
    assert storer.find("file") == storer.find(stored.agreement_id.hex()[:6]) == stored
    for name in ("other", "", "0x"):
        with pytest.raises(InvalidInput):
            storer.find(name)


async def test_register__when_done_alone_and_twice__then_one_contract(
    depot: Depot, accounts: tuple[Account, ...]
) -> None:
    storer = await depot.open_storer(accounts[0])
    first, again = await storer.register(), await storer.register()
    assert first.contract.address == again.contract.address
    assert [step.number for step in first.steps] == [1, 2, 3, 4, 7]
    with pytest.raises(NoProvider):
        await storer.register(accounts[7].address)


@pytest.mark.parametrize("share", [0.4, 3])
async def test_put__when_killed_behind_a_payment_from_a_budget__then_paid_once(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path, share: float
) -> None:
    """The client's contract holds part of the price, or more than it, from before."""

    class Killed(Exception):
        pass

    def die(step: Step) -> None:
        if step.number == 9:
            raise Killed

    storer = await depot.open_storer(accounts[0])
    chain, server = storer.desk.chain, depot.provider.shop.server
    paths = [tmp_path / "first", tmp_path / "second"]
    for number, path in enumerate(paths):
        path.write_bytes(random.Random(number).randbytes(700_000))
    first = await put(storer, paths[0])
    price = first.quote.terms.price
    budget = Wei(int(share * price))
    await storer.desk.sender.send(Call(to=first.client, value=budget), key="the budget")
    with pytest.raises(Killed):
        await put(storer, paths[1], ears=Ears(step=die))
    stored = await storer.resume(storer.find("second"))
    assert stored.step is StoreStep.STORED
    assert stored.quote.terms.price == price
    assert await chain.get_balance(first.client) == max(0, budget - price)
    held = await chain.get_balance(server.address)
    assert held == depot.deposit + 2 * price
    assert await server.fetch_free() == depot.deposit - 2 * first.quote.terms.penalty
    assert await take_back(storer, stored) == max(0, budget - price)
    assert await chain.get_balance(first.client) == 0
