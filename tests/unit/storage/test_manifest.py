"""Manifests and links: what they say comes back, and nothing dangerous is believed."""

from __future__ import annotations

import json
import zlib

import pytest

from pekanu.errors import InvalidMessage
from pekanu.storage.agreement import StorageDomain
from pekanu.storage.link import Link, SharedLink, is_link
from pekanu.storage.manifest import (
    PART_SIZE,
    ChunkRef,
    FileEntry,
    FileKind,
    Manifest,
    get_part_key,
    split_parts,
)
from pekanu.types import Address, Hash32

NAMES = ["a.txt", "empty", "naïve/日本語 😀.txt", "raw\udcff\udc80", "line\nbreak", "-rf ~"]


def make_manifest(names: list[str] = NAMES) -> Manifest:
    files = tuple(
        FileEntry(kind=FileKind.FILE, path=name, size=10 * index, mode=0o640, modified=7)
        for index, name in enumerate(names)
    )
    size = sum(entry.size for entry in files)
    chunk = ChunkRef(root=Hash32(b"r" * 32), key=b"k" * 32, size=size)
    return Manifest(name="my things", files=files, chunks=(chunk,) if size else ())


def test_encode__when_names_are_strange__then_all_come_back() -> None:
    manifest = make_manifest()
    assert Manifest.decode(manifest.encode()) == manifest
    assert [one.offset for one in manifest.list_placed()] == [0, 0, 10, 30, 60, 100]


def test_encode__when_nothing_is_held__then_comes_back() -> None:
    manifest = Manifest(
        name="", files=(FileEntry(kind=FileKind.FOLDER, path="only", mode=0o755),), chunks=()
    )
    assert Manifest.decode(manifest.encode()) == manifest


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../up", "a/../../b", "a//b", "", ".", "a/.", "nul\0byte"]
)
def test_decode__when_a_path_leads_out__then_refused(path: str) -> None:
    with pytest.raises(InvalidMessage):
        Manifest.decode(make_manifest([path]).encode())


def test_decode__when_a_path_goes_through_a_link__then_refused() -> None:
    files = (
        FileEntry(kind=FileKind.LINK, path="out", target="/etc"),
        FileEntry(kind=FileKind.FILE, path="out/passwd"),
    )
    with pytest.raises(InvalidMessage, match="no folder"):
        Manifest.decode(Manifest(name="", files=files, chunks=()).encode())


def test_decode__when_twice_the_same_path__then_refused() -> None:
    with pytest.raises(InvalidMessage, match="twice"):
        Manifest.decode(make_manifest(["a", "a"]).encode())


def test_decode__when_cut_changed_or_lengthened__then_refused() -> None:
    data = make_manifest().encode()
    for bad in (b"", data[:5], data[:-1], data + b"x", b"XXXX" + data[4:], data[:12] + data[13:]):
        with pytest.raises(InvalidMessage):
            Manifest.decode(bad)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"name": 1, "files": []},
        {"name": "", "files": [["file", "a", "1", 0, 0, ""]]},
        {"name": "", "files": [["pipe", "a", 0, 0, 0, ""]]},
        {"name": "", "files": [["file", "a", -1, 0, 0, ""]]},
        {"name": "", "files": [["folder", "a", 1, 0, 0, ""]]},
        {"name": "", "files": [["file", "a", True, 0, 0, ""]]},
        {"name": "", "files": [["file", "a", 5, 0, 0, ""]]},
    ],
)
def test_decode__when_the_list_is_wrong__then_refused(document: object) -> None:
    packed = zlib.compress(json.dumps(document).encode())
    with pytest.raises(InvalidMessage):
        Manifest.decode(b"PKM1" + len(packed).to_bytes(4, "little") + bytes(4) + packed)


def test_split__when_long__then_parts_join_and_have_keys_of_their_own() -> None:
    data = bytes(PART_SIZE) * 2 + b"rest"
    parts = split_parts(data)
    assert [len(part) for part in parts] == [PART_SIZE, PART_SIZE, 4]
    assert b"".join(parts) == data
    assert get_part_key(b"m" * 32, 0) != get_part_key(b"m" * 32, 1)


def make_link(memo: bytes = b"memo") -> Link:
    return Link(
        domain=StorageDomain(chain_id=31337, server=Address("0x" + "11" * 20)),
        provider=Address("0x" + "22" * 20),
        agreement_id=Hash32(b"a" * 32),
        root=Hash32(b"r" * 32),
        size=1234,
        chunk_count=7,
        manifest_chunks=2,
        memo=memo,
    )


def test_link__when_encoded__then_comes_back_under_its_hash() -> None:
    link = make_link()
    assert Link.decode(link.encode()) == link
    assert Link.decode(link.encode()).hash == link.hash != make_link(b"other").hash


def test_link__when_damaged__then_refused() -> None:
    data = make_link().encode()
    for bad in (b"", data[:20], b"\x02" + data[1:], data + bytes(200), data[:125] + bytes(8)):
        with pytest.raises(InvalidMessage):
            Link.decode(bad)


def test_shared_link__when_text__then_comes_back() -> None:
    shared = SharedLink(link=make_link(), manifest_key=b"k" * 32)
    text = shared.to_text()
    assert is_link(text)
    assert not set(text) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:")
    assert SharedLink.from_text(text) == shared
    for bad in ("a.txt", "pekanu-link:", "pekanu-link:!!!", text[:60]):
        with pytest.raises(InvalidMessage):
            SharedLink.from_text(bad)
