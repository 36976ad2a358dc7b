"""Where each part of a sealed output lies: blocks, chunks, cells, and the files made of them.

An output of `size` bytes fills leaves 1 to `block_count` of its output tree; 32 leaves are a
chunk. A cell is what begins at a chunk: its data blocks and those sealed nodes, from level 5 to
`top`, whose first leaf is the chunk's. An item's ciphertext file is its cells in order, each the
data blocks that exist and then its nodes, rising; a task's is its items' in order. All sizes and
offsets have closed forms. Not here: what the bytes are (`seal`), the tree over them (`tree`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pekanu.crypto.merkle import MAX_REGION_SIZE, REGION_DEPTH, get_depth
from pekanu.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Level of the lowest sealed nodes: each covers 1 KiB of leaves.
CHUNK_LEVEL: Final = 5
#: Leaves of a chunk.
CHUNK_LEAVES: Final = 1 << CHUNK_LEVEL
#: Height of a cell in its item's ciphertext tree: data on the left, nodes on the right.
CELL_LEVEL: Final = 6
#: Depth of an item's ciphertext tree.
ITEM_DEPTH: Final = REGION_DEPTH + 1
#: Bytes of an output at most.
MAX_OUTPUT_SIZE: Final = MAX_REGION_SIZE
BLOCK_SIZE: Final = 32


class OutputTooLarge(InvalidInput):
    """An output does not fit its region, so that it cannot be claimed or sealed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The layout of one sealed output."""

    #: Data blocks of 32 bytes.
    block_count: int
    #: Chunks, and cells; at least 1, because leaf 0 is the length.
    chunk_count: int
    #: Level of the highest sealed node, 5 to 21.
    top: int

    @classmethod
    def from_size(cls, size: int) -> Layout:
        """Return the layout of an output of some bytes.

        Raises:
            OutputTooLarge: It is over 2^26 - 32 bytes.
        """
        if not 0 <= size <= MAX_OUTPUT_SIZE:
            message = f"an output of {size} bytes is over the limit of {MAX_OUTPUT_SIZE}"
            raise OutputTooLarge(message)
        blocks = -(-size // BLOCK_SIZE)
        chunks = -(-(1 + blocks) // CHUNK_LEAVES)
        top = CHUNK_LEVEL + get_depth(chunks)
        return cls(block_count=blocks, chunk_count=chunks, top=top)

    @property
    def row_count(self) -> int:
        """Return how many 32-byte rows the ciphertext has: blocks and nodes."""
        return self.block_count + self._get_nodes_before(self.chunk_count)

    @property
    def ciphertext_size(self) -> int:
        """Return the bytes of the ciphertext."""
        return BLOCK_SIZE * self.row_count

    def get_data_count(self, chunk: int) -> int:
        """Return how many data blocks a cell has, 0 to 32."""
        first, stop = self.get_data_leaves(chunk)
        return stop - first

    def get_data_leaves(self, chunk: int) -> tuple[int, int]:
        """Return the leaves [first, stop) of a chunk that are sealed data."""
        self._validate(chunk)
        stop = min(CHUNK_LEAVES * (chunk + 1), 1 + self.block_count)
        return max(1, CHUNK_LEAVES * chunk), stop

    def get_node_count(self, chunk: int) -> int:
        """Return how many nodes a cell has, at levels 5, 6 and so on."""
        self._validate(chunk)
        if chunk == 0:
            return self.top - CHUNK_LEVEL + 1
        return (chunk & -chunk).bit_length()

    def get_cell_row(self, chunk: int) -> int:
        """Return the row of the ciphertext at which a cell begins."""
        self._validate(chunk)
        return max(0, CHUNK_LEAVES * chunk - 1) + self._get_nodes_before(chunk)

    def get_cell_rows(self, first: int, stop: int, step: int = 1) -> NDArray[np.int64]:
        """Return the rows at which cells [first, stop) begin, or each step-th of them."""
        chunks = np.arange(first, stop, step, dtype=np.int64)
        before = np.maximum(chunks - 1, 0)
        nodes = self.top - CHUNK_LEVEL + 1 + 2 * before - np.bitwise_count(before)
        rows: NDArray[np.int64] = CHUNK_LEAVES * chunks - 1 + nodes
        rows[chunks == 0] = 0
        return rows

    def get_node_rows(self, step: int) -> NDArray[np.int64]:
        """Return the rows of all sealed nodes at level 5 + step, in order."""
        cells = self.get_cell_rows(0, self.chunk_count, 1 << step)
        counts = np.full(len(cells), CHUNK_LEAVES, dtype=np.int64)
        counts[0] = self.get_data_count(0)
        last = self.chunk_count - 1
        if last % (1 << step) == 0:
            counts[-1] = self.get_data_count(last)
        return cells + counts + step

    def _get_nodes_before(self, chunk: int) -> int:
        if chunk == 0:
            return 0
        before = chunk - 1
        return self.top - CHUNK_LEVEL + 1 + 2 * before - before.bit_count()

    def _validate(self, chunk: int) -> None:
        if not 0 <= chunk < self.chunk_count:
            message = f"chunk {chunk} is not among {self.chunk_count}"
            raise IndexError(message)


def get_ciphertext_size(output_size: int) -> int:
    """Return the bytes of the ciphertext of an output of some bytes."""
    return Layout.from_size(output_size).ciphertext_size


def get_item_offsets(output_sizes: Sequence[int]) -> list[int]:
    """Return where each item's ciphertext begins in the task's, and as last entry its size."""
    offsets = [0]
    known: dict[int, int] = {}
    for size in output_sizes:
        if size not in known:
            known[size] = get_ciphertext_size(size)
        offsets.append(offsets[-1] + known[size])
    return offsets
