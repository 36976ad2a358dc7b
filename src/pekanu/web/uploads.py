"""Files that a browser gave for a form: on disk, by a name that cannot be guessed, for a while.

What is not here: reading them as a function's input (`forms`).
"""

from __future__ import annotations

import re
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from pekanu.errors import InvalidInput

#: What stands in a form's field in the place of a value.
PREFIX: Final = "upload:"
_NAME: Final = re.compile(r"[0-9a-f]{32}")
_KEEP_SECONDS: Final = 24 * 3600
_MAX_FILES: Final = 64
_CHUNK: Final = 1 << 16


class Source(Protocol):
    """What an upload is read from."""

    async def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; none at the end."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A file that is held."""

    id: str
    #: As the browser called it, without folders.
    name: str
    path: Path

    @property
    def size_bytes(self) -> int:
        """The file's size."""
        return self.path.stat().st_size


class Uploads:
    """The files that browsers gave.

    Args:
        folder: Where they lie; emptied of old ones at the start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def take(self, source: Source, name: str, suffixes: tuple[str, ...]) -> Upload:
        """Return a file after writing it to disk piece by piece.

        Args:
            source: Its bytes.
            name: As the browser calls it.
            suffixes: Those that the input can be read from.

        Raises:
            InvalidInput: The name has none of the suffixes.
        """
        shown = PurePosixPath(name.replace("\\", "/")).name[-120:] or "file"
        suffix = PurePosixPath(shown).suffix.lower()
        if suffixes and suffix not in suffixes:
            raise InvalidInput(f"{shown!r} is no file of {', '.join(suffixes)}")
        self._sweep()
        upload_id = secrets.token_hex(16)
        folder = self._folder / upload_id
        folder.mkdir(parents=True, mode=0o700)
        path = folder / f"input{suffix}"
        with path.open("wb") as file:
            while piece := await source.read(_CHUNK):
                file.write(piece)
        (folder / "name").write_text(shown, encoding="utf-8")
        return Upload(id=upload_id, name=shown, path=path)

    def find(self, text: str) -> Upload:
        """Return the file that a form's field names as ``upload:ID``.

        Raises:
            InvalidInput: It is not held (any more).
        """
        upload_id = text.removeprefix(PREFIX)
        folder = self._folder / upload_id
        if not _NAME.fullmatch(upload_id) or not folder.is_dir():
            raise InvalidInput("the file is not here any more", hint="choose it again")
        (path,) = folder.glob("input*")
        return Upload(id=upload_id, name=(folder / "name").read_text(encoding="utf-8"), path=path)

    def _sweep(self) -> None:
        """Drop old files, and the oldest of too many."""
        if not self._folder.is_dir():
            return
        folders = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)
        surplus = len(folders) - _MAX_FILES + 1
        for number, folder in enumerate(folders):
            if number < surplus or folder.stat().st_mtime < time.time() - _KEEP_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
