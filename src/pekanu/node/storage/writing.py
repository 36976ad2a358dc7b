"""Files that grow under a name of their own beside their place, and move there when all is right.

A small file beside them says which chunks are there, so that what was broken off goes on. Not here:
where the chunks come from (`download`).
"""

from __future__ import annotations

import contextlib
import os
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Final

from pekanu.errors import InvalidInput
from pekanu.storage.manifest import FileKind, Manifest, Placed

_PART: Final = ".pekanu-part"
#: Bytes after which what was written is brought to disk.
_SYNC_BYTES: Final = 64 << 20
#: Files that are open at once, besides those that are being written.
_MOST_OPEN: Final = 32
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_BOOT_SIZE: Final = 64


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


class Writer:
    """Puts chunks where they belong; it is to be closed.

    Args:
        manifest: The files.
        target: Where they go.
        is_forced: Replace files that are there.

    Raises:
        InvalidInput: A file is there already, or cannot be written.
    """

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
        #: Told when a thread has written.
        self._lock = threading.Condition()
        #: Writes under way, by the file's number; their files stay open.
        self._writes: Counter[int] = Counter()
        self._unsynced, self._syncer = 0, ThreadPoolExecutor(max_workers=1)
        self._syncing: Future[None] | None = None
        self._open: dict[int, BinaryIO] = {}
        with _explain(target.note.parent):
            self._make_folders()
            self._note, self._done = self._open_note()
        #: Of them, those that are written.
        self.held_bytes = sum(manifest.chunks[n].size for n in self._wanted if self._done[n])

    def list_missing(self) -> list[int]:
        """Return the chunks that are still wanted."""
        return [number for number in self._wanted if not self._done[number]]

    def write_run(self, first: int, count: int, plain: memoryview) -> None:
        """Write neighbouring chunks; for any thread, once for each chunk.

        A thread that is still at it when all was closed writes no other file, and notes nothing.

        Args:
            first: The first one's number.
            count: So many.
            plain: Their bytes.
        """
        if self._write(first, count, plain):
            self._sync_when_due(len(plain))

    def _sync_when_due(self, size: int) -> None:
        """Bring to disk what is written so far, beside what goes on: little is left for the end."""
        with self._lock:
            self._unsynced += size
            if self._note < 0 or self._unsynced < _SYNC_BYTES:
                return
            if self._syncing is not None:
                if not self._syncing.done():
                    return
                self._await_sync()
            self._unsynced = 0
            handles = [os.dup(file.fileno()) for file in self._open.values()]
            self._syncing = self._syncer.submit(_sync_and_close, handles)

    def _await_sync(self) -> None:
        """Learn of an error in writing, which the system tells once."""
        if self._syncing is not None:
            with _explain(self._target.note.parent), self._believing():
                self._syncing.result()

    @contextlib.contextmanager
    def _believing(self) -> Iterator[None]:
        """Forget which chunks are there when the disk has failed: any of them may be lost."""
        try:
            yield
        except OSError:
            self._target.note.unlink(missing_ok=True)
            raise

    def _write(self, first: int, count: int, plain: memoryview) -> bool:
        """Write chunks to the files that hold them, and note them; False when all is closed.

        Several threads write at once: the system copies a chunk in as long as it takes to open it.
        """
        start = self._chunk_starts[first]
        place, end = start, start + len(plain)
        index = max(0, bisect_right(self._starts, start) - 1)
        while place < end and index < len(self._placed):
            placed = self._placed[index]
            stop = min(end, placed.offset + placed.entry.size)
            if stop > place:
                if self._target.paths[index] is not None:
                    part = plain[place - start : stop - start]
                    with self._using(index) as file:
                        if file is None:
                            return False
                        _write_all(file, part, place - placed.offset)
                place = stop
            index += 1
        with self._lock:
            if self._note >= 0:
                os.pwrite(self._note, b"\x01" * count, _BOOT_SIZE + first)
                self.held_bytes += len(plain)
            return self._note >= 0

    @contextlib.contextmanager
    def _using(self, index: int) -> Iterator[int | None]:
        """Yield a file that stays open meanwhile; None when all is closed."""
        with self._lock:
            if self._note < 0:
                yield None
                return
            with _explain(self._target.paths[index]):
                file = self._get_file(index)
            self._writes[index] += 1
        try:
            with _explain(self._target.paths[index]):
                yield file
        finally:
            with self._lock:
                self._writes[index] -= 1
                self._lock.notify_all()

    def finish(self) -> None:
        """Sync all, move the files to their places, and give them their modes and times."""
        self._await_sync()
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
                        with self._believing():
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
        """Close what is open, once nothing is being written to it."""
        with self._lock:
            note, self._note = self._note, -1
            self._lock.wait_for(lambda: not self._writes.total())
            for index in list(self._open):
                self._close(index)
            if note >= 0:
                os.close(note)
        self._syncer.shutdown()

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
            idle = (other for other in list(self._open) if not self._writes[other])
            while len(self._open) >= _MOST_OPEN and (other := next(idle, None)) is not None:
                self._close(other)
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


def _write_all(file: int, data: memoryview, place: int) -> None:
    """Write all of it: a disk that is nearly full takes a part, and tells why the next time."""
    while data:
        count = os.pwrite(file, data, place)
        data, place = data[count:], place + count


def _sync_and_close(handles: Sequence[int]) -> None:
    try:
        for handle in handles:
            os.fdatasync(handle)
    finally:
        for handle in handles:
            os.close(handle)


def _get_part(path: Path) -> Path:
    return path.with_name(path.name + _PART)


@contextlib.contextmanager
def _explain(path: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error
