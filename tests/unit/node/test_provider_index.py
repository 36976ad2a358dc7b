"""A provider's index and vault, in SQLite and in a real PostgreSQL: the same books."""

from __future__ import annotations

import itertools
import json
import os
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from eth_abi.abi import encode

from pekanu.errors import JournalError, UsageError
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.provider import index as index_module
from pekanu.node.provider import vault as vault_module
from pekanu.node.provider.index import AgreementRow, ProviderIndex, open_index
from pekanu.node.provider.vault import Vault
from pekanu.storage.agreement import TERMS_ABI
from pekanu.storage.chunk_names import ChunkName, pack_names
from pekanu.storage.chunk_trees import get_chunk_entry
from pekanu.storage.ownership import prove_ownership
from pekanu.storage.stores import FolderStore, MemoryStore, StoreError
from pekanu.storage.trees import CountProof, LeafProof, get_proven_root, get_root
from pekanu.types import Hash32, Seconds
from support.postgres import open_postgres
from support.storage_vectors import read_quote


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with open_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ProviderIndex]:
    place: Path | str = tmp_path / "index.db"
    if request.param == "postgresql":
        place = request.getfixturevalue("postgres_url")
    with open_index(place) as found:
        for row in found.list_agreements():
            found.release(row.agreement_id)
            found.remove_agreement(row.agreement_id)
        yield found


@pytest.fixture
def vault(index: ProviderIndex) -> Vault:
    count = itertools.count(random.getrandbits(64))
    return Vault(MemoryStore(), index, draw=lambda size: next(count).to_bytes(size, "big"))


def read_all(vault: Vault, names: Sequence[ChunkName]) -> list[bytes]:
    """Return chunks as a client gets them: as many at once as the vault opens."""
    found: list[bytes] = []
    while len(found) < len(names):
        count, ranges = vault.open(names[len(found) :])
        assert count
        with closing(ranges):
            for name in names[len(found) : len(found) + count]:
                room = memoryview(bytearray(name.size))
                ranges.fill(room)
                found.append(bytes(room))
    return found


def make_chunks(*seeds: int) -> list[bytes]:
    return [random.Random(seed).randbytes(1000 + seed) for seed in seeds]


def name_chunk(data: bytes) -> ChunkName:
    return ChunkName(root=get_chunk_entry(data).chunk_root, size=len(data))


def add(index: ProviderIndex, number: int, chunks: list[bytes]) -> AgreementRow:
    row = AgreementRow(
        agreement_id=Hash32(bytes([number]) * 32),
        server="0x" + "11" * 20,
        client="0x" + "22" * 20,
        agent="0x" + "33" * 20,
        stage="uploading",
        is_live=True,
        is_held=False,
        state="{}",
        entries=pack_names([name_chunk(data) for data in chunks]),
        shown=bytes(len(chunks)),
        awaited_bytes=sum(map(len, chunks)),
        created_at=7,
        ends_at=7 + 100 * number,
    )
    index.add_agreement(row)
    index.hold(row.agreement_id)
    return reload(index, row)


def reload(index: ProviderIndex, row: AgreementRow) -> AgreementRow:
    found = index.get_agreement(row.agreement_id)
    assert found is not None
    return found


def take(vault: Vault, row: AgreementRow, chunks: list[bytes], *numbers: int) -> AgreementRow:
    bodies = [(number, memoryview(chunks[number])) for number in numbers]
    vault.take(row.agreement_id, row.names, bodies)
    return reload(vault.index, row)


def test_take__when_all_came__then_read_back_and_counted(vault: Vault) -> None:
    chunks = make_chunks(1, 2, 3)
    row = add(vault.index, 1, [*chunks, chunks[0]])
    assert vault.find_missing(row).absent == (0, 1, 2)
    row = take(vault, row, chunks, 0, 2)
    # The fourth equals the first: it is shown with it.
    assert row.shown == b"\x01\x00\x01\x01"
    assert vault.find_missing(row).absent == (1,)
    row = take(vault, row, chunks, 1)
    assert read_all(vault, row.names) == [*chunks, chunks[0]]
    usage = vault.index.measure()
    assert usage.live_bytes == usage.pack_bytes == sum(map(len, chunks))
    assert (usage.chunk_count, usage.awaited_bytes) == (3, 0)


def test_open__when_chunks_lie_in_many_packs__then_a_few_at_once(vault: Vault) -> None:
    chunks = make_chunks(*range(20))
    row = add(vault.index, 1, chunks)
    for number in range(0, 20, 2):
        row = take(vault, row, chunks, number)
    row = take(vault, row, chunks, *range(1, 20, 2))
    count, ranges = vault.open(row.names)
    ranges.close()
    assert count == 8
    assert read_all(vault, row.names) == chunks


def test_open__when_a_pack_ends_early_meanwhile__then_told(
    index: ProviderIndex, tmp_path: Path
) -> None:
    vault = Vault(FolderStore(tmp_path / "packs"), index, draw=bytes)
    chunks = make_chunks(1, 2)
    row = take(vault, add(vault.index, 1, chunks), chunks, 0, 1)
    _, ranges = vault.open(row.names)
    (path,) = (tmp_path / "packs").glob("*/*")
    os.truncate(path, 1500)
    with closing(ranges):
        ranges.fill(memoryview(bytearray(1500)))
        with pytest.raises(StoreError, match="shorter"):
            ranges.fill(memoryview(bytearray(1)))
    with pytest.raises(StoreError, match="lacks bytes"):
        vault.open(row.names)
    path.unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        vault.open(row.names)


def test_take__when_a_chunk_is_another__then_nothing_is_kept(vault: Vault) -> None:
    chunks = make_chunks(1, 2)
    row = add(vault.index, 1, chunks)
    with pytest.raises(PeerRefused, match="root"):
        vault.take(
            row.agreement_id, row.names, [(0, memoryview(chunks[0])), (1, memoryview(chunks[0]))]
        )
    assert vault.index.measure().pack_bytes == 0


def test_check_ownership__when_another_holds_it__then_only_who_has_the_bytes_passes(
    vault: Vault,
) -> None:
    chunks, nonce = make_chunks(1, 2), b"n" * 32
    take(vault, add(vault.index, 1, chunks), chunks, 0, 1)
    row = add(vault.index, 2, chunks)
    missing = vault.find_missing(row)
    assert (missing.absent, missing.unshown) == ((), (0, 1))
    right = prove_ownership(nonce, row.names[0].root, chunks[0])
    answers = {0: right, 1: bytes(32)}
    assert vault.check_ownership(row.agreement_id, row.names, nonce, answers) == 1
    row = reload(vault.index, row)
    assert row.shown == b"\x01\x00"


def test_questions__when_of_any_number_of_keys__then_of_few_lengths() -> None:
    lengths = set()
    for count in (0, 1, 2, 3, 5, 100, 511, 512, 513, 2000):
        keys = [str(number) for number in range(count)]
        asked = list(index_module._split(keys))
        assert {key for some in asked for key in some} == set(keys)
        lengths |= {len(some) for some in asked}
    assert lengths == {1, 2, 4, 8, 128, 512}


def test_hold__when_gone_through_in_parts__then_each_chunk_counts_once(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (index_module, vault_module):
        monkeypatch.setattr(module, "_MANY", 2)
    chunks = make_chunks(1, 2, 1, 3, 2, 4)
    first, second = add(vault.index, 1, chunks), add(vault.index, 2, chunks)
    assert vault.find_missing(first).absent == (0, 1, 3, 5)
    first = take(vault, first, chunks, 0, 1, 3)
    assert (first.shown, vault.index.measure().chunk_count) == (b"\x01\x01\x01\x01\x01\x00", 3)
    assert vault.find_missing(first).absent == (5,)
    missing = vault.find_missing(second)
    assert (missing.absent, missing.unshown) == ((5,), (0, 1, 3))
    vault.release(first.agreement_id)
    assert vault.index.measure().chunk_count == 3
    vault.release(second.agreement_id)
    assert vault.index.measure().chunk_count == vault.index.measure().pack_bytes == 0


def test_release__when_the_last_agreement_ends__then_the_bytes_go(vault: Vault) -> None:
    chunks = make_chunks(1, 2, 3)
    one = take(vault, add(vault.index, 1, chunks), chunks, 0, 1, 2)
    two = add(vault.index, 2, chunks[:1])
    vault.release(one.agreement_id)
    vault.release(one.agreement_id)
    assert read_all(vault, two.names) == chunks[:1]
    usage = vault.index.measure()
    assert (usage.live_bytes, usage.chunk_count) == (len(chunks[0]), 1)
    with pytest.raises(StoreError):
        read_all(vault, one.names)
    assert vault.compact() == 1
    assert vault.index.measure().pack_bytes == len(chunks[0])
    assert read_all(vault, two.names) == chunks[:1]
    vault.release(two.agreement_id)
    assert vault.index.measure().pack_bytes == 0
    assert vault.index.list_packs() == set()


def test_sweep__when_a_kill_left_a_pack_without_an_entry__then_deleted(vault: Vault) -> None:
    chunks = make_chunks(1)
    row = take(vault, add(vault.index, 1, chunks), chunks, 0)
    vault._store.put("ffff", [b"half an upload"])
    known = set(vault._store.list())
    assert vault.sweep() == 1
    assert set(vault._store.list()) == known - {"ffff"}
    assert read_all(vault, row.names) == chunks


def test_prove__when_challenged__then_the_proof_leads_to_the_root(vault: Vault) -> None:
    chunks = make_chunks(1, 2, 3)
    row = take(vault, add(vault.index, 1, chunks), chunks, 0, 1, 2)
    root = get_root([get_chunk_entry(data) for data in chunks])
    leaf = vault.prove(row.names, chunk=1, first=2, count=5)
    assert isinstance(leaf, LeafProof)
    assert get_proven_root(leaf, 3) == root
    assert leaf.data == chunks[1][512:1002]
    beyond = vault.prove(row.names, chunk=1, first=4, count=1)
    assert isinstance(beyond, CountProof)
    assert get_proven_root(beyond, 3) == root


def test_set_state__when_it_stands_elsewhere__then_left_as_it_is(index: ProviderIndex) -> None:
    row = add(index, 1, make_chunks(1))
    index.set_state(row.agreement_id, stage="stored", state="{}", is_live=True, expected="paid")
    assert reload(index, row).stage == "uploading"
    index.set_state(
        row.agreement_id, stage="ended", state="{}", is_live=False, expected="uploading"
    )
    assert index.list_agreements(live_only=True) == []
    assert [one.stage for one in index.list_agreements(agent=row.agent)] == ["ended"]


def test_iterate_others__when_some_ended_before__then_those_are_not_touched(
    index: ProviderIndex,
) -> None:
    rows = [add(index, number, make_chunks(number)) for number in (1, 2, 3, 4)]
    assert [one.agreement_id for one in index.iterate_others(rows[3], since=207)] == [
        rows[2].agreement_id
    ]
    index.set_state(
        rows[2].agreement_id,
        stage="ended",
        state="{}",
        is_live=False,
        expected="uploading",
        ends_at=200,
    )
    assert list(index.iterate_others(rows[3], since=207)) == []
    # Whoever ended since is asked all the same.
    since = {one.agreement_id for one in index.iterate_others(rows[3], since=199)}
    assert since == {rows[1].agreement_id, rows[2].agreement_id}


def test_open_index__when_it_is_of_the_first_version__then_ends_are_found_in_the_terms(
    tmp_path: Path,
) -> None:
    path, terms = tmp_path / "index.db", replace(read_quote().terms, term=Seconds(5000))
    with open_index(path) as index:
        rows = [add(index, number, make_chunks(number)) for number in (1, 2)]
        for row, starts_at in zip(rows, (0, 900), strict=True):
            text = encode(
                [TERMS_ABI], [replace(terms, starts_at=Seconds(starts_at)).to_abi()]
            ).hex()
            index.set_state(
                row.agreement_id,
                stage="confirmed",
                state=json.dumps({"terms": text}),
                is_live=True,
                expected="uploading",
            )
    with closing(sqlite3.connect(path)) as books, books:
        books.execute("drop index ends_of_agreements")
        books.execute("alter table agreements drop column ends_at")
        books.execute("update alembic_version set version_num = '0001'")
    with open_index(path) as index:
        assert [reload(index, row).ends_at for row in rows] == [7 + 5000, 900 + 5000]


def test_count_live__when_there_are_others__then_only_those_asked_for(index: ProviderIndex) -> None:
    rows = [add(index, number, make_chunks(number)) for number in (1, 2, 3)]
    for row, stage in ((rows[0], "quoted"), (rows[1], "ended")):
        index.set_state(
            row.agreement_id,
            stage=stage,
            state="{}",
            is_live=stage != "ended",
            expected="uploading",
        )
    counts = [index.count_live(agent=rows[0].agent, stage=stage) for stage in ("quoted", "ended")]
    assert counts == [1, 0]
    assert index.count_live(agent="0x" + "44" * 20, stage="quoted") == 0


def test_open_index__when_opened_again__then_the_books_are_there(tmp_path: Path) -> None:
    with open_index(tmp_path / "index.db") as index:
        index.set_client("agent", "server", "one")
        index.set_client("agent", "server", "two")
    with open_index(tmp_path / "index.db") as index:
        assert index.get_client("agent", "server") == "two"
        assert index.get_client("agent", "other") is None


def test_open_index__when_the_url_is_wrong__then_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError), open_index("nosuch://host/x"):
        pass
    # Nobody listens there.
    nowhere = "postgresql://keeper@127.0.0.1:9/books"
    with pytest.raises(JournalError, match="the index cannot be used"), open_index(nowhere):
        pass
    (tmp_path / "index.db").write_bytes(b"no database" * 100)
    with pytest.raises(JournalError), open_index(tmp_path / "index.db"):
        pass
