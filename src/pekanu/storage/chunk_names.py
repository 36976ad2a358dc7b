"""How client and provider name chunks to each other: by root and size, in records.

Not here: what a root is (`trees`), where a chunk's bytes lie (`pekanu.node.provider`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, overload

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
    return list(ChunkList(data))


class ChunkList(Sequence[ChunkName]):
    """An agreement's chunks in their order, read from their records when they are asked for.

    Args:
        records: As `pack_names` gives them.
    """

    def __init__(self, records: bytes) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records) // RECORD_SIZE

    @overload
    def __getitem__(self, index: int) -> ChunkName: ...
    @overload
    def __getitem__(self, index: slice) -> list[ChunkName]: ...
    def __getitem__(self, index: int | slice) -> ChunkName | list[ChunkName]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            message = f"there is no chunk {index}"
            raise IndexError(message)
        record = self._get_record(index)
        return ChunkName(root=Hash32(record[:32]), size=int.from_bytes(record[32:], "little"))

    def find_equal(self, numbers: Iterable[int]) -> list[int]:
        """Return the places of all chunks that equal one of some."""
        records = {self._get_record(number) for number in numbers}
        return [place for record in records for place in self._places[record]]

    @cached_property
    def _places(self) -> dict[bytes, list[int]]:
        found: dict[bytes, list[int]] = {}
        for number in range(len(self)):
            found.setdefault(self._get_record(number), []).append(number)
        return found

    def _get_record(self, number: int) -> bytes:
        return self._records[number * RECORD_SIZE : (number + 1) * RECORD_SIZE]
