"""The trees of `trees` over whole chunks, as fast as this processor hashes.

Equal to the clear definitions, which a test compares them with. Not here: what the trees are
(`trees`), the batched hash (`pekanu.crypto.sha256`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from pekanu.crypto.sha256 import hash_rows, hash_tree
from pekanu.storage.trees import (
    LEAF_SIZE,
    MAX_ANSWER,
    MAX_LEAVES,
    Entry,
    LeafProof,
    get_leaf_count,
    get_siblings,
)
from pekanu.types import Hash32

_Rows: TypeAlias = NDArray[np.uint8]
#: The first bytes of `trees`.
_LEAF: Final = 0
_NODE: Final = 1
_ABOVE: Final = 3


class _Level(Sequence[bytes]):
    """A level's rows as the bytes that proofs are made of."""

    def __init__(self, rows: _Rows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(index, slice):
            return _Level(self._rows[index])
        return bytes(self._rows[index].tobytes())


def _count_leaves(view: memoryview) -> int:
    count = get_leaf_count(len(view))
    if not 1 <= count <= MAX_LEAVES:
        message = f"a chunk has 1 to {MAX_LEAVES * LEAF_SIZE} bytes, not {len(view)}"
        raise ValueError(message)
    return count


def _hash_leaves(data: bytes | memoryview) -> _Rows:
    view = memoryview(data)
    _count_leaves(view)
    whole = len(view) // LEAF_SIZE * LEAF_SIZE
    rows = np.frombuffer(view[:whole], dtype=np.uint8).reshape(-1, LEAF_SIZE)
    hashes = hash_rows(rows, _LEAF)
    if whole < len(view):
        last = np.frombuffer(sha256(b"\0" + view[whole:]).digest(), dtype=np.uint8)
        hashes = np.concatenate([hashes, last[np.newaxis]])
    return hashes


def _build_levels(rows: _Rows, prefix: int) -> list[_Rows]:
    levels = [rows]
    while len(rows) > 1:
        pairs = len(rows) // 2
        parents = hash_rows(rows[: 2 * pairs].reshape(-1, 64), prefix)
        rows = np.concatenate([parents, rows[-1:]]) if len(rows) % 2 else parents
        levels.append(rows)
    return levels


def get_chunk_entry(data: bytes | memoryview) -> Entry:
    """Return a chunk's root and leaf count.

    Raises:
        ValueError: The chunk is empty or has more than `MAX_LEAVES` leaves.
    """
    view = memoryview(data)
    count = _count_leaves(view)
    root = Hash32(hash_tree(view, LEAF_SIZE, _LEAF, _NODE))
    return Entry(chunk_root=root, leaf_count=count)


def get_chunk_levels(data: bytes | memoryview) -> list[Sequence[bytes]]:
    """Return the tree over a chunk, leaf hashes first; raises as `get_chunk_entry`."""
    return [_Level(level) for level in _build_levels(_hash_leaves(data), _NODE)]


def get_entry_levels(entries: Iterable[Entry]) -> list[Sequence[bytes]]:
    """Return the tree over chunks in their order, entry hashes first; at least one.

    Raises:
        ValueError: There is no chunk.
    """
    hashes = b"".join(entry.hash() for entry in entries)
    if not hashes:
        message = "a root is over at least one chunk"
        raise ValueError(message)
    rows = np.frombuffer(hashes, dtype=np.uint8).reshape(-1, 32)
    return [_Level(level) for level in _build_levels(rows, _ABOVE)]


def get_entries_root(entries: Iterable[Entry]) -> Hash32:
    """Return the root over chunks in their order."""
    return Hash32(get_entry_levels(entries)[-1][0])


def prove_leaves(
    entry_levels: Sequence[Sequence[bytes]],
    data: bytes | memoryview,
    *,
    chunk: int,
    first: int,
    count: int = 1,
) -> LeafProof:
    """Return the proof of some leaves, as `trees.build_leaf_proof` does."""
    view = memoryview(data)
    levels = get_chunk_levels(view)
    if not 0 <= first < first + count <= len(levels[0]) or count > MAX_ANSWER:
        message = f"leaves {first} to {first + count - 1} are not an answer from {len(levels[0])}"
        raise ValueError(message)
    below = get_siblings(levels, first, count)
    return LeafProof(
        chunk=chunk,
        first=first,
        leaf_count=len(levels[0]),
        data=bytes(view[first * LEAF_SIZE : (first + count) * LEAF_SIZE]),
        siblings=(*below, *get_siblings(entry_levels, chunk)),
    )
