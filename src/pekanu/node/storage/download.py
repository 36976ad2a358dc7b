"""Getting chunks back, some neighbours at a time, and only what was found right.

Not here: which object (`reading`), opening chunks (`chunk_opener`), the talk (`provider_client`),
the files (`writing`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Final, TypeVar

from pekanu.errors import InvalidProof
from pekanu.node.pieces import Progress
from pekanu.node.rooms import Rooms
from pekanu.node.storage import routes
from pekanu.node.storage.chunk_opener import ChunkOpener
from pekanu.node.storage.provider_client import CHUNKS_ROOM, ProviderClient
from pekanu.node.storage.writing import Target, Writer
from pekanu.storage.chunk_names import ChunkName
from pekanu.storage.chunk_trees import get_chunk_levels
from pekanu.storage.domains import decrypt_chunk
from pekanu.storage.link import Link
from pekanu.storage.manifest import PART_SIZE as MANIFEST_PART
from pekanu.storage.manifest import Manifest, get_part_key
from pekanu.storage.trees import LEAF_SIZE, get_siblings

HandledT = TypeVar("HandledT")

#: Runs that are fetched at once, and that are begun before the first of them is written.
_AT_ONCE: Final = 3
_WRITTEN_AHEAD: Final = 16
#: Between two words on progress.
_TELL_SECONDS: Final = 0.05


async def fetch_manifest(client: ProviderClient, link: Link, manifest_key: bytes) -> Manifest:
    """Return an object's manifest, each part proved to be the agreement's.

    Raises:
        InvalidProof: The provider sent something else.
        InvalidMessage: It is no manifest under this key.
    """
    first = link.chunk_count - link.manifest_chunks
    parts = []
    for number in range(link.manifest_chunks):
        sealed = await _fetch_proved(client, link, first + number)
        parts.append(decrypt_chunk(sealed, get_part_key(manifest_key, number)))
    return Manifest.decode(b"".join(parts))


async def _fetch_proved(client: ProviderClient, link: Link, chunk: int) -> bytes:
    """Return a whole chunk of which nothing is known but the root over all."""
    data = await client.fetch_chunk(link, chunk, MANIFEST_PART)
    # The first leaf and the siblings above it are those of the proof: so is the chunk's root.
    proof = await client.fetch_leaves(link, chunk=chunk, first=0, count=1)
    try:
        levels = get_chunk_levels(data)
    except ValueError as error:
        raise InvalidProof(f"the provider sent an empty chunk {chunk}") from error
    siblings = tuple(get_siblings(levels, 0))
    if (len(levels[0]), data[:LEAF_SIZE], siblings) != (
        proof.leaf_count,
        proof.data,
        proof.siblings[: len(siblings)],
    ):
        raise InvalidProof(f"the provider sent other bytes than chunk {chunk}")
    return data


async def iterate_runs(  # noqa: PLR0913 - what is fetched, and how much of it at once
    client: ProviderClient,
    link: Link,
    opener: ChunkOpener,
    wanted: Sequence[int],
    handle: Callable[[int, int, memoryview], HandledT],
    *,
    ahead: int = _AT_ONCE,
    run_bytes: int = routes.ANSWER_BYTES,
) -> AsyncGenerator[HandledT, None]:
    """Yield what becomes of wanted chunks, some neighbours at a time, in order.

    Some runs are fetched ahead. Only what the opener found right is handed on.

    Args:
        client: Talks with the provider.
        link: The object.
        opener: Opens its chunks.
        wanted: Numbers of those that are wanted, rising.
        handle: Called in a thread with a chunk's number, how many neighbours came with it, itself
            among them, and the plain bytes of all, to be used before it returns. Later ones may
            come first.
        ahead: Runs that are begun before the first of them is yielded; some are fetched at once.
        run_bytes: Bytes of a run, at most; what becomes of a run is kept until all of it came.
    """
    names = opener.names
    waiting: deque[asyncio.Task[list[HandledT]]] = deque()
    rooms = Rooms(_AT_ONCE, 2 * CHUNKS_ROOM)

    async def fetch(first: int, count: int) -> list[HandledT]:
        async with rooms.lend() as room:
            plain = room[CHUNKS_ROOM:]

            def open_run(start: int, some: list[memoryview]) -> HandledT:
                return handle(start, len(some), opener.open_run(start, some, plain))

            return await client.fetch_chunks(
                link, first, names[first : first + count], room[:CHUNKS_ROOM], open_run
            )

    try:
        for first, count in _split_runs(wanted, names, run_bytes):
            waiting.append(asyncio.create_task(fetch(first, count)))
            if len(waiting) >= ahead:
                for handled in await waiting.popleft():
                    yield handled
        while waiting:
            for handled in await waiting.popleft():
                yield handled
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _split_runs(
    wanted: Sequence[int], names: Sequence[ChunkName], most_bytes: int
) -> Iterator[tuple[int, int]]:
    """Yield neighbouring chunks, first and count, as many as fit into an answer."""
    first, count, size = 0, 0, 0
    for number in wanted:
        more = names[number].size
        if count and (
            number != first + count or size + more > most_bytes or count >= routes.BATCH_CHUNKS
        ):
            yield first, count
            count = 0
        if not count:
            first, size = number, 0
        count += 1
        size += more
    if count:
        yield first, count


async def download(
    client: ProviderClient,
    link: Link,
    opener: ChunkOpener,
    target: Target,
    *,
    is_forced: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the wanted files of an object; return the bytes fetched now.

    Args:
        client: Talks with the provider.
        link: The object.
        opener: Opens its chunks.
        target: Where they go.
        is_forced: Replace files that are there.
        progress: Told bytes written and bytes in all.

    Raises:
        InvalidInput: A file is there already, or cannot be written.
        InvalidProof: The provider sent something else; nothing of that is written.
    """
    writer = await asyncio.to_thread(Writer, opener.manifest, target, is_forced=is_forced)
    try:
        before, wanted = writer.held_bytes, writer.list_missing()
        runs = iterate_runs(client, link, opener, wanted, writer.write_run, ahead=_WRITTEN_AHEAD)
        writing = asyncio.create_task(_exhaust(runs))
        try:
            while progress is not None and not writing.done():
                progress(writer.held_bytes, writer.total_bytes)
                await asyncio.wait({writing}, timeout=_TELL_SECONDS)
            await writing
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        if progress is not None:
            progress(writer.held_bytes, writer.total_bytes)
        fetched = writer.held_bytes - before
        await asyncio.to_thread(writer.finish)
    finally:
        writer.close()
    return fetched


async def _exhaust(runs: AsyncGenerator[object, None]) -> None:
    async with contextlib.aclosing(runs):
        async for _ in runs:
            pass
