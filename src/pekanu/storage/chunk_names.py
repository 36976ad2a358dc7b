"""How client and provider name chunks to each other: by root and size, in records.

Not here: what a root is (`trees`), where a chunk's bytes lie (`pekanu.node.provider`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
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


class ChunkList(Sequence[ChunkName]):
    """An agreement's chunks in their order, read from their records when they are asked for.

    They may be millions, so nothing here holds an object for each of them.

    Args:
        records: As `pack_names` gives them, only whole ones.
    """

    def __init__(self, records: bytes) -> None:
        self.records = records

    def __len__(self) -> int:
        return len(self.records) // RECORD_SIZE

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
        records = {self._get_record(number): number for number in numbers}
        return [place for number in records.values() for place in self._get_equal(number)]

    def split_different(self, count: int) -> Iterator[list[int]]:
        """Yield the places of chunks, so many at a time; of equal ones the first alone."""
        firsts = (number for number in range(len(self)) if self._get_equal(number)[0] == number)
        while some := list(islice(firsts, count)):
            yield some

    def _get_equal(self, number: int) -> Sequence[int]:
        """Return the places of all chunks that equal one, itself among them, rising."""
        return self._repeated.get(self._get_record(number), (number,))

    @cached_property
    def _repeated(self) -> dict[bytes, list[int]]:
        """The places of all chunks that are there more than once."""
        seen: set[bytes] = set()
        found: dict[bytes, list[int]] = {}
        for number in range(len(self)):
            record = self._get_record(number)
            if record in seen:
                found[record] = []
            seen.add(record)
        for number in range(len(self)) if found else ():
            record = self._get_record(number)
            if record in found:
                found[record].append(number)
        return found

    def _get_record(self, number: int) -> bytes:
        return self.records[number * RECORD_SIZE : (number + 1) * RECORD_SIZE]
