"""Files that a browser gave to be stored: streamed to disk, kept until a provider holds them.

What is not here: files for the fields of a computation (`uploads`), storing (`storage_desk`).
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import Final

from pekanu.errors import InvalidInput
from pekanu.web.guard import MAX_FILE_BYTES

#: Files of one object, and bytes of all of them.
MAX_FILES: Final = 1000
MAX_BYTES: Final = 1 << 30
_ID: Final = re.compile(r"[0-9a-f]{32}")
_MAX_NAME_BYTES: Final = 200
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

    async def take(self, batch: str, name: str, pieces: AsyncIterator[bytes]) -> Path:
        """Return a file after its bytes were written, piece by piece; half of one is dropped.

        Raises:
            InvalidInput: The name is none, or there are too many files or bytes.
        """
        files = self._get_files(batch)
        path = files / _clean(name)
        self._sweep(batch)
        files.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = [one for one in self.list(batch) if one != path]
        if len(held) >= MAX_FILES:
            raise InvalidInput(f"at most {MAX_FILES} files are stored at once")
        room = min(MAX_FILE_BYTES, MAX_BYTES - sum(one.stat().st_size for one in held))
        draft = files.parent / "draft"
        try:
            with draft.open("wb") as file:
                async for piece in pieces:
                    room -= len(piece)
                    if room < 0:
                        raise InvalidInput(
                            f"{path.name!r} is too large to be stored from here",
                            hint="`pekanu store put` takes files of any size",
                        )
                    await asyncio.to_thread(file.write, piece)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        return path

    def list(self, batch: str) -> list[Path]:
        """Return the files of a batch, by name."""
        files = self._get_files(batch)
        return sorted(files.iterdir()) if files.is_dir() else []

    def drop(self, batch: str, name: str) -> None:
        """Drop one file."""
        (self._get_files(batch) / _clean(name)).unlink(missing_ok=True)

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


def _clean(name: str) -> str:
    """Return a browser's name for a file without its folders; raises InvalidInput."""
    last = PurePosixPath(name.replace("\\", "/")).name
    if last in {"", ".", ".."} or not last.isprintable() or len(last.encode()) > _MAX_NAME_BYTES:
        raise InvalidInput(f"{last[:60]!r} is no name for a file here")
    return last
