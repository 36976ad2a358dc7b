"""What is to be stored: files of this machine as one stream, in a fixed order, read by ranges.

Not here: cutting it into chunks (`plan`), writing it back (`download`).
"""

from __future__ import annotations

import io
import os
import stat
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from pekanu.errors import InvalidInput
from pekanu.storage.chunking import CHUNK_SIZES
from pekanu.storage.manifest import FileEntry, FileKind

#: A file of so many bytes has chunks of its own; smaller ones share them with their neighbours.
ALONE_BYTES: Final = CHUNK_SIZES.least


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Files in the order of the stream."""

    name: str
    entries: tuple[FileEntry, ...]
    #: Where each entry lies; as many.
    paths: tuple[Path, ...]
    #: What was left out: sockets, devices and such.
    skipped: tuple[Path, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.entries)

    def open_range(self, offset: int, size: int) -> FileStream:
        """Return a part of the stream."""
        return FileStream(self, offset, offset + size)

    def list_segments(self) -> Iterator[tuple[int, int]]:
        """Yield the parts of the stream, offset and size, at whose borders chunks end."""
        start = place = 0
        for entry in self.entries:
            if entry.size >= ALONE_BYTES:
                if place > start:
                    yield start, place - start
                yield place, entry.size
                start = place + entry.size
            place += entry.size
        if place > start:
            yield start, place - start


class FileStream(io.RawIOBase):
    """A range of a source's stream; a file that has changed its length is refused.

    Args:
        source: The files.
        start: First byte.
        end: Behind the last.
    """

    def __init__(self, source: Source, start: int, end: int) -> None:
        super().__init__()
        self._source, self._place, self._end = source, start, end
        self._starts = [0, *accumulate(entry.size for entry in source.entries)]
        self._index = -1
        self._file: int | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, as many as asked for unless the range ends.

        Raises:
            InvalidInput: A file cannot be read, or is shorter than it was.
        """
        left = self._end - self._place
        wanted = left if size is None or size < 0 else min(size, left)
        parts = []
        while wanted:
            data = self._read_some(wanted)
            parts.append(data)
            wanted -= len(data)
            self._place += len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer with the next bytes and return how many; raises as `read`."""
        view = memoryview(buffer)[: self._end - self._place]
        done = 0
        while done < len(view):
            handle, path, offset, room = self._find(len(view) - done)
            try:
                count = os.preadv(handle, [view[done : done + room]], offset)
            except OSError as error:
                raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
            if not count:
                raise InvalidInput(f"{path} has become shorter while it was stored")
            done += count
            self._place += count
        return done

    def close(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        super().close()

    def _read_some(self, wanted: int) -> bytes:
        handle, path, offset, room = self._find(wanted)
        try:
            data = os.pread(handle, room, offset)
        except OSError as error:
            raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
        if not data:
            raise InvalidInput(f"{path} has become shorter while it was stored")
        return data

    def _find(self, wanted: int) -> tuple[int, Path, int, int]:
        """Return the file that holds the next byte, opened, where in it, and how much to read."""
        index = bisect_right(self._starts, self._place) - 1
        while self._source.entries[index].size == 0:
            index += 1
        path = self._source.paths[index]
        offset = self._place - self._starts[index]
        if index != self._index or self._file is None:
            if self._file is not None:
                os.close(self._file)
                self._file = None
            try:
                self._file, self._index = os.open(path, os.O_RDONLY), index
            except OSError as error:
                raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
        room = min(wanted, self._source.entries[index].size - offset)
        return self._file, path, offset, room


def scan(paths: Sequence[Path], *, name: str = "") -> Source:
    """Return the files below some paths; folders are walked, symbolic links kept as links.

    Args:
        paths: A single folder becomes its content; of several, each keeps its name.
        name: What the object is called; else the first path's name.

    Raises:
        InvalidInput: There is nothing there, or it cannot be read.
    """
    if not paths:
        raise InvalidInput("nothing to store was named")
    found: list[tuple[FileEntry, Path]] = []
    skipped: list[Path] = []
    for path in paths:
        try:
            info = path.lstat()
        except OSError as error:
            raise InvalidInput(f"there is no {path}") from error
        top = path.resolve().name or "root"
        if stat.S_ISDIR(info.st_mode):
            prefix = "" if len(paths) == 1 else f"{top}/"
            if prefix:
                _add(path, top, found)
            _walk(path, prefix, found, skipped)
        elif not _add(path, path.name, found):
            skipped.append(path)
    found.sort(key=lambda pair: pair[0].path.encode(errors="surrogateescape"))
    names = [entry.path for entry, _ in found]
    if len(set(names)) != len(names):
        raise InvalidInput("two of the paths have the same name", hint="store them one by one")
    if not found and skipped:
        raise InvalidInput(f"{skipped[0]} is neither file nor folder")
    return Source(
        name=name or paths[0].resolve().name or "root",
        entries=tuple(entry for entry, _ in found),
        paths=tuple(path for _, path in found),
        skipped=tuple(skipped),
    )


def _walk(
    folder: Path, prefix: str, found: list[tuple[FileEntry, Path]], skipped: list[Path]
) -> None:
    waiting = [(folder, prefix)]
    while waiting:
        place, before = waiting.pop()
        try:
            with os.scandir(place) as entries:
                names = [entry.name for entry in entries]
        except OSError as error:
            raise InvalidInput(f"{place} cannot be read: {error.strerror}") from error
        for name in names:
            path = place / name
            if not _add(path, before + name, found):
                skipped.append(path)
            elif found[-1][0].kind is FileKind.FOLDER:
                waiting.append((path, f"{before}{name}/"))


def _add(path: Path, name: str, found: list[tuple[FileEntry, Path]]) -> bool:
    entry = _describe(path, name)
    if entry is None:
        return False
    found.append((entry, path))
    return True


def _describe(path: Path, name: str) -> FileEntry | None:
    try:
        info = path.lstat()
        kind, target, size = _get_kind(info.st_mode), "", 0
        if kind is None:
            return None
        if kind is FileKind.LINK:
            target = str(path.readlink())
        elif kind is FileKind.FILE:
            size = info.st_size
            if not os.access(path, os.R_OK):
                raise InvalidInput(f"{path} cannot be read", hint="its permissions forbid it")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    return FileEntry(
        kind=kind,
        path=name,
        size=size,
        mode=stat.S_IMODE(info.st_mode) & 0o777,
        modified=info.st_mtime_ns,
        target=target,
    )


def _get_kind(mode: int) -> FileKind | None:
    if stat.S_ISREG(mode):
        return FileKind.FILE
    if stat.S_ISDIR(mode):
        return FileKind.FOLDER
    return FileKind.LINK if stat.S_ISLNK(mode) else None
