"""Who can hurt whom in storage, between real nodes on a real chain: with the balances of all."""

from __future__ import annotations

import asyncio
import errno
import os
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from pekanu.chain import Account
from pekanu.chain.storage_contract import StorageServerContract
from pekanu.errors import InvalidInput, InvalidProof, Rejected
from pekanu.lines.http_line import HttpExchange
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.provider import provider
from pekanu.node.provider.counter import ProviderCounter
from pekanu.node.provider.provider import ProviderOptions
from pekanu.node.provider.vault import Vault
from pekanu.node.storage import writing
from pekanu.node.storage.chunk_opener import ChunkOpener
from pekanu.node.storage.keeping import (
    await_answer,
    challenge,
    fetch_state,
    fine,
    reclaim,
)
from pekanu.node.storage.providers import NoProvider
from pekanu.node.storage.reading import get_object, verify_object
from pekanu.node.storage.stored import StoredObject, StoreStep
from pekanu.node.storage.storer import Ears, Storer
from pekanu.node.storage.upload import ChunkReader
from pekanu.storage.chunk_names import ChunkList
from pekanu.storage.state import AgreementState, Status
from pekanu.storage.stores import StoreError
from pekanu.types import Hash32
from support.storage import TERMS, Depot, lose_leaf, put, wait_for

SIZE = 3_000_000


@dataclass
class Money:
    """What everybody has, without gas."""

    client: int
    provider: int
    locked: int


async def count_money(depot: Depot, storer: Storer) -> Money:
    server = depot.provider.shop.server
    free = await server.fetch_free()
    held = await storer.desk.chain.get_balance(server.address)
    owed = 0
    for one in storer.list():
        owed = (await server.fetch_account(one.client)).balance
        owed += await storer.desk.chain.get_balance(one.client)
    return Money(client=owed, provider=free, locked=held - free - owed)


async def check_escrowed(depot: Depot, storer: Storer, *stored: StoredObject) -> None:
    """Check that prices and penalties of live agreements are locked, and nothing else moved."""
    terms = [one.quote.terms for one in stored]
    assert await count_money(depot, storer) == Money(
        client=0,
        provider=depot.deposit - sum(one.penalty for one in terms),
        locked=sum(one.price + one.penalty for one in terms),
    )


def write_file(folder: Path, size: int = SIZE) -> Path:
    path = folder / "file"
    path.write_bytes(random.Random(size).randbytes(size))
    return path


async def turn_clock(depot: Depot, seconds: int) -> None:
    depot.town.devnet.request("evm_increaseTime", seconds)
    depot.town.devnet.request("evm_mine")
    await depot.provider.shop.desk.watch.refresh()


async def test_challenge__when_one_leaf_is_lost__then_the_provider_pays(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    storer = await depot.open_storer(accounts[0])
    stored = await put(storer, write_file(tmp_path))
    price, penalty = stored.quote.terms.price, stored.quote.terms.penalty
    before = await count_money(depot, storer)
    assert before.locked == price + penalty

    lose_leaf(depot.provider)
    found = await verify_object(storer, stored.shared_link)
    assert not found.is_good
    with pytest.raises((InvalidProof, PeerRefused), match="chunk"):
        await get_object(storer, stored.shared_link, tmp_path / "back")
    assert not (tmp_path / "back").exists()

    seen = await challenge(storer, stored, chunk=0, leaf=1000 // 256)
    await wait_for(lambda: depot.provider.keeper.tally.failed_answers > 0)
    with pytest.raises(Rejected, match="too early"):
        await fine(storer, stored)
    await turn_clock(depot, stored.quote.terms.response_window + 1)
    assert (await await_answer(storer, stored, seen, timeout_seconds=5)).is_answered is False
    wallet = await storer.desk.chain.get_balance(accounts[0].address)
    step = await fine(storer, stored)
    assert (await fetch_state(storer, stored)).status is Status.FINED
    won = int(step.evidence["to_client_wei"])
    assert won > penalty + seen.fee
    after = await count_money(depot, storer)
    gas = 10**15
    assert await storer.desk.chain.get_balance(accounts[0].address) > wallet + won - gas
    assert after.client == 0
    assert after.provider + after.locked <= before.provider + price
    assert storer.find("file").step is StoreStep.ENDED
    await wait_for(lambda: depot.provider.shop.vault.index.measure().pack_bytes == 0)


async def test_challenge__when_all_is_well__then_answered_and_the_fee_is_the_providers(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    storer = await depot.open_storer(accounts[0])
    stored = await put(storer, write_file(tmp_path))
    before = await count_money(depot, storer)
    for chunk, leaf, count, size in ((0, 0, 1, 256), (1, 7, 40, 40 * 256), (0, 1 << 19, 1, 0)):
        seen = await challenge(storer, stored, chunk=chunk, leaf=leaf, count=count)
        assert seen.deadline > stored.created_at
        answered = await await_answer(storer, stored, seen, timeout_seconds=60)
        assert answered.is_answered
        assert len(answered.data) == size
        before.provider += seen.fee
    assert await count_money(depot, storer) == before
    with pytest.raises(Rejected, match="not challenged"):
        await fine(storer, stored)


async def test_challenge__when_two_have_one_deadline__then_both_are_answered(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    storer = await depot.open_storer(accounts[0])
    stored = await put(storer, write_file(tmp_path))
    depot.town.devnet.request("anvil_setBlockTimestampInterval", 0)
    times = set()
    try:
        for _ in range(2):
            seen = await challenge(storer, stored, chunk=0, leaf=0)
            mined = await storer.desk.chain.request(
                "eth_getTransactionReceipt", "0x" + seen.transaction.hex()
            )
            block = await storer.desk.chain.fetch_block(int(mined["blockNumber"], 16))
            assert block is not None
            times.add(block.timestamp)
            answered = await await_answer(storer, stored, seen, timeout_seconds=30)
            assert answered.is_answered
    finally:
        depot.town.devnet.request("anvil_removeBlockTimestampInterval")
    # The answer may be there before anybody can ask for the deadline; it is this much later.
    assert len(times) == 1


async def test_put__when_the_client_never_uploads__then_money_back_less_the_reservation(
    depot: Depot,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storer = await depot.open_storer(accounts[0])

    def vanish(*_: object) -> bytes:
        raise InvalidInput("the client is gone")

    monkeypatch.setattr(ChunkReader, "read", vanish)
    with pytest.raises(InvalidInput, match="gone"):
        await put(storer, write_file(tmp_path))
    stored = storer.find("file")
    assert stored.step is StoreStep.UPLOADING
    with pytest.raises(Rejected, match="too early"):
        await reclaim(storer, stored)
    await turn_clock(depot, stored.quote.terms.confirm_window + 1)
    back = await reclaim(storer, stored)
    terms = stored.quote.terms
    assert back == terms.price - terms.reservation_fee
    money = await count_money(depot, storer)
    assert (money.client, money.provider, money.locked) == (0, depot.deposit, 0)
    assert terms.reservation_fee > 0


async def test_upload__when_a_chunk_is_not_its_root__then_refused_and_nothing_signed(
    depot: Depot,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storer = await depot.open_storer(accounts[0])
    read = ChunkReader.read
    monkeypatch.setattr(ChunkReader, "read", lambda *args: bytes(len(read(*args))))
    with pytest.raises(PeerRefused, match="root"):
        await put(storer, write_file(tmp_path))
    stored = storer.find("file")
    async with storer.open_provider(stored) as provider:
        with pytest.raises(PeerRefused, match="missing"):
            await provider.client.fetch_receipt(stored.agreement_id)
    assert depot.provider.shop.vault.index.measure().pack_bytes == 0
    await check_escrowed(depot, storer, stored)
    # Without a receipt the provider earns nothing; the client loses what an upload in vain costs.
    await turn_clock(depot, stored.quote.terms.confirm_window + 1)
    terms = stored.quote.terms
    assert await reclaim(storer, stored) == terms.price - terms.reservation_fee
    assert await count_money(depot, storer) == Money(client=0, provider=depot.deposit, locked=0)


async def test_show__when_the_client_has_only_the_roots__then_it_must_upload(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    storer, other = await depot.open_storer(accounts[0]), await depot.open_storer(accounts[2])
    path = write_file(tmp_path)
    first = await put(storer, path, shared="phrase")
    answers: list[int] = []
    check = Vault.check_ownership

    def count(
        self: Vault, agreement: Hash32, names: ChunkList, nonce: bytes, given: dict[int, bytes]
    ) -> int:
        # A client that knows roots and no bytes can but guess.
        held = check(self, agreement, names, nonce, {number: bytes(32) for number in given})
        answers.append(held)
        return held

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Vault, "check_ownership", count)
        stored = await put(other, path, shared="phrase")
    assert answers
    assert sum(answers) == 0
    assert stored.steps[11].evidence["uploaded_bytes"] == stored.quote.content.size
    # It paid what everybody pays: a claim is worth nothing.
    assert stored.quote.terms.price == first.quote.terms.price
    await check_escrowed(depot, other, first, stored)


async def test_restart__when_the_provider_dies_mid_upload__then_nothing_acknowledged_is_lost(
    depot: Depot,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storer = await depot.open_storer(accounts[0])
    path, index = write_file(tmp_path, 50_000_000), depot.provider.shop.vault.index
    take = ProviderCounter.take

    async def die_late(self: ProviderCounter, *args: object) -> None:
        if index.measure().pack_bytes > 0:
            raise PeerRefused("internal", "the provider is dying")
        await take(self, *args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ProviderCounter, "take", die_late)
        with pytest.raises(PeerRefused, match="dying"):
            await put(storer, path)
    assert index.measure().pack_bytes > 5_000_000
    told: list[int] = []
    stored = await storer.resume(
        storer.find("file"), Ears(uploading=lambda done, _: told.append(done))
    )
    assert told[0] > 5_000_000
    assert stored.steps[11].evidence["uploaded_bytes"] == stored.quote.content.size - told[0]
    await check_escrowed(depot, storer, stored)
    await get_object(storer, stored.shared_link, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


async def test_get__when_broken_off__then_goes_on_with_what_was_written(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    storer = await depot.open_storer(accounts[0])
    path = write_file(tmp_path, 30_000_000)
    stored = await put(storer, path)

    class Broken(Exception):
        pass

    def stop(done: int, _: int) -> None:
        if done > 12_000_000:
            raise Broken

    with pytest.raises(Broken):
        await get_object(storer, stored.shared_link, tmp_path / "back", progress=stop)
    assert not (tmp_path / "back").exists()
    got = await get_object(storer, stored.shared_link, tmp_path / "back")
    assert got.fetched_bytes < 20_000_000
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


async def test_get__when_lines_break_again_and_again__then_goes_on_behind_what_came(
    depot: Depot,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storer = await depot.open_storer(accounts[0])
    path = write_file(tmp_path, 30_000_000)
    stored = await put(storer, path)
    receive, open_run, opened = HttpExchange.receive, ChunkOpener.open_run, list[int]()
    left, breaks = 7_000_000, 0

    def break_often(self: HttpExchange, room: memoryview) -> int:
        nonlocal left, breaks
        count = receive(self, room)
        left -= count
        if left < 0:
            left, breaks = 7_000_000, breaks + 1
            raise ConnectionResetError
        return count

    def note(self: ChunkOpener, first: int, some: list[memoryview], room: memoryview) -> memoryview:
        opened.extend(range(first, first + len(some)))
        return open_run(self, first, some, room)

    monkeypatch.setattr(HttpExchange, "receive", break_often)
    monkeypatch.setattr(ChunkOpener, "open_run", note)
    got = await get_object(storer, stored.shared_link, tmp_path / "back")
    assert breaks >= 3
    assert len(opened) == len(set(opened)) == len(got.manifest.chunks)
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


async def test_get__when_the_disk_fails_behind_it__then_told_and_not_called_done(
    depot: Depot,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storer = await depot.open_storer(accounts[0])
    path = write_file(tmp_path, 9_000_000)
    stored = await put(storer, path)

    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(writing, "_SYNC_BYTES", 1 << 20)
        patched.setattr(writing.os, "fdatasync", fail)
        with pytest.raises(InvalidInput, match="cannot be written"):
            await get_object(storer, stored.shared_link, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    # What the disk lost nobody knows: nothing of it is believed.
    again = await get_object(storer, stored.shared_link, tmp_path / "back")
    assert again.fetched_bytes == 9_000_000
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


async def test_sign__when_the_payment_was_reorganized_away__then_no_receipt(
    depot: Depot,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storer = await depot.open_storer(accounts[0])
    fetch = StorageServerContract.fetch_agreement

    async def forget(
        self: StorageServerContract, agreement_id: bytes, block: str = "latest"
    ) -> AgreementState:
        found = await fetch(self, agreement_id, block)
        return found if block == "latest" else AgreementState()

    monkeypatch.setattr(StorageServerContract, "fetch_agreement", forget)
    with pytest.raises(PeerRefused, match="not on the chain"):
        await put(storer, write_file(tmp_path))
    monkeypatch.undo()
    unsigned = storer.find("file")
    assert (await fetch_state(storer, unsigned)).status is Status.PAID
    assert not unsigned.receipt_signature
    await check_escrowed(depot, storer, unsigned)
    stored = await storer.resume(unsigned)
    assert stored.step is StoreStep.STORED
    await check_escrowed(depot, storer, stored)


async def test_put__when_the_deposit_is_spent__then_no_new_agreement(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    storer = await depot.open_storer(accounts[0])
    stored = await put(storer, write_file(tmp_path))
    desk, server = depot.provider.shop.desk, depot.provider.shop.server
    await desk.sender.send(server.withdraw(await server.fetch_free()), key="all of it")
    (tmp_path / "more").write_bytes(b"more")
    with pytest.raises(NoProvider, match="too little deposit"):
        await put(storer, tmp_path / "more")
    assert (await fetch_state(storer, stored)).status is Status.STORED
    assert await desk.chain.get_balance(server.address) == (
        stored.quote.terms.price + stored.quote.terms.penalty
    )


async def test_term__when_it_is_over__then_all_is_collected_and_the_bytes_are_gone(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    storer = await depot.open_storer(accounts[0])
    stored = await put(storer, write_file(tmp_path))
    await turn_clock(depot, stored.quote.terms.term + TERMS.response_window + 10)
    await wait_for(lambda: depot.provider.shop.vault.index.measure().pack_bytes == 0)
    money = await count_money(depot, storer)
    assert (money.provider, money.locked) == (depot.deposit + stored.quote.terms.price, 0)
    assert (await fetch_state(storer, stored)).status is Status.ENDED


async def test_upkeep__when_the_store_fails_once__then_tried_again(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def fail_first(_: Vault) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise StoreError("a pack cannot be read")
        return 0

    monkeypatch.setattr(provider, "_UPKEEP_SECONDS", 0.01)
    monkeypatch.setattr(Vault, "compact", fail_first)
    task = asyncio.create_task(depot.provider._keep_up())
    try:
        await wait_for(lambda: len(tries) > 1 or task.done())
        assert not task.done()
    finally:
        task.cancel()


def test_options__when_defaults__then_the_terms_are_within_the_contracts_bounds() -> None:
    terms = ProviderOptions().terms
    assert terms.get_reservation_fee(10_000) <= 100
    assert terms.get_price(1 << 30, 30 * 86400) == terms.gib_month_price
    assert terms.get_price(1, 600) == terms.base_price
