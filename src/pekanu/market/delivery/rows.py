"""Moving data and nodes between a ciphertext's rows and the arrays that are hashed.

Everything goes in stripes of chunks, so that an output of 64 MiB never stands in memory twice.
Not here: the layout itself (`layout`), sealing and hashing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from pekanu.crypto.merkle import Buffer, Nodes
from pekanu.errors import InvalidMessage
from pekanu.market.delivery.layout import BLOCK_SIZE, CHUNK_LEAVES, Layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Chunks that are worked on at a time: 256 KiB of data stay in the processor's cache.
STRIPE_CHUNKS: Final = 256
_CHUNK: Final = np.dtype((np.void, CHUNK_LEAVES * BLOCK_SIZE))


def get_rows(ciphertext: Buffer, row_count: int) -> Nodes:
    """Return a ciphertext as rows of 32 bytes, without a copy.

    Raises:
        InvalidMessage: It has another length than `row_count` rows.
    """
    size = memoryview(ciphertext).nbytes
    if size != BLOCK_SIZE * row_count:
        message = f"the ciphertext has {size} bytes instead of {BLOCK_SIZE * row_count}"
        raise InvalidMessage(message)
    return np.frombuffer(ciphertext, dtype=np.uint8).reshape(-1, BLOCK_SIZE)


def get_stripes(layout: Layout) -> Iterator[tuple[int, int]]:
    """Return the ranges [first, stop) of chunks to work on at a time."""
    for first in range(0, layout.chunk_count, STRIPE_CHUNKS):
        yield first, min(layout.chunk_count, first + STRIPE_CHUNKS)


def get_sealed_leaves(layout: Layout, first: int, stop: int) -> tuple[int, slice]:
    """Return the index of the first sealed leaf of chunks [first, stop), and where they lie."""
    start = CHUNK_LEAVES * first
    begin, end = layout.get_data_leaves(first)[0], layout.get_data_leaves(stop - 1)[1]
    return begin, slice(begin - start, end - start)


def put_data(layout: Layout, rows: Nodes, first: int, leaves: Nodes) -> None:
    """Write the data blocks among the leaves of whole chunks, from chunk `first` on."""
    stop = first + len(leaves) // CHUNK_LEAVES
    for there, here in _get_edges(layout, first, stop):
        rows[there] = leaves[here]
    inner, starts = _get_inner(layout, first, stop)
    if len(starts):
        _get_windows(rows)[starts] = _get_chunks(leaves)[inner]


def take_data(layout: Layout, rows: Nodes, first: int, stop: int) -> Nodes:
    """Return the leaves of chunks [first, stop), with zeros where no data is sealed."""
    leaves = np.empty(((stop - first) * CHUNK_LEAVES, BLOCK_SIZE), dtype=np.uint8)
    inner, starts = _get_inner(layout, first, stop)
    if len(starts):
        _get_chunks(leaves)[inner] = _get_windows(rows)[starts]
    for there, here in _get_edges(layout, first, stop):
        leaves[here] = rows[there]
    _, sealed = get_sealed_leaves(layout, first, stop)
    leaves[: sealed.start] = 0
    leaves[sealed.stop :] = 0
    return leaves


def _get_edges(layout: Layout, first: int, stop: int) -> Iterator[tuple[slice, slice]]:
    """Return the rows, and the leaves of a stripe, of the cells that may hold less than 32."""
    for chunk in sorted({0, layout.chunk_count - 1}):
        if first <= chunk < stop:
            begin, end = layout.get_data_leaves(chunk)
            row, start = layout.get_cell_row(chunk), CHUNK_LEAVES * first
            yield slice(row, row + end - begin), slice(begin - start, end - start)


def _get_inner(layout: Layout, first: int, stop: int) -> tuple[slice, NDArray[np.int64]]:
    """Return the full cells of a stripe: which of its chunks, and the rows of their data."""
    begin, end = max(first, 1), min(stop, layout.chunk_count - 1)
    end = max(begin, end)
    return slice(begin - first, end - first), layout.get_cell_rows(begin, end)


def _get_windows(rows: Nodes) -> NDArray[np.void]:
    """Return a view in which entry i is the 32 rows from row i on; NumPy moves each as one."""
    count = len(rows) - CHUNK_LEAVES + 1
    return np.ndarray((count,), dtype=_CHUNK, buffer=rows, strides=(BLOCK_SIZE,))


def _get_chunks(leaves: Nodes) -> NDArray[np.void]:
    """Return whole chunks of leaves, each as one value."""
    return leaves.reshape(-1).view(_CHUNK)
