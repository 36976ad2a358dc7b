"""Step 12: bring a provider the chunks that it lacks, and show it those that it holds.

Each chunk is read, encrypted and sent again; what the provider acknowledged it holds durably, so an
upload that was broken off goes on where it stood. Not here: which chunks there are (`plan`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from pekanu.errors import InvalidInput, InvalidProof, PekanuError
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.pieces import Progress
from pekanu.node.storage import routes
from pekanu.node.storage.plan import Plan
from pekanu.node.storage.provider_client import ProviderClient
from pekanu.node.storage.source import Source
from pekanu.storage.domains import EncryptionDomain, check_chunk, encrypt_chunk
from pekanu.storage.ownership import prove_ownership
from pekanu.types import Hash32

#: Requests under way at once.
_AT_ONCE: Final = 4
#: Bytes that one request shows; neither side holds more of them than a chunk.
_SHOWN_BYTES: Final = 32 << 20

Batch = list[int]


class ChunkReader:
    """Makes the ciphertext of any chunk of a plan again.

    Args:
        plan: The chunks.
        source: The files, as they were planned.
        domain: Tells whether they still are; None when its secret is not known any more.
    """

    def __init__(self, plan: Plan, source: Source, domain: EncryptionDomain | None) -> None:
        self._plan, self._source, self._domain = plan, source, domain
        self._starts = [0, *accumulate(ref.size for ref in plan.manifest.chunks)]

    def read(self, number: int) -> memoryview:
        """Return a chunk's ciphertext, of what its file holds by now.

        Raises:
            InvalidInput: A file cannot be read, or is shorter than it was.
        """
        if number >= self._plan.content_count:
            return self._plan.encrypt_part(number)
        return encrypt_chunk(self._read_plain(number), self._plan.manifest.chunks[number].key)

    def check(self, numbers: Sequence[int]) -> None:
        """Look whether chunks are still those that were planned.

        Raises:
            InvalidInput: A file has changed since.
        """
        for number in numbers:
            if self._domain is None or number >= self._plan.content_count:
                continue
            try:
                key = self._plan.manifest.chunks[number].key
                check_chunk(self._domain, self._read_plain(number), key)
            except InvalidProof as error:
                raise InvalidInput(
                    f"a file of {self._source.name!r} has changed while it was stored",
                    hint="store it again once it rests",
                ) from error

    def _read_plain(self, number: int) -> bytes:
        size = self._plan.manifest.chunks[number].size
        with self._source.open_range(self._starts[number], size) as stream:
            return stream.read()


async def upload_missing(
    client: ProviderClient,
    agreement_id: Hash32,
    plan: Plan,
    reader: ChunkReader,
    progress: Progress | None = None,
) -> tuple[int, int, int]:
    """Bring and show what is missing; return chunks uploaded, their bytes, and chunks shown.

    Args:
        client: Talks with the provider.
        agreement_id: The agreement, which is paid.
        plan: All chunks.
        reader: Gives their ciphertexts.
        progress: Told bytes that the provider holds and bytes in all.

    Raises:
        InvalidInput: A file has changed since it was planned.
        PeerError: The provider refuses or does not answer.
    """
    missing = await client.fetch_missing(agreement_id, len(plan.names))
    left = plan.get_size((*missing.absent, *missing.unshown))
    tell = _Teller(plan.size, plan.size - left, progress)
    shown = 0

    async def show(some: Batch) -> None:
        nonlocal shown
        answers = await asyncio.to_thread(_prove, some, plan, reader, missing.nonce)
        count = await client.show(agreement_id, answers)
        shown += count
        tell.add(plan.get_size(some))

    await _do_each(_split(missing.unshown, plan, _SHOWN_BYTES), show)
    absent = missing.absent
    if shown < len(missing.unshown):
        # What was not believed must be brought like the rest.
        again = await client.fetch_missing(agreement_id, len(plan.names))
        absent = tuple(sorted({*again.absent, *again.unshown}))
    info = await client.fetch_provider_info()

    async def send(some: Batch) -> None:
        try:
            await client.upload(agreement_id, some, plan.get_size(some), reader.read)
        except PeerRefused:
            # The provider holds each chunk to its root: a changed file shows there first.
            await asyncio.to_thread(reader.check, some)
            raise
        tell.add(plan.get_size(some))

    await _do_each(_split(absent, plan, min(info.upload_bytes, routes.BATCH_BYTES)), send)
    return len(absent), plan.get_size(absent), shown


async def _do_each(batches: Iterable[Batch], act: Callable[[Batch], Awaitable[None]]) -> None:
    """Do something with each batch, some at a time; the first failure ends it all."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def run(some: Batch) -> None:
        try:
            await act(some)
        finally:
            limit.release()

    try:
        async with asyncio.TaskGroup() as group:
            for some in batches:
                await limit.acquire()
                group.create_task(run(some))
    except* PekanuError as failed:
        # The others were cancelled for the first one's sake.
        raise _get_first(failed) from failed


def _get_first(group: BaseExceptionGroup[PekanuError]) -> PekanuError:
    first = group.exceptions[0]
    return _get_first(first) if isinstance(first, BaseExceptionGroup) else first


class _Teller:
    def __init__(self, total: int, done: int, progress: Callable[[int, int], None] | None) -> None:
        self._total, self._done, self._progress = total, done, progress
        self.add(0)

    def add(self, size: int) -> None:
        self._done = min(self._total, self._done + size)
        if self._progress is not None:
            self._progress(self._done, self._total)


def _split(numbers: Sequence[int], plan: Plan, most_bytes: int) -> Iterator[Batch]:
    """Yield chunks in batches that fit into a request; each has at least one."""
    batch: Batch = []
    size = 0
    for number in numbers:
        more = plan.names[number].size
        if batch and (size + more > most_bytes or len(batch) >= routes.BATCH_CHUNKS):
            yield batch
            batch, size = [], 0
        batch.append(number)
        size += more
    if batch:
        yield batch


def _prove(some: Batch, plan: Plan, reader: ChunkReader, nonce: Hash32) -> dict[int, bytes]:
    return {
        number: prove_ownership(nonce, plan.names[number].root, reader.read(number))
        for number in some
    }
