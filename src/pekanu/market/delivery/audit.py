"""Opening a ciphertext and finding the first place that is wrong.

The auditor needs no output to compare with: decrypted children must hash to their decrypted
parent, and the top must lead to the claimed root. Not here: how a wrong place is shown to the
contract (`evidence`). Source: design/market.md, "Seal".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pekanu.crypto.keccak import xor_pads
from pekanu.crypto.merkle import REGION_DEPTH, Buffer, Nodes, climb, get_parents
from pekanu.errors import InvalidProof
from pekanu.market.claim import Result
from pekanu.market.delivery import small
from pekanu.market.delivery.layout import CHUNK_LEVEL, Layout, get_item_offsets
from pekanu.market.delivery.pads import get_prefix
from pekanu.market.delivery.rows import get_rows, get_sealed_leaves, get_stripes, take_data
from pekanu.market.delivery.tree import reduce_rows


class UnclearPadding(InvalidProof):
    """The output is followed by other bytes than zeros in its last block.

    All its hashes hold, so there is nothing to complain about, but no program ends with such an
    output region: the claimed root is not the root of the output.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Complaint:
    """One wrong place of a sealed output.

    Level 5: the data of chunk `index` do not hash to its node. Levels up to the top: the children
    of node `index` do not. One above the top: the top does not lead to the claimed output root.
    """

    item: int
    level: int
    index: int


def audit(
    task_id: bytes, key: int, results: Sequence[Result], ciphertext: Buffer
) -> list[bytes] | Complaint:
    """Return all outputs of a task, exactly as claimed, or the wrong place of the first bad item.

    Args:
        task_id: The task's identity.
        key: The seal's key, checked against the claim's commitment before.
        results: The claimed results, checked against the results root before.
        ciphertext: The task's, checked against the ciphertext root before.

    Raises:
        InvalidMessage: The ciphertext has not the length that the results give.
        OutputTooLarge: A result claims more bytes than a region has.
        UnclearPadding: An output's last block does not end with zeros.
    """
    sizes = [result.output_size for result in results]
    offsets = get_item_offsets(sizes)
    rows = get_rows(ciphertext, offsets[-1] // 32)
    few, many = small.split(sizes)
    outputs: list[bytes] = [b""] * len(sizes)
    wrong: dict[int, Complaint] = {}
    view = memoryview(ciphertext).cast("B")
    for item in few:
        part = view[offsets[item] : offsets[item + 1]]
        found = audit_item(task_id, key, item, results[item], part)
        if isinstance(found, Complaint):
            wrong[item] = found
        else:
            outputs[item] = found
    for group in many:
        first = np.array([offsets[item] // 32 for item in group.items])
        sealed = rows[first[:, np.newaxis] + np.arange(group.row_count)]
        opened = small.open_group(task_id, key, group, sealed)
        for place, item in enumerate(group.items):
            found = _judge_small(item, results[item], opened, place)
            if isinstance(found, Complaint):
                wrong[item] = found
            else:
                outputs[item] = found
    return wrong[min(wrong)] if wrong else outputs


def audit_item(
    task_id: bytes, key: int, item: int, result: Result, ciphertext: Buffer
) -> bytes | Complaint:
    """Return an item's output, exactly as claimed, or the first wrong place.

    Args:
        task_id: The task's identity.
        key: The seal's key.
        item: The item's place in the batch.
        result: What is claimed for it.
        ciphertext: The item's part.

    Raises:
        InvalidMessage: The ciphertext has not the length that the result gives.
        OutputTooLarge: The result claims more bytes than a region has.
        UnclearPadding: The last block does not end with zeros.
    """
    layout = Layout.from_size(result.output_size)
    rows = get_rows(ciphertext, layout.row_count)
    prefix = get_prefix(task_id, key, item)
    levels = []
    for step in range(layout.top - CHUNK_LEVEL + 1):
        nodes = rows[layout.get_node_rows(step)]
        xor_pads(prefix, CHUNK_LEVEL + step, 0, nodes)
        levels.append(nodes)
    output = np.empty(32 * layout.block_count, dtype=np.uint8)
    wrong = _open_chunks(prefix, layout, rows, levels[0], result.output_size, output)
    if wrong is not None:
        return Complaint(item=item, level=CHUNK_LEVEL, index=wrong)
    for level, (below, nodes) in enumerate(pairwise(levels), CHUNK_LEVEL + 1):
        wrong = _find_difference(get_parents(below, level - 1), nodes)
        if wrong is not None:
            return Complaint(item=item, level=level, index=wrong)
    if climb(levels[-1], layout.top, REGION_DEPTH).tobytes() != result.output_root:
        return Complaint(item=item, level=layout.top + 1, index=0)
    return _trim(item, output.data, result.output_size)


def _open_chunks(
    prefix: bytes, layout: Layout, rows: Nodes, nodes: Nodes, size: int, output: Nodes
) -> int | None:
    """Write the decrypted data to `output`; return the first chunk that misses its node."""
    for first, stop in get_stripes(layout):
        leaves = take_data(layout, rows, first, stop)
        index, sealed = get_sealed_leaves(layout, first, stop)
        xor_pads(prefix, 0, index, leaves[sealed])
        if first == 0:
            leaves[0, :4] = np.frombuffer(size.to_bytes(4, "little"), dtype=np.uint8)
        data = leaves[sealed].reshape(-1)
        output[32 * (index - 1) : 32 * (index - 1) + len(data)] = data
        wrong = _find_difference(reduce_rows(leaves, CHUNK_LEVEL), nodes[first:stop])
        if wrong is not None:
            return first + wrong
    return None


def _judge_small(
    item: int, result: Result, opened: small.OpenedGroup, place: int
) -> bytes | Complaint:
    if not opened.is_chunk_right[place]:
        return Complaint(item=item, level=CHUNK_LEVEL, index=0)
    if opened.output_roots[place].tobytes() != result.output_root:
        return Complaint(item=item, level=CHUNK_LEVEL + 1, index=0)
    return _trim(item, memoryview(opened.data[place].tobytes()), result.output_size)


def _find_difference(left: Nodes, right: Nodes) -> int | None:
    different = (left != right).any(axis=1)
    return int(different.argmax()) if different.any() else None


def _trim(item: int, data: memoryview, size: int) -> bytes:
    """Return the first `size` bytes, if zeros follow."""
    if any(data[size:]):
        message = f"the output of item {item} is followed by other bytes than zeros"
        raise UnclearPadding(message, hint="the claimed root is not this output's: do not approve")
    return bytes(data[:size])
