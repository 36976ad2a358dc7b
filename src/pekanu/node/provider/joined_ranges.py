"""Ranges of packs that are read one behind the other, as far as somebody takes them.

An answer holds a part of its bytes at a time, however slowly a client takes them. Not here: where
the ranges are (`vault`).
"""

from __future__ import annotations

from pekanu.storage.stores import PackRange, StoreError


class JoinedRanges:
    """The bytes of ranges; to be closed."""

    def __init__(self) -> None:
        self._ranges: list[tuple[PackRange, int]] = []

    def add(self, source: PackRange, size: int) -> None:
        """Let a range follow: the next bytes of a file, which is closed behind them."""
        self._ranges.append((source, size))

    def fill(self, room: memoryview) -> None:
        """Put the next bytes into some room; there are that many.

        Raises:
            StoreError: They cannot be read.
        """
        while room:
            source, left = self._ranges[0]
            try:
                count = source.readinto(room[:left])
            except OSError as error:
                raise StoreError(f"a pack cannot be read: {error}") from error
            if not count:
                raise StoreError("a pack has become shorter")
            room, left = room[count:], left - count
            self._ranges[0] = source, left
            if not left:
                source.close()
                del self._ranges[0]

    def close(self) -> None:
        """Close what is left."""
        while self._ranges:
            self._ranges.pop()[0].close()

    def __del__(self) -> None:
        """Close what nobody came to read."""
        self.close()
