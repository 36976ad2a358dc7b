"""Files and folders that a browser gave to be stored: streamed to disk, kept until they are.

What is not here: files for the fields of a computation (`uploads`), storing (`storage_desk`).
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import Final

from pekanu.errors import InvalidInput
from pekanu.web.guard import MAX_FILE_BYTES
from pekanu.web.intake import write_pieces

#: Files of one object, and bytes of all of them.
MAX_FILES: Final = 1000
MAX_BYTES: Final = 1 << 30
_ID: Final = re.compile(r"[0-9a-f]{32}")
_MAX_NAME_BYTES: Final = 200
_MAX_PATH_BYTES: Final = 1000
_MAX_DEPTH: Final = 32
_LATEST: Final = 1 << 33
_KEEP_SECONDS: Final = 24 * 3600
_MAX_BATCHES: Final = 32
_BEGUN: Final = "begun"


class StorageUploads:
    """Batches of files, each in a folder of its own.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def take(
        self, batch: str, name: str, pieces: AsyncIterator[bytes], *, modified: int = 0
    ) -> Path:
        """Return a file after its bytes were written, piece by piece; half of one is dropped.

        Args:
            batch: Where it belongs.
            name: Its name, perhaps below folders.
            pieces: Its bytes.
            modified: When it was changed last, in seconds since 1970; 0 is not known.

        Raises:
            InvalidInput: The name is none, or there are too many files or bytes.
        """
        files = self._get_files(batch)
        path = files / _clean(name)
        self._sweep(batch)
        files.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = [one for one in _walk(files) if one != path]
        if len(held) >= MAX_FILES:
            raise InvalidInput(f"at most {MAX_FILES} files are stored at once")
        room = min(MAX_FILE_BYTES, MAX_BYTES - sum(one.stat().st_size for one in held))
        _make_folders(path, name)
        draft = files.parent / "draft"
        try:
            refusal = InvalidInput(
                f"{path.name!r} is too large to be stored from here",
                hint="`pekanu store put` takes files of any size",
            )
            await write_pieces(draft, pieces, room=room, refusal=refusal)
            if 0 < modified < _LATEST:
                os.utime(draft, (modified, modified))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        return path

    def list(self, batch: str) -> list[Path]:
        """Return the files and folders of a batch, by name, without what is in the folders."""
        files = self._get_files(batch)
        return sorted(files.iterdir()) if files.is_dir() else []

    def measure(self, path: Path) -> tuple[int, int]:
        """Return how many files a file or a folder of a batch is, and their bytes."""
        sizes = [one.stat().st_size for one in _walk(path)]
        return len(sizes), sum(sizes)

    def drop(self, batch: str, name: str) -> None:
        """Drop one file or folder."""
        path = self._get_files(batch) / _clean(name)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def begin(self, batch: str) -> None:
        """Keep a batch from now on, until it is stored."""
        (self._get_files(batch).parent / _BEGUN).touch()

    def release(self, batch: str) -> None:
        """Let a batch go the way of those whose storing never began."""
        (self._get_files(batch).parent / _BEGUN).unlink(missing_ok=True)

    def end(self, batch: str) -> None:
        """Forget a batch."""
        shutil.rmtree(self._get_files(batch).parent, ignore_errors=True)

    def find_batch(self, path: Path) -> str:
        """Return the batch that a file belongs to; empty when it is none of these."""
        folder = path.parent.parent
        is_ours = folder.parent == self._folder.absolute() and _ID.fullmatch(folder.name)
        return folder.name if is_ours else ""

    def _get_files(self, batch: str) -> Path:
        if not _ID.fullmatch(batch):
            raise InvalidInput("this is no batch of files", hint="load the page again")
        return self._folder.absolute() / batch / "files"

    def _sweep(self, batch: str) -> None:
        """Drop old batches, and the oldest of too many; never one whose storing has begun."""
        if not self._folder.is_dir():
            return
        idle = [
            one
            for one in self._folder.iterdir()
            if one.name != batch and not (one / _BEGUN).exists()
        ]
        idle.sort(key=lambda path: path.stat().st_mtime)
        surplus = len(idle) - _MAX_BATCHES + 1
        for number, folder in enumerate(idle):
            if number < surplus or folder.stat().st_mtime < time.time() - _KEEP_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _walk(path: Path) -> list[Path]:
    """Return a file, or all files below a folder."""
    return [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]


def _make_folders(path: Path, name: str) -> None:
    """Make the folders of a path; raises InvalidInput where a file has such a name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidInput(f"a file has the name of a folder of {name[:60]!r}") from error
    if path.is_dir():
        raise InvalidInput(f"a folder has the name of {name[:60]!r}")


def _clean(name: str) -> PurePosixPath:
    """Return a browser's name for a file, below its folders; raises InvalidInput."""
    parts = name.replace("\\", "/").split("/")
    is_fine = len(parts) <= _MAX_DEPTH and len(name.encode()) <= _MAX_PATH_BYTES
    if not is_fine or not all(map(_is_name, parts)):
        raise InvalidInput(f"{name[-60:]!r} is no name for a file here")
    return PurePosixPath(*parts)


def _is_name(part: str) -> bool:
    is_short = len(part.encode()) <= _MAX_NAME_BYTES
    return part not in {"", ".", ".."} and part.isprintable() and is_short
