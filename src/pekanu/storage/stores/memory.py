"""Packs in memory: for tests, a user's included. Nothing survives the process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO

from pekanu.storage.stores.pack_store import Buffer, PackRange, StoreError


class MemoryStore:
    """A `PackStore` without a disk."""

    def __init__(self) -> None:
        self._packs: dict[str, bytes] = {}

    def put(self, name: str, parts: Sequence[Buffer]) -> None:
        """Keep a pack."""
        self._packs[name] = b"".join(parts)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Return a range of a pack."""
        data = self._packs.get(name, b"")[offset : offset + size]
        if len(data) != size:
            raise StoreError(f"pack {name} lacks bytes from {offset} on")
        return data

    def open(self, name: str, offset: int, size: int) -> PackRange:
        """Return a range of a pack, in memory."""
        return BytesIO(self.read(name, offset, size))

    def delete(self, name: str) -> None:
        """Forget a pack."""
        self._packs.pop(name, None)

    def list(self) -> Iterator[str]:
        """Yield the names of all packs."""
        yield from tuple(self._packs)
