"""How client and provider name chunks to each other: by root and size, in records.

Not here: what a root is (`trees`), where a chunk's bytes lie (`pekanu.node.provider`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pekanu.storage.chunk_trees import get_chunk_entry
from pekanu.storage.trees import Entry, get_leaf_count
from pekanu.types import Hash32

#: Bytes of one record of an agreement's list of chunks: root and size.
RECORD_SIZE: Final = 36


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkName:
    """A chunk as a client names it."""

    root: Hash32
    size: int

    @property
    def key(self) -> str:
        """The name as text."""
        return self.root.hex() + f"{self.size:08x}"

    @property
    def entry(self) -> Entry:
        """The chunk as the root over all counts it."""
        return Entry(chunk_root=self.root, leaf_count=get_leaf_count(self.size))

    def is_of(self, data: bytes | memoryview) -> bool:
        """Return whether bytes are the chunk."""
        return len(data) == self.size and get_chunk_entry(data).chunk_root == self.root


def pack_names(names: Iterable[ChunkName]) -> bytes:
    """Return a list of chunks as records."""
    return b"".join(name.root + name.size.to_bytes(4, "little") for name in names)


def unpack_names(data: bytes) -> list[ChunkName]:
    """Return the chunks that records list; there are only whole ones."""
    return [
        ChunkName(
            root=Hash32(data[start : start + 32]),
            size=int.from_bytes(data[start + 32 : start + RECORD_SIZE], "little"),
        )
        for start in range(0, len(data), RECORD_SIZE)
    ]
