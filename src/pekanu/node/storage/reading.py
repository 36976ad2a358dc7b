"""Reading what is stored: whole, in part, or just to see whether it is there.

An object is one's own, or a link that somebody gave. Each byte is proved before it is handed on.
Not here: writing files (`download`), the talk (`provider_client`).
"""

from __future__ import annotations

import asyncio
import secrets
from bisect import bisect_right
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from pekanu.errors import InvalidInput, PekanuError
from pekanu.node.pieces import Progress
from pekanu.node.storage.chunk_opener import ChunkOpener
from pekanu.node.storage.download import download, fetch_manifest, iterate_runs
from pekanu.node.storage.provider_client import ProviderClient
from pekanu.node.storage.storage_desk import StorageDesk
from pekanu.node.storage.writing import choose_target
from pekanu.storage.link import Link, SharedLink
from pekanu.storage.manifest import ChunkRef, FileKind, Manifest
from pekanu.storage.trees import LEAF_SIZE, MAX_ANSWER, get_leaf_count

_BLOCK: Final = 16
#: Bytes of a run that is handed on in order: some runs are in memory.
_STREAMED_BYTES: Final = 12 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """What a get brought."""

    manifest: Manifest
    #: Bytes that came now; less than all when an earlier get had brought some.
    fetched_bytes: int
    #: Where the files are.
    out: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """What a verification found."""

    #: Chunks or leaves that were asked for, and those that were proved.
    asked: int
    proved: int
    #: The first failure, in a sentence; empty when there is none.
    failure: str = ""

    @property
    def is_good(self) -> bool:
        """Return whether everything that was asked for was proved."""
        return self.proved == self.asked


async def fetch_contents(desk: StorageDesk, shared: SharedLink) -> Manifest:
    """Return which files an object holds."""
    async with desk.open_provider(shared.link) as provider:
        return await fetch_manifest(provider.client, shared.link, shared.manifest_key)


async def get_object(
    desk: StorageDesk,
    shared: SharedLink,
    out: Path | None,
    *,
    only: Sequence[str] = (),
    is_forced: bool = False,
    progress: Progress | None = None,
) -> Fetched:
    """Fetch an object's files; an earlier get that was broken off is gone on with.

    Args:
        desk: Opens the provider.
        shared: The object.
        out: A file or folder; None takes the object's name, here.
        only: Paths within the object; empty takes all.
        is_forced: Replace files that are there.
        progress: Told bytes written and bytes in all.

    Raises:
        InvalidInput: A file is there already, or cannot be written.
        InvalidProof: The provider sent something else; nothing of that is written.
    """
    async with desk.open_provider(shared.link) as provider:
        manifest = await fetch_manifest(provider.client, shared.link, shared.manifest_key)
        place = out if out is not None else Path(Path(manifest.name or "stored").name)
        tag = shared.link.agreement_id.hex()[:16]
        target = choose_target(manifest, place, tag, only)
        fetched = await download(
            provider.client,
            shared.link,
            ChunkOpener(manifest, desk.secret.own_domain),
            target,
            is_forced=is_forced,
            progress=progress,
        )
    return Fetched(manifest=manifest, fetched_bytes=fetched, out=place)


async def iterate_file(
    desk: StorageDesk, shared: SharedLink, path: str = ""
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of one file, in order, each proved; by default of the only one.

    Raises:
        InvalidInput: There is no such file, or it is not the only one.
    """
    async with desk.open_provider(shared.link) as provider:
        manifest = await fetch_manifest(provider.client, shared.link, shared.manifest_key)
        offset, size = find_file(manifest, path)
        starts = [0, *accumulate(ref.size for ref in manifest.chunks)]
        if not size:
            return
        first = bisect_right(starts, offset) - 1
        last = bisect_right(starts, offset + size - 1) - 1
        wanted = range(first, last + 1)
        runs = iterate_runs(
            provider.client,
            shared.link,
            ChunkOpener(manifest, desk.secret.own_domain),
            wanted,
            _take_run,
            run_bytes=_STREAMED_BYTES,
        )
        async for number, run in runs:
            begin = max(0, offset - starts[number])
            yield run[begin : offset + size - starts[number]]


def _take_run(first: int, _: int, plain: memoryview) -> tuple[int, bytes]:
    return first, bytes(plain)


def find_file(manifest: Manifest, path: str) -> tuple[int, int]:
    """Return where a file's bytes begin in the stream, and how many they are.

    Raises:
        InvalidInput: There is no such file, or none is named and there are several.
    """
    files = [one for one in manifest.list_placed() if one.entry.kind is FileKind.FILE]
    if not path and len(files) == 1:
        return files[0].offset, files[0].entry.size
    for placed in files:
        if placed.entry.path == path:
            return placed.offset, placed.entry.size
    if not path:
        raise InvalidInput(f"the object holds {len(files)} files", hint="name one of them")
    raise InvalidInput(f"the object holds no file {path!r}")


async def read_range(
    desk: StorageDesk, shared: SharedLink, *, path: str = "", offset: int = 0, size: int
) -> bytes:
    """Return a range of a file: only the leaves that hold it are fetched, each with its proof.

    Args:
        desk: Opens the provider.
        shared: The object.
        path: The file; by default the only one.
        offset: First byte.
        size: Bytes; fewer are returned where the file ends.

    Raises:
        InvalidProof: The provider's proof does not hold.
    """
    async with desk.open_provider(shared.link) as provider:
        manifest = await fetch_manifest(provider.client, shared.link, shared.manifest_key)
        start, length = find_file(manifest, path)
        begin, end = start + min(offset, length), start + min(offset + size, length)
        starts = [0, *accumulate(ref.size for ref in manifest.chunks)]
        parts = []
        while begin < end:
            number = bisect_right(starts, begin) - 1
            stop = min(end, starts[number + 1])
            inside = (begin - starts[number], stop - starts[number])
            ref = manifest.chunks[number]
            parts.append(await _read_inside(provider.client, shared.link, number, ref, inside))
            begin = stop
        return b"".join(parts)


async def _read_inside(
    client: ProviderClient, link: Link, number: int, ref: ChunkRef, inside: tuple[int, int]
) -> bytes:
    """Return a range of a chunk's plain bytes from its proved leaves."""
    begin, end = inside
    first, stop = begin // LEAF_SIZE, get_leaf_count(end)
    sealed = bytearray()
    for leaf in range(first, stop, MAX_ANSWER):
        count = min(MAX_ANSWER, stop - leaf)
        proof = await client.fetch_leaves(link, chunk=number, first=leaf, count=count)
        sealed += proof.data
    # The leaves begin at a block of the cipher, whose counter is the block's number.
    counter = (first * LEAF_SIZE // _BLOCK).to_bytes(_BLOCK, "big")
    decryptor = Cipher(AES256(ref.key), CTR(counter)).decryptor()
    plain = decryptor.update(bytes(sealed)) + decryptor.finalize()
    skipped = begin - first * LEAF_SIZE
    return plain[skipped : skipped + end - begin]


async def verify_object(
    desk: StorageDesk,
    shared: SharedLink,
    *,
    share: float = 1.0,
    progress: Progress | None = None,
) -> Verified:
    """Check that the provider holds an object: all of it, or random leaves of a share of chunks.

    Args:
        desk: Opens the provider.
        shared: The object.
        share: 1 fetches and checks every byte; less asks for one random leaf of so many chunks.
        progress: Told chunks checked and chunks to check.
    """
    async with desk.open_provider(shared.link) as provider:
        client, link = provider.client, shared.link
        try:
            manifest = await fetch_manifest(client, link, shared.manifest_key)
            if share < 1:
                return await _verify_leaves(client, link, manifest, share, progress)
            return await _verify_all(client, link, manifest, progress)
        except PekanuError as error:
            return Verified(asked=link.chunk_count, proved=0, failure=error.message)


async def _verify_all(
    client: ProviderClient, link: Link, manifest: Manifest, progress: Progress | None
) -> Verified:
    count, proved = len(manifest.chunks), 0
    opener = ChunkOpener(manifest)  # the roots are what the provider signed for
    try:
        async for run in iterate_runs(client, link, opener, range(count), _count_run):
            proved += run
            if progress is not None:
                progress(proved, count)
    except PekanuError as error:
        return Verified(
            asked=link.chunk_count, proved=proved + link.manifest_chunks, failure=error.message
        )
    return Verified(asked=link.chunk_count, proved=link.chunk_count)


def _count_run(_: int, count: int, __: memoryview) -> int:
    return count


async def _verify_leaves(
    client: ProviderClient,
    link: Link,
    manifest: Manifest,
    share: float,
    progress: Progress | None,
) -> Verified:
    count = max(1, min(len(manifest.chunks), round(share * len(manifest.chunks))))
    chosen = secrets.SystemRandom().sample(
        range(len(manifest.chunks)), count if manifest.chunks else 0
    )
    proved, failure = 0, ""
    limit = asyncio.Semaphore(8)

    async def check(number: int) -> None:
        nonlocal proved, failure
        leaf = secrets.randbelow(get_leaf_count(manifest.chunks[number].size))
        async with limit:
            try:
                await client.fetch_leaves(link, chunk=number, first=leaf, count=1)
                proved += 1
            except PekanuError as error:
                failure = failure or error.message
        if progress is not None:
            progress(proved, len(chosen))

    await asyncio.gather(*(check(number) for number in chosen))
    return Verified(asked=len(chosen), proved=proved, failure=failure)
