"""Packs in folders, in memory and in a real S3 server: the same promises."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from pekanu.errors import UsageError
from pekanu.storage.stores import FolderStore, MemoryStore, PackStore, StoreError, open_store


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """A bucket at a server of its own, with the environment that an operator sets."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        httpx.put(f"{settings['AWS_ENDPOINT']}/provider-bucket").raise_for_status()
        yield "s3://provider-bucket/some/prefix"
    server.stop()


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> PackStore:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "folder":
        return open_store(str(tmp_path / "packs"))
    found = open_store(request.getfixturevalue("s3_url"))
    for name in list(found.list()):
        found.delete(name)
    return found


def test_put__when_read_in_ranges__then_the_same_bytes(store: PackStore) -> None:
    store.put("ab12", [b"hello ", b"world"])
    store.put("ab34", [os.urandom(100_000)])
    assert store.read("ab12", 0, 11) == b"hello world"
    assert store.read("ab12", 6, 5) == b"world"
    with closing(store.open("ab12", 6, 5)) as found:
        room = bytearray(5)
        assert found.readinto(memoryview(room)) == 5
        assert room == b"world"
    assert sorted(store.list()) == ["ab12", "ab34"]


def test_open__when_the_range_is_long__then_read_on_to_its_end(store: PackStore) -> None:
    data = os.urandom(9_000_000)
    store.put("ab56", [data])
    with closing(store.open("ab56", 1000, len(data) - 2000)) as found:
        parts, room = [], memoryview(bytearray(700_000))
        while len(data) - 2000 > sum(map(len, parts)):
            count = found.readinto(room[: len(data) - 2000 - sum(map(len, parts))])
            assert count
            parts.append(bytes(room[:count]))
    assert b"".join(parts) == data[1000:-1000]


def test_read__when_beyond_the_end_or_missing__then_refused(store: PackStore) -> None:
    store.put("ab12", [b"short"])
    with pytest.raises(StoreError):
        store.read("ab12", 3, 5)
    with pytest.raises(StoreError):
        store.read("ffff", 0, 1)
    with pytest.raises(StoreError):
        store.open("ab12", 3, 5)
    with pytest.raises(StoreError):
        store.open("ffff", 0, 1)


def test_delete__when_done_twice__then_gone(store: PackStore) -> None:
    store.put("ab12", [b"x"])
    store.delete("ab12")
    store.delete("ab12")
    assert list(store.list()) == []
    with pytest.raises(StoreError):
        store.read("ab12", 0, 1)


def test_folder__when_a_write_was_cut_off__then_nothing_of_it_is_seen(tmp_path: Path) -> None:
    FolderStore(tmp_path).put("ab12", [b"x"])
    draft = tmp_path / "ab" / "ab99.new"
    draft.write_bytes(b"half")
    assert list(FolderStore(tmp_path).list()) == ["ab12"]
    assert not draft.exists()


def test_folder__when_it_cannot_be_written__then_one_sentence(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    (tmp_path / "ab").write_bytes(b"a file is in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        store.put("ab12", [b"x"])


@pytest.mark.parametrize("place", ["ftp://host/x", "http://bucket/x", "s3:///"])
def test_open_store__when_the_url_is_of_no_kind__then_refused(place: str) -> None:
    with pytest.raises(UsageError):
        open_store(place)
