"""Packs as objects of S3, Google Cloud Storage or Azure, by obstore.

Credentials come from the environment under each service's own variables. Not here: what a URL
means (`opening`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError

from pekanu.storage.stores.pack_store import Buffer, PackRange, StoreError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PREFIX: Final = "packs/"
#: Bytes of a range that are fetched at once.
_STEP: Final = 4 << 20


class RemoteStore:
    """A `PackStore` in an object store.

    Args:
        store: The service, with credentials.
        place: Its URL, for messages.
    """

    def __init__(self, store: ObjectStore, place: str) -> None:
        self._store, self._place = store, place

    def put(self, name: str, parts: Sequence[Buffer]) -> None:
        """Keep a pack; a service acknowledges an object when it is durable."""
        try:
            obstore.put(self._store, _PREFIX + name, b"".join(parts))
        except (BaseError, OSError) as error:
            raise StoreError(f"a pack cannot be written to {self._place}: {error}") from error

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Return a range of a pack."""
        try:
            found = obstore.get_range(self._store, _PREFIX + name, start=offset, length=size)
        except (BaseError, OSError) as error:
            raise StoreError(f"pack {name} cannot be read at {self._place}: {error}") from error
        data = bytes(found)
        if len(data) != size:
            raise StoreError(f"pack {name} lacks bytes from {offset} on at {self._place}")
        return data

    def open(self, name: str, offset: int, size: int) -> PackRange:
        """Return a range of a pack, of which a step at a time is in memory."""
        return _Steps(self, name, offset, size)

    def delete(self, name: str) -> None:
        """Forget a pack."""
        try:
            obstore.delete(self._store, _PREFIX + name)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise StoreError(f"pack {name} cannot be deleted at {self._place}: {error}") from error

    def list(self) -> Iterator[str]:
        """Yield the names of all packs."""
        try:
            for page in obstore.list(self._store, _PREFIX):
                for found in page:
                    yield str(found["path"]).removeprefix(_PREFIX)
        except (BaseError, OSError) as error:
            raise StoreError(f"{self._place} cannot be listed: {error}") from error


class _Steps:
    """A range, of which the first step is fetched at once and each other when it is wanted."""

    def __init__(self, store: RemoteStore, name: str, offset: int, size: int) -> None:
        self._store, self._name, self._next, self._left = store, name, offset, size
        self._rest = self._fetch()

    def readinto(self, buffer: memoryview, /) -> int:
        self._rest = self._rest or self._fetch()
        some, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(some)] = some
        return len(some)

    def close(self) -> None:
        self._rest, self._left = memoryview(b""), 0

    def _fetch(self) -> memoryview:
        size = min(_STEP, self._left)
        found = self._store.read(self._name, self._next, size) if size else b""
        self._next, self._left = self._next + size, self._left - size
        return memoryview(found)
