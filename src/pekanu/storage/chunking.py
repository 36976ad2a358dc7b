"""Content-defined chunks: a stream cut where its own bytes say so, under a key.

FastCDC with normalized sizes: the first bytes of a chunk are skipped, then cuts are rare up to the
normal size and frequent behind it, and the longest chunk is bounded. An insertion moves the cuts
around it and no others. Not here: the rolling hash (`gear`), encryption (`domains`).
Source: Xia et al., "FastCDC", USENIX ATC 2016, sections 4.2 to 4.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from pekanu.storage.gear import CutFinder, build_finder


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkSizes:
    """Bytes of chunks; each divides the next."""

    #: Only a stream's last chunk is shorter.
    least: int = 128 << 10
    normal: int = 512 << 10
    most: int = 2 << 20

    @property
    def masks(self) -> tuple[int, int]:
        """The bits that must be zero for a cut before the normal size, and behind it."""
        bits = self.normal.bit_length() - 1
        return _high_bits(bits + 2), _high_bits(bits - 2)


#: The longest chunks that are read ahead.
_ROOM: Final = 4


class Readable(Protocol):
    """A stream of bytes, such as a binary file."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill a buffer with the next bytes and return how many; 0 at the end."""
        ...


#: What every client cuts by; a change would end deduplication against what is stored.
CHUNK_SIZES: Final = ChunkSizes()


def _high_bits(count: int) -> int:
    """Return a mask of the highest bits: they depend on the most bytes."""
    return ((1 << count) - 1) << (64 - count)


class Chunker:
    """Cuts streams under one key; for one thread.

    Args:
        key: 32 bytes.
        sizes: Bytes of chunks.
        finder: Another rolling hash, for tests.
    """

    def __init__(
        self, key: bytes, sizes: ChunkSizes = CHUNK_SIZES, *, finder: CutFinder | None = None
    ) -> None:
        self._sizes, self._finder = sizes, finder or build_finder(key)
        self._masks = sizes.masks

    def split(self, stream: Readable) -> Iterator[bytes]:
        """Yield the chunks of a stream; of an empty one none.

        Holds four of the longest chunks, and the one that was yielded.
        """
        most = self._sizes.most
        buffer = bytearray(_ROOM * most)
        view, start, filled, is_open = memoryview(buffer), 0, 0, True
        while True:
            while is_open and filled - start < most:
                if start:
                    view[: filled - start] = bytes(view[start:filled])
                    start, filled = 0, filled - start
                count = stream.readinto(view[filled:])
                is_open = bool(count)
                filled += count or 0
            if start == filled:
                return
            end = start + self._find_length(buffer, start, filled)
            chunk = bytes(view[start:end])
            start = end
            yield chunk

    def _find_length(self, buffer: bytearray, start: int, filled: int) -> int:
        """Return the length of the chunk that begins at a place of the buffer."""
        sizes, left = self._sizes, filled - start
        if left <= sizes.least:
            return left
        self._finder.reset()
        first = start + sizes.least
        normal, last = start + min(left, sizes.normal), start + min(left, sizes.most)
        for begin, end, mask in zip((first, normal), (normal, last), self._masks, strict=True):
            if begin < end and (cut := self._finder.find(buffer, begin, end, mask)):
                return cut - start
        return last - start
