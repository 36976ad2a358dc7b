"""The ciphertext tree: cells, items, the batch.

A cell has 64 leaves: sealed data on the left, where its leaf has it; sealed nodes on the right,
by level. Cells stand at height 6 of their item's tree of depth 22, items under the claim's
ciphertext root. Not here: paths in it (`evidence`). Source: design/market.md, "Seal".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pekanu.crypto.keccak import hash_pairs
from pekanu.crypto.merkle import Buffer, Nodes, climb, get_depth, get_levels, get_root
from pekanu.market.delivery import small
from pekanu.market.delivery.layout import (
    CELL_LEVEL,
    CHUNK_LEVEL,
    ITEM_DEPTH,
    Layout,
    get_item_offsets,
)
from pekanu.market.delivery.rows import get_rows, get_stripes, take_data
from pekanu.types import Hash32


def reduce_rows(leaves: Nodes, depth: int) -> Nodes:
    """Return the roots of consecutive trees of 2^depth leaves."""
    for _ in range(depth):
        leaves = hash_pairs(leaves)
    return leaves


def get_data_roots(layout: Layout, rows: Nodes) -> Nodes:
    """Return the root of the left 32 leaves of each cell."""
    return np.concatenate(
        [
            reduce_rows(take_data(layout, rows, first, stop), CHUNK_LEVEL)
            for first, stop in get_stripes(layout)
        ]
    )


def get_cell_roots(layout: Layout, rows: Nodes, data_roots: Nodes) -> Nodes:
    """Return the roots of an item's cells, at height 6.

    Args:
        layout: Of the item.
        rows: Its ciphertext.
        data_roots: The roots of the cells' left halves.
    """
    pairs = np.empty((layout.chunk_count, 2, 32), dtype=np.uint8)
    pairs[:, 0] = data_roots
    sealed = [rows[layout.get_node_rows(step)] for step in range(layout.top - CHUNK_LEVEL + 1)]
    chunks = np.arange(layout.chunk_count)
    # Cells with the same number of nodes are hashed together: half have one, a quarter two ...
    counts = np.bitwise_count(chunks ^ (chunks - 1))
    counts[0] = layout.top - CHUNK_LEVEL + 1
    for count in np.unique(counts):
        alike = chunks[counts == count]
        depth = get_depth(int(count))
        slots = np.zeros((len(alike), 1 << depth, 32), dtype=np.uint8)
        for step in range(count):
            slots[:, step] = sealed[step][alike >> step]
        pairs[alike, 1] = climb(reduce_rows(slots.reshape(-1, 32), depth), depth, CHUNK_LEVEL)
    return hash_pairs(pairs.reshape(-1, 32))


def get_root_of_cells(cells: Nodes) -> Hash32:
    """Return an item's ciphertext root from its cells' roots."""
    top = get_levels(cells, height=CELL_LEVEL)[-1]
    return Hash32(climb(top, CELL_LEVEL + get_depth(len(cells)), ITEM_DEPTH).tobytes())


def get_item_root(output_size: int, ciphertext: Buffer) -> Hash32:
    """Return an item's ciphertext root.

    Args:
        output_size: Bytes of the output, from its result.
        ciphertext: The item's part.

    Raises:
        InvalidMessage: The ciphertext has not the length that the size gives.
    """
    layout = Layout.from_size(output_size)
    rows = get_rows(ciphertext, layout.row_count)
    return get_root_of_cells(get_cell_roots(layout, rows, get_data_roots(layout, rows)))


def get_item_roots(output_sizes: Sequence[int], ciphertext: Buffer) -> list[Hash32]:
    """Return all items' ciphertext roots, from a task's ciphertext.

    Raises:
        InvalidMessage: The ciphertext has not the length that the sizes give.
    """
    offsets = get_item_offsets(output_sizes)
    rows = get_rows(ciphertext, offsets[-1] // 32)
    roots: list[Hash32] = [Hash32(b"")] * len(output_sizes)
    few, many = small.split(output_sizes)
    view = memoryview(ciphertext).cast("B")
    for item in few:
        part = view[offsets[item] : offsets[item + 1]]
        roots[item] = get_item_root(output_sizes[item], part)
    for group in many:
        first = np.array([offsets[item] // 32 for item in group.items])
        sealed = rows[first[:, np.newaxis] + np.arange(group.row_count)]
        for item, root in zip(group.items, small.get_roots(sealed), strict=True):
            roots[item] = Hash32(root.tobytes())
    return roots


def get_ciphertext_root(output_sizes: Sequence[int], ciphertext: Buffer) -> Hash32:
    """Return the claim's ciphertext root, from a task's ciphertext.

    Raises:
        InvalidMessage: The ciphertext has not the length that the sizes give.
    """
    return get_root(get_item_roots(output_sizes, ciphertext))
