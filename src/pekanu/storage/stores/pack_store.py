"""The port between a provider and whatever keeps its packs.

Not here: the stores (`folder`, `remote`, `memory`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

from pekanu.errors import JournalError

#: Anything with contiguous bytes.
Buffer: TypeAlias = bytes | memoryview


class StoreError(JournalError):
    """A store cannot be reached, is full, or lost what it acknowledged."""


class PackRange(Protocol):
    """The bytes of a pack from a place on; to be closed."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill a buffer with the next bytes and return how many; 0 at the end.

        Raises:
            OSError, StoreError: They cannot be read.
        """
        ...

    def close(self) -> None:
        """Give it back."""
        ...


class PackStore(Protocol):
    """Keeps packs by name. All methods block, may be called from threads, raise `StoreError`."""

    def put(self, name: str, parts: Sequence[Buffer]) -> None:
        """Keep a pack; it is durable when this returns, and otherwise not there at all.

        Args:
            name: Hex digits; new.
            parts: Its bytes.
        """
        ...

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Return a range of a pack, exactly `size` bytes."""
        ...

    def open(self, name: str, offset: int, size: int) -> PackRange:
        """Return what gives the bytes of a range, which was there when this was called."""
        ...

    def delete(self, name: str) -> None:
        """Forget a pack; one that is not there is forgotten already."""
        ...

    def list(self) -> Iterator[str]:
        """Yield the names of all packs."""
        ...
