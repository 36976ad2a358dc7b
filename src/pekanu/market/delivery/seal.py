"""Sealing outputs under a key: ciphertext, ciphertext root and output roots in one pass.

Not here: where the bytes lie (`layout`, `rows`), opening and checking (`audit`), small outputs
many at a time (`small`). Source: design/market.md, "Seal".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pekanu.crypto.keccak import xor_pads
from pekanu.crypto.merkle import (
    REGION_DEPTH,
    Buffer,
    Nodes,
    climb,
    get_levels,
    get_region_leaves,
    get_root,
)
from pekanu.errors import UsageError
from pekanu.market.delivery import small
from pekanu.market.delivery.layout import (
    CHUNK_LEAVES,
    CHUNK_LEVEL,
    Layout,
    get_item_offsets,
)
from pekanu.market.delivery.pads import get_prefix
from pekanu.market.delivery.rows import get_rows, get_sealed_leaves, get_stripes, put_data
from pekanu.market.delivery.tree import get_cell_roots, get_root_of_cells, reduce_rows
from pekanu.types import Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedBatch:
    """What sealing a task's outputs gives."""

    #: All items' ciphertexts, in order.
    ciphertext: memoryview
    #: An item's root under `root`, in order.
    item_roots: tuple[Hash32, ...]
    #: The outputs' own roots, for the results.
    output_roots: tuple[Hash32, ...]
    output_sizes: tuple[int, ...]

    @property
    def root(self) -> Hash32:
        """Return the claim's ciphertext root."""
        return get_root(self.item_roots)


def seal(
    task_id: bytes, key: int, outputs: Sequence[Buffer], *, target: Buffer | None = None
) -> SealedBatch:
    """Return the sealed outputs of a task.

    Args:
        task_id: The task's identity, 32 bytes.
        key: In [0, ORDER); drawn afresh for every claim and stored before this is called.
        outputs: The items' outputs in order, at least one; each at most 2^26 - 32 bytes.
        target: Where to write the ciphertext, such as a mapped file of exactly its size
            (`get_item_offsets`); by default new memory.

    Raises:
        OutputTooLarge: An output does not fit its region.
        UsageError: The target has the wrong size or cannot be written.
    """
    sizes = [memoryview(output).nbytes for output in outputs]
    offsets = get_item_offsets(sizes)
    rows = _get_target(target, offsets[-1])
    item_roots: list[Hash32] = [Hash32(b"")] * len(sizes)
    output_roots = list(item_roots)
    few, many = small.split(sizes)
    for item in few:
        part = rows[offsets[item] // 32 : offsets[item + 1] // 32]
        prefix = get_prefix(task_id, key, item)
        output_roots[item], item_roots[item] = seal_item(prefix, outputs[item], part)
    for group in many:
        sealed = small.seal_group(task_id, key, group, outputs)
        first = np.array([offsets[item] // 32 for item in group.items])
        rows[first[:, np.newaxis] + np.arange(group.row_count)] = sealed.rows
        for place, item in enumerate(group.items):
            output_roots[item] = Hash32(sealed.output_roots[place].tobytes())
            item_roots[item] = Hash32(sealed.item_roots[place].tobytes())
    return SealedBatch(
        ciphertext=rows.reshape(-1).data,
        item_roots=tuple(item_roots),
        output_roots=tuple(output_roots),
        output_sizes=tuple(sizes),
    )


def seal_item(prefix: bytes, output: Buffer, rows: Nodes) -> tuple[Hash32, Hash32]:
    """Return the roots of an output and of its ciphertext, which is written to `rows`.

    Args:
        prefix: What the pads of the item have in common.
        output: The bytes.
        rows: The item's part of the ciphertext, writable.
    """
    layout = Layout.from_size(memoryview(output).nbytes)
    chunk_nodes, data_roots = [], []
    for first, stop in get_stripes(layout):
        leaves = get_region_leaves(output, CHUNK_LEAVES * first, CHUNK_LEAVES * stop)
        chunk_nodes.append(reduce_rows(leaves, CHUNK_LEVEL))
        index, sealed = get_sealed_leaves(layout, first, stop)
        xor_pads(prefix, 0, index, leaves[sealed])
        leaves[: sealed.start] = 0
        data_roots.append(reduce_rows(leaves, CHUNK_LEVEL))
        put_data(layout, rows, first, leaves)
    levels = get_levels(np.concatenate(chunk_nodes), height=CHUNK_LEVEL)
    output_root = climb(levels[-1], layout.top, REGION_DEPTH)
    for step, nodes in enumerate(levels):
        sealed_nodes = nodes.copy()
        xor_pads(prefix, CHUNK_LEVEL + step, 0, sealed_nodes)
        rows[layout.get_node_rows(step)] = sealed_nodes
    cells = get_cell_roots(layout, rows, np.concatenate(data_roots))
    return Hash32(output_root.tobytes()), get_root_of_cells(cells)


def _get_target(target: Buffer | None, size: int) -> Nodes:
    if target is None:
        return np.empty((size // 32, 32), dtype=np.uint8)
    rows = get_rows(target, size // 32)
    if not rows.flags.writeable:
        message = "the target of the ciphertext cannot be written"
        raise UsageError(message)
    return rows
