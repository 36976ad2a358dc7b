"""Getting files back: each chunk is held to its root, decrypted, and only then written.

Files grow under a name of their own beside their place and are moved there when all is right. A
download that was broken off goes on with what it wrote: a small file beside the others says which
chunks are there. Not here: which object (`storer`), the talk (`provider_client`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from pekanu.errors import InvalidInput, InvalidProof
from pekanu.node.storage import routes
from pekanu.node.storage.plan import Progress
from pekanu.node.storage.provider_client import ProviderClient
from pekanu.storage.chunk_names import ChunkName
from pekanu.storage.chunk_trees import get_chunk_levels
from pekanu.storage.domains import decrypt_chunk
from pekanu.storage.link import Link
from pekanu.storage.manifest import PART_SIZE as MANIFEST_PART
from pekanu.storage.manifest import (
    ChunkRef,
    FileKind,
    Manifest,
    Placed,
    get_part_key,
)
from pekanu.storage.trees import LEAF_SIZE, get_siblings

HandledT = TypeVar("HandledT")

_AT_ONCE: Final = 3
_PART: Final = ".pekanu-part"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_BOOT_SIZE: Final = 64


def check_received(name: ChunkName, data: bytes | memoryview, number: int) -> None:
    """Refuse bytes that a provider sent for a chunk and that are not it.

    Raises:
        InvalidProof: They have another root or length.
    """
    if not name.is_of(data):
        raise InvalidProof(f"the provider sent other bytes than chunk {number}")


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


async def iterate_runs(
    client: ProviderClient,
    link: Link,
    chunks: Sequence[ChunkRef],
    wanted: Sequence[int],
    handle: Callable[[int, Iterator[memoryview]], HandledT],
) -> AsyncGenerator[HandledT, None]:
    """Yield what becomes of wanted chunks, some neighbours at a time, in order.

    Some runs are fetched ahead. Each chunk is checked before it is decrypted.

    Args:
        client: Talks with the provider.
        link: The object.
        chunks: All its chunks.
        wanted: Numbers of those that are wanted, rising.
        handle: Called in a thread with a run's first number and its plain chunks, which are
            opened as they are taken; a later run's call may come first.
    """
    names = [ChunkName(root=ref.root, size=ref.size) for ref in chunks]
    waiting: deque[asyncio.Task[list[HandledT]]] = deque()

    def open_run(start: int, some: Sequence[memoryview]) -> HandledT:
        return handle(start, _open_chunks(start, some, chunks, names))

    async def fetch(first: int, count: int) -> list[HandledT]:
        found, end = [], first + count
        while first < end:
            some = await client.fetch_chunks(link, first, names[first:end])
            found.append(await asyncio.to_thread(open_run, first, some))
            first += len(some)
        return found

    try:
        for first, count in _split_runs(wanted, names):
            waiting.append(asyncio.create_task(fetch(first, count)))
            if len(waiting) >= _AT_ONCE:
                for handled in await waiting.popleft():
                    yield handled
        while waiting:
            for handled in await waiting.popleft():
                yield handled
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _open_chunks(
    start: int, some: Sequence[memoryview], chunks: Sequence[ChunkRef], names: Sequence[ChunkName]
) -> Iterator[memoryview]:
    for number, data in enumerate(some, start):
        check_received(names[number], data, number)
        yield decrypt_chunk(data, chunks[number].key)


def _split_runs(wanted: Sequence[int], names: Sequence[ChunkName]) -> Iterator[tuple[int, int]]:
    """Yield neighbouring chunks, first and count, as many as fit into an answer."""
    first, count, size = 0, 0, 0
    for number in wanted:
        more = names[number].size
        if count and (
            number != first + count
            or size + more > routes.BATCH_BYTES
            or count >= routes.BATCH_CHUNKS
        ):
            yield first, count
            count = 0
        if not count:
            first, size = number, 0
        count += 1
        size += more
    if count:
        yield first, count


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where an object's files go."""

    #: Each entry's place, or None for those that are not wanted.
    paths: tuple[Path | None, ...]
    #: Holds the note of what is there.
    note: Path


def choose_target(manifest: Manifest, out: Path, tag: str, only: Sequence[str] = ()) -> Target:
    """Return where the files of a manifest go: a lone file to `out`, several below it.

    Args:
        manifest: The files.
        out: A file's or folder's path; where a folder exists, a lone file goes into it.
        tag: Names the note.
        only: Paths of entries; these and what lies below them; empty takes all.

    Raises:
        InvalidInput: `only` names what is not there.
    """
    for path in only:
        if not any(_is_below(entry.path, path) for entry in manifest.files):
            raise InvalidInput(f"the object holds no {path!r}")
    is_single = (
        len(manifest.files) == 1
        and manifest.files[0].kind is FileKind.FILE
        and "/" not in manifest.files[0].path
    )
    paths: list[Path | None] = []
    for entry in manifest.files:
        is_wanted = not only or any(_is_below(entry.path, path) for path in only)
        if not is_wanted:
            paths.append(None)
        elif is_single and not out.is_dir():
            paths.append(out)
        else:
            paths.append(out / entry.path)
    folder = out.parent if is_single and not out.is_dir() else out
    return Target(paths=tuple(paths), note=folder / f".pekanu-get-{tag}")


def _is_below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


async def download(
    client: ProviderClient,
    link: Link,
    manifest: Manifest,
    target: Target,
    *,
    is_forced: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the wanted files of an object; return the bytes fetched now.

    Args:
        client: Talks with the provider.
        link: The object.
        manifest: Its files and chunks.
        target: Where they go.
        is_forced: Replace files that are there.
        progress: Told bytes written and bytes in all.

    Raises:
        InvalidInput: A file is there already, or cannot be written.
        InvalidProof: The provider sent something else; nothing of that is written.
    """
    writer = await asyncio.to_thread(_Writer, manifest, target, is_forced=is_forced)
    try:
        fetched, held = 0, writer.held_bytes
        if progress is not None:
            progress(held, writer.total_bytes)
        wanted = writer.list_missing()
        runs = iterate_runs(client, link, manifest.chunks, wanted, writer.write_run)
        async with contextlib.aclosing(runs):
            async for size in runs:
                fetched += size
                if progress is not None:
                    progress(held + fetched, writer.total_bytes)
        await asyncio.to_thread(writer.finish)
    finally:
        writer.close()
    return fetched


class _Writer:
    """Puts chunks where they belong."""

    def __init__(self, manifest: Manifest, target: Target, *, is_forced: bool) -> None:
        self._manifest, self._target = manifest, target
        self._placed: list[Placed] = list(manifest.list_placed())
        self._starts = [placed.offset for placed in self._placed]
        self._chunk_starts = [0, *accumulate(ref.size for ref in manifest.chunks)]
        if not is_forced:
            self._refuse_existing()
        self._wanted = self._find_wanted()
        #: Bytes of all chunks that are wanted.
        self.total_bytes = sum(manifest.chunks[number].size for number in self._wanted)
        self._lock = threading.Lock()
        self._open: dict[int, BinaryIO] = {}
        with _explain(target.note.parent):
            self._make_folders()
            self._note, self._done = self._open_note()

    @property
    def held_bytes(self) -> int:
        """Of them, those that are written."""
        return sum(self._manifest.chunks[n].size for n in self._wanted if self._done[n])

    def list_missing(self) -> list[int]:
        """Return the chunks that are still wanted."""
        return [number for number in self._wanted if not self._done[number]]

    def write_run(self, first: int, chunks: Iterator[memoryview]) -> int:
        """Write neighbouring chunks, and return their bytes; for any thread.

        A thread that is still at it when all was closed writes nothing more.
        """
        size = 0
        for number, plain in enumerate(chunks, first):
            with self._lock:
                if self._note < 0:
                    break
                self._write(number, plain)
            size += len(plain)
        return size

    def _write(self, number: int, plain: memoryview) -> None:
        """Write a chunk's bytes to the files that hold them, and note it."""
        start = self._chunk_starts[number]
        place, end = start, start + len(plain)
        index = max(0, bisect_right(self._starts, start) - 1)
        while place < end and index < len(self._placed):
            placed = self._placed[index]
            stop = min(end, placed.offset + placed.entry.size)
            if stop > place:
                if self._target.paths[index] is not None:
                    part = plain[place - start : stop - start]
                    with _explain(self._target.paths[index]):
                        os.pwrite(self._get_file(index), part, place - placed.offset)
                place = stop
            index += 1
        os.pwrite(self._note, b"\x01", _BOOT_SIZE + number)

    def finish(self) -> None:
        """Sync all, move the files to their places, and give them their modes and times."""
        folders = []
        for index, placed in enumerate(self._placed):
            path, entry = self._target.paths[index], placed.entry
            if path is None:
                continue
            with _explain(path):
                match entry.kind:
                    case FileKind.FILE:
                        file = self._get_file(index)
                        os.ftruncate(file, entry.size)
                        os.fsync(file)
                        os.fchmod(file, entry.mode & 0o777)
                        self._close(index)
                        os.utime(_get_part(path), ns=(entry.modified, entry.modified))
                        _get_part(path).replace(path)
                    case FileKind.LINK:
                        with contextlib.suppress(FileNotFoundError):
                            path.unlink()
                        path.symlink_to(entry.target)
                    case FileKind.FOLDER:
                        folders.append((path, entry))
        for path, entry in reversed(folders):
            with _explain(path):
                path.chmod(entry.mode & 0o777)
                os.utime(path, ns=(entry.modified, entry.modified))
        self._target.note.unlink(missing_ok=True)

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            for index in list(self._open):
                self._close(index)
            if self._note >= 0:
                os.close(self._note)
                self._note = -1

    def _refuse_existing(self) -> None:
        for path, placed in zip(self._target.paths, self._placed, strict=True):
            is_there = path is not None and (path.exists() or path.is_symlink())
            if is_there and placed.entry.kind is not FileKind.FOLDER:
                raise InvalidInput(f"{path} is there already", hint="--force replaces it")

    def _find_wanted(self) -> list[int]:
        """Return the chunks that hold a byte of a wanted file."""
        wanted: set[int] = set()
        for index, placed in enumerate(self._placed):
            if self._target.paths[index] is None or not placed.entry.size:
                continue
            first = bisect_right(self._chunk_starts, placed.offset) - 1
            last = bisect_right(self._chunk_starts, placed.offset + placed.entry.size - 1) - 1
            wanted.update(range(first, last + 1))
        return sorted(wanted)

    def _make_folders(self) -> None:
        self._target.note.parent.mkdir(parents=True, exist_ok=True)
        for path, placed in zip(self._target.paths, self._placed, strict=True):
            if path is not None:
                folder = path if placed.entry.kind is FileKind.FOLDER else path.parent
                folder.mkdir(parents=True, exist_ok=True)

    def _open_note(self) -> tuple[int, bytes]:
        """Open the note; what an earlier start of this machine wrote may not be on its disk."""
        boot = (_BOOT.read_bytes() if _BOOT.exists() else b"").strip().ljust(_BOOT_SIZE, b"\0")
        size = _BOOT_SIZE + len(self._manifest.chunks)
        note = os.open(self._target.note, os.O_RDWR | os.O_CREAT, 0o600)
        found = os.pread(note, size, 0)
        if len(found) != size or found[:_BOOT_SIZE] != boot:
            os.ftruncate(note, 0)
            found = boot + bytes(size - _BOOT_SIZE)
            os.pwrite(note, found, 0)
        return note, found[_BOOT_SIZE:]

    def _get_file(self, index: int) -> int:
        file = self._open.get(index)
        if file is None:
            while len(self._open) >= 32:
                self._close(next(iter(self._open)))
            path = self._target.paths[index]
            if path is None:  # pragma: no cover - only wanted files are written
                raise InvalidInput("a file is not wanted")
            handle = os.open(_get_part(path), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            file = os.fdopen(handle, "r+b", buffering=0)
            self._open[index] = file
        return file.fileno()

    def _close(self, index: int) -> None:
        file = self._open.pop(index, None)
        if file is not None:
            file.close()


def _get_part(path: Path) -> Path:
    return path.with_name(path.name + _PART)


@contextlib.contextmanager
def _explain(path: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error
