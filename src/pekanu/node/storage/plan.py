"""The first pass over what is to be stored: its chunks, their keys and roots, the manifest.

Reading and cutting run in one thread, keys, encryption and trees in others; a handful of chunks is
in memory at once. Nothing is kept of the ciphertext: it is made again when it is uploaded.
Not here: the files (`source`), the upload (`upload`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from pekanu.node.pieces import Progress
from pekanu.node.storage.sealing import StorageSecret
from pekanu.node.storage.source import Source
from pekanu.storage.chunk_names import ChunkName
from pekanu.storage.chunk_trees import get_chunk_entry, get_entries_root
from pekanu.storage.chunking import Chunker
from pekanu.storage.domains import EncryptionDomain, encrypt_chunk
from pekanu.storage.manifest import (
    ChunkRef,
    Manifest,
    get_part_key,
    split_parts,
)
from pekanu.types import Hash32

#: Chunks in memory at once.
_AHEAD: Final = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything that is agreed on, and how each chunk's ciphertext comes to be."""

    manifest: Manifest
    manifest_key: bytes
    #: The manifest's plain parts.
    parts: tuple[bytes, ...]
    #: All chunks in the agreement's order, the manifest's last.
    names: tuple[ChunkName, ...]
    root: Hash32

    @property
    def size(self) -> int:
        """Bytes of all chunks."""
        return sum(name.size for name in self.names)

    @property
    def content_count(self) -> int:
        """Chunks before the manifest's."""
        return len(self.manifest.chunks)

    def get_size(self, numbers: Sequence[int]) -> int:
        """Return the bytes of some chunks, by their places in the order."""
        return sum(self.names[number].size for number in numbers)

    def encrypt_part(self, number: int) -> memoryview:
        """Return the ciphertext of a chunk of the manifest, by its place in the order."""
        part = number - self.content_count
        return encrypt_chunk(self.parts[part], get_part_key(self.manifest_key, part))


def build_plan(
    source: Source,
    domain: EncryptionDomain,
    secret: StorageSecret,
    *,
    progress: Progress | None = None,
) -> Plan:
    """Return the plan for some files, reading each byte once.

    Args:
        source: The files.
        domain: Whose chunks deduplicate with whose.
        secret: Of the client; its manifest is encrypted in the own domain always.
        progress: Told bytes read.

    Raises:
        InvalidInput: A file cannot be read or changes.
    """
    chunker = Chunker(domain.cut_key)
    refs: list[ChunkRef] = []
    waiting: deque[Future[ChunkRef]] = deque()
    done, total = 0, source.size
    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
        for offset, size in source.list_segments():
            with source.open_range(offset, size) as stream:
                for plain in chunker.split(stream):
                    if len(waiting) >= _AHEAD:
                        refs.append(waiting.popleft().result())
                    waiting.append(pool.submit(_describe, domain, plain))
                    done += len(plain)
                    if progress is not None:
                        progress(done, total)
        refs += [one.result() for one in waiting]
    manifest = Manifest(name=source.name, files=source.entries, chunks=tuple(refs))
    encoded = manifest.encode()
    return restore_plan(encoded, secret.get_manifest_key(encoded))


def restore_plan(encoded: bytes, manifest_key: bytes) -> Plan:
    """Return the plan of an encoded manifest."""
    manifest = Manifest.decode(encoded)
    parts = tuple(split_parts(encoded))
    names = [ref.name for ref in manifest.chunks]
    for number, part in enumerate(parts):
        sealed = encrypt_chunk(part, get_part_key(manifest_key, number))
        names.append(ChunkName(root=get_chunk_entry(sealed).chunk_root, size=len(sealed)))
    root = get_entries_root([one.entry for one in names])
    return Plan(
        manifest=manifest,
        manifest_key=manifest_key,
        parts=parts,
        names=tuple(names),
        root=root,
    )


def _describe(domain: EncryptionDomain, plain: bytes) -> ChunkRef:
    key = domain.get_chunk_key(plain)
    root = get_chunk_entry(encrypt_chunk(plain, key)).chunk_root
    return ChunkRef(root=root, key=key, size=len(plain))
