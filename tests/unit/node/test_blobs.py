"""Blobs: taken in by offset, checked by hash, bounded by quota, kept while held."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from pekanu.crypto.keccak import keccak256
from pekanu.node.blobs import BlobLimits, BlobStore, get_file_id
from pekanu.node.peer_errors import PeerRefused

DATA = os.urandom(3000)
BLOB = keccak256(DATA)
LIMITS = BlobLimits(blob_bytes=4000, owner_bytes=5000, owner_blobs=3, total_bytes=8000)


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> BlobStore:
    return BlobStore(tmp_path, clock=clock, limits=LIMITS)


def upload(store: BlobStore, data: bytes, owner: str = "0xA") -> bytes:
    blob_id, offset = keccak256(data), 0
    store.begin(blob_id, len(data), owner)
    for start in range(0, len(data), 1000):
        part = data[start : start + 1000]
        offset = store.append(blob_id, len(data), owner, start, part)
    assert offset == len(data)
    return blob_id


@pytest.mark.parametrize("size", [0, 1, 1000, 2999])
def test_append__when_all_bytes_came__then_the_blob_is_complete(
    store: BlobStore, size: int
) -> None:
    data = DATA[:size]
    blob_id = keccak256(data)
    upload(store, data)
    assert store.has(blob_id)
    assert store.get_path(blob_id).read_bytes() == data
    assert get_file_id(store.get_path(blob_id)) == blob_id


def test_append__when_the_store_is_opened_again__then_the_upload_goes_on(
    store: BlobStore, tmp_path: Path, clock: Clock
) -> None:
    store.begin(BLOB, 3000, "0xA")
    store.append(BLOB, 3000, "0xA", 0, DATA[:1700])
    again = BlobStore(tmp_path, clock=clock, limits=LIMITS)
    assert again.begin(BLOB, 3000, "0xA") == 1700
    again.append(BLOB, 3000, "0xA", 1700, DATA[1700:])
    assert again.get_path(BLOB).read_bytes() == DATA


@pytest.mark.parametrize("offset", [0, 999, 1001, 3000])
def test_append__when_the_offset_is_another__then_refused_and_nothing_is_lost(
    store: BlobStore, offset: int
) -> None:
    store.begin(BLOB, 3000, "0xA")
    store.append(BLOB, 3000, "0xA", 0, DATA[:1000])
    with pytest.raises(PeerRefused, match="stands at 1000") as caught:
        store.append(BLOB, 3000, "0xA", offset, b"x")
    assert caught.value.code == "offset"
    store.append(BLOB, 3000, "0xA", 1000, DATA[1000:])
    assert store.has(BLOB)


def test_append__when_the_bytes_do_not_hash_to_the_name__then_dropped(store: BlobStore) -> None:
    store.begin(BLOB, 3000, "0xA")
    with pytest.raises(PeerRefused, match="do not hash"):
        store.append(BLOB, 3000, "0xA", 0, bytes(3000))
    assert not store.has(BLOB)
    assert store.begin(BLOB, 3000, "0xA") == 0
    store.append(BLOB, 3000, "0xA", 0, DATA)
    assert store.has(BLOB)


def test_append__when_it_was_not_begun_or_is_too_long__then_refused(store: BlobStore) -> None:
    with pytest.raises(PeerRefused):
        store.append(BLOB, 3000, "0xA", 0, DATA)
    store.begin(BLOB, 3000, "0xA")
    with pytest.raises(PeerRefused, match="longer"):
        store.append(BLOB, 3000, "0xA", 0, DATA + b"x")


def test_append__when_another_owner_uploads_garbage_under_the_name__then_mine_is_unspoilt(
    store: BlobStore,
) -> None:
    store.begin(BLOB, 3000, "0xA")
    store.begin(BLOB, 3000, "0xB")
    store.append(BLOB, 3000, "0xB", 0, bytes(2000))
    store.append(BLOB, 3000, "0xA", 0, DATA)
    assert store.get_path(BLOB).read_bytes() == DATA


@pytest.mark.parametrize(
    ("held", "size", "code"),
    # What is too large stays so; for the rest there is room again once tasks hold their inputs.
    [([], 4001, "quota"), ([3000], 2001, "busy"), ([1, 2, 3], 4, "busy")],
)
def test_begin__when_an_owner_asks_for_too_much__then_refused(
    store: BlobStore, held: list[int], size: int, code: str
) -> None:
    for number in held:
        store.begin(keccak256(bytes([number % 251])), number, "0xA")
    with pytest.raises(PeerRefused) as caught:
        store.begin(BLOB, size, "0xA")
    assert caught.value.code == code


def test_begin__when_all_owners_ask_for_too_much__then_busy(store: BlobStore) -> None:
    for owner in ("0xA", "0xB"):
        store.begin(BLOB, 4000, owner)
    with pytest.raises(PeerRefused) as caught:
        store.begin(BLOB, 4000, "0xC")
    assert caught.value.code == "busy"


def test_hold__when_a_task_holds_it__then_quota_and_age_do_not_count(
    store: BlobStore, tmp_path: Path, clock: Clock
) -> None:
    upload(store, DATA)
    store.hold(BLOB, "task 1")
    store.hold(BLOB, "task 2")
    store.begin(keccak256(b"other"), 4000, "0xA")
    clock.now += 1000
    again = BlobStore(tmp_path, clock=clock, limits=LIMITS)
    again.evict(age_seconds=500)
    assert again.has(BLOB)
    again.release(BLOB, "task 1")
    clock.now += 1000
    again.evict(age_seconds=500)
    assert again.has(BLOB)
    again.release(BLOB, "task 2")
    assert again.evict(age_seconds=500) == 0
    clock.now += 1000
    assert again.evict(age_seconds=500) == 3000
    assert not again.has(BLOB)


def test_hold__when_it_is_not_complete__then_refused(store: BlobStore) -> None:
    store.begin(BLOB, 3000, "0xA")
    with pytest.raises(PeerRefused, match="not held"):
        store.hold(BLOB, "task")


def test_evict__when_an_upload_stops__then_its_room_is_free_again(
    store: BlobStore, tmp_path: Path, clock: Clock
) -> None:
    store.begin(BLOB, 3000, "0xA")
    store.append(BLOB, 3000, "0xA", 0, DATA[:1234])
    clock.now += 1000
    assert store.evict(age_seconds=500) == 1234
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    store.begin(keccak256(b"x"), 4000, "0xA")


def test_put_file__when_it_is_ones_own__then_it_is_named_by_its_hash(store: BlobStore) -> None:
    assert store.put_file(io.BytesIO(DATA * 3)) == keccak256(DATA * 3)
    assert store.has(keccak256(DATA * 3))


def test_begin__when_a_held_blob_is_said_to_have_another_size__then_refused(
    store: BlobStore,
) -> None:
    upload(store, DATA)
    assert store.begin(BLOB, 3000, "0xB") == 3000
    with pytest.raises(PeerRefused, match="another size"):
        store.begin(BLOB, 2999, "0xB")


def test_begin__when_tasks_held_the_others__then_they_do_not_count_and_make_room(
    store: BlobStore, clock: Clock
) -> None:
    served = []
    for number in range(8):
        clock.now += 1
        blob_id = upload(store, bytes([number]) * 1000)
        store.hold(blob_id, f"task {number}")
        store.release(blob_id, f"task {number}")
        served.append(blob_id)
    # Eight of three are there; the oldest go when all the room is taken.
    assert all(store.has(blob_id) for blob_id in served)
    upload(store, DATA)
    assert [store.has(blob_id) for blob_id in served] == [False] * 3 + [True] * 5
