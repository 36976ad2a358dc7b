"""Chunks that come back: the owner's keys prove them, and otherwise the roots do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pekanu.errors import InvalidProof
from pekanu.node.storage.chunk_opener import ChunkOpener
from pekanu.storage.chunk_trees import get_chunk_entry
from pekanu.storage.domains import EncryptionDomain, encrypt_chunk
from pekanu.storage.manifest import ChunkRef, FileEntry, FileKind, Manifest
from pekanu.types import Hash32

OWN = EncryptionDomain.own(b"s" * 32)
OTHER = EncryptionDomain.own(b"t" * 32)
PLAIN = (bytes(range(256)) * 40, b"the second", bytes(5000))
OPENERS = pytest.mark.parametrize("domain", [OWN, OTHER, None], ids=["owner", "other", "roots"])


def store(plain: tuple[bytes, ...] = PLAIN) -> tuple[Manifest, list[memoryview]]:
    """Return what the domain's owner stored, and what a provider keeps of it."""
    keys = [OWN.get_chunk_key(one) for one in plain]
    sealed = [encrypt_chunk(one, key) for one, key in zip(plain, keys, strict=True)]
    refs = tuple(
        ChunkRef(root=get_chunk_entry(data).chunk_root, key=key, size=len(data))
        for data, key in zip(sealed, keys, strict=True)
    )
    size = sum(len(one) for one in plain)
    entry = FileEntry(kind=FileKind.FILE, path="a", size=size)
    return Manifest(name="a", files=(entry,), chunks=refs), sealed


def read(opener: ChunkOpener, first: int, some: list[memoryview]) -> bytes:
    return bytes(opener.open_run(first, some, memoryview(bytearray(1 << 16))))


def alter(data: memoryview, place: int) -> memoryview:
    changed = bytearray(data)
    changed[place] ^= 1
    return memoryview(changed)


@OPENERS
def test_open__when_all_is_right__then_the_plain_bytes(domain: EncryptionDomain | None) -> None:
    manifest, sealed = store()
    opener = ChunkOpener(manifest, domain)
    assert read(opener, 0, sealed) == b"".join(PLAIN)
    assert read(opener, 1, sealed[1:2]) == PLAIN[1]


@OPENERS
@pytest.mark.parametrize("place", [0, 4000, -1])
def test_open__when_a_bit_is_another__then_refused(
    domain: EncryptionDomain | None, place: int
) -> None:
    manifest, sealed = store()
    sealed[2] = alter(sealed[2], place)
    with pytest.raises(InvalidProof, match="other bytes than chunk 2"):
        read(ChunkOpener(manifest, domain), 0, sealed)


@OPENERS
def test_open__when_chunks_are_exchanged_or_cut__then_refused(
    domain: EncryptionDomain | None,
) -> None:
    manifest, sealed = store()
    opener = ChunkOpener(manifest, domain)
    with pytest.raises(InvalidProof, match="chunk 0"):
        read(opener, 0, [sealed[1], sealed[0]])
    with pytest.raises(InvalidProof, match="chunk 0"):
        read(opener, 0, [sealed[0][:-1]])


def test_open__when_refused_once__then_the_key_still_decides() -> None:
    manifest, sealed = store()
    opener = ChunkOpener(with_other_root(manifest), OWN)
    with pytest.raises(InvalidProof, match="chunk 0"):
        read(opener, 0, [alter(sealed[0], 7)])
    assert read(opener, 0, sealed[:1]) == PLAIN[0]


def test_open__when_the_root_is_another__then_only_the_owner_reads() -> None:
    manifest, sealed = store()
    changed = with_other_root(manifest)
    assert read(ChunkOpener(changed, OWN), 0, sealed) == b"".join(PLAIN)
    for domain in (OTHER, None):
        with pytest.raises(InvalidProof, match="chunk 0"):
            read(ChunkOpener(changed, domain), 0, sealed)


def with_other_root(manifest: Manifest) -> Manifest:
    first = replace(manifest.chunks[0], root=Hash32(bytes(32)))
    return replace(manifest, chunks=(first, *manifest.chunks[1:]))
