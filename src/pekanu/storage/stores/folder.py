"""Packs as files of a folder: written beside their place, synced, then moved there.

Not here: which chunk lies where (the provider's index).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pekanu.storage.stores.pack_store import Buffer, PackRange, StoreError

_DRAFT: Final = ".new"
#: Hex digits of a name that choose its folder.
_FANOUT: Final = 2


class FolderStore:
    """A `PackStore` on a file system.

    Args:
        folder: Created if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for draft in folder.glob(f"*/*{_DRAFT}"):
            draft.unlink()

    def put(self, name: str, parts: Sequence[Buffer]) -> None:
        """Keep a pack; on disk when this returns."""
        path = self._get_path(name)
        draft = path.with_name(name + _DRAFT)
        try:
            if not path.parent.exists():
                path.parent.mkdir(exist_ok=True, mode=0o700)
                _sync_folder(self._folder)
            with draft.open("xb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
            _sync_folder(path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise StoreError(f"a pack cannot be written in {self._folder}: {error}") from error

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Return a range of a pack."""
        try:
            with self._get_path(name).open("rb", buffering=0) as file:
                data = os.pread(file.fileno(), size, offset)
        except OSError as error:
            raise StoreError(f"pack {name} cannot be read: {error}") from error
        if len(data) != size:
            raise StoreError(f"pack {name} lacks bytes from {offset} on")
        return data

    def open(self, name: str, offset: int, size: int) -> PackRange:
        """Return the file of a pack, at a range's beginning."""
        try:
            file = self._get_path(name).open("rb", buffering=0)
        except OSError as error:
            raise StoreError(f"pack {name} cannot be read: {error}") from error
        if os.fstat(file.fileno()).st_size < offset + size:
            file.close()
            raise StoreError(f"pack {name} lacks bytes from {offset} on")
        file.seek(offset)
        return file

    def delete(self, name: str) -> None:
        """Forget a pack."""
        try:
            self._get_path(name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"pack {name} cannot be deleted: {error}") from error

    def list(self) -> Iterator[str]:
        """Yield the names of all packs."""
        for path in self._folder.glob("*/*"):
            if path.suffix != _DRAFT:
                yield path.name

    def _get_path(self, name: str) -> Path:
        return self._folder / name[:_FANOUT] / name


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
