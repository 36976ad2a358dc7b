"""What the contract says about evidence: the twin of SealCheck.vy, one function for one.

Written from the definitions, one hash at a time, and used where a party wants to know the ruling
before it pays for a transaction. Evidence that proves nothing raises; the contract reverts.
Not here: building evidence (`evidence`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import REGION_DEPTH, get_depth, verify_proof, zero_root
from pekanu.crypto.pedersen import is_opening
from pekanu.errors import InvalidProof
from pekanu.market.claim import Claim
from pekanu.market.delivery.evidence import CELL_DEPTH, Cell, ComplaintEvidence
from pekanu.market.delivery.layout import (
    CELL_LEVEL,
    CHUNK_LEAVES,
    CHUNK_LEVEL,
    MAX_OUTPUT_SIZE,
    Layout,
)
from pekanu.market.delivery.pads import get_pad, get_prefix
from pekanu.types import ZERO_HASH, Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    """Where an item's cells hang."""

    #: The claim's ciphertext root.
    root: Hash32
    item: int
    #: Items of the task.
    count: int


def is_wrong(
    task_id: bytes, claim: Claim, count: int, evidence: ComplaintEvidence, opening: tuple[int, int]
) -> bool:
    """Return whether evidence shows a wrong place.

    Args:
        task_id: The task's identity.
        claim: The worker's.
        count: Items of the task.
        evidence: As it would be sent.
        opening: The key and its blinding.

    Raises:
        InvalidProof: The evidence proves nothing; the message is the contract's reason.
    """
    complaint, result = evidence.complaint, evidence.result
    _demand(is_opening((claim.key_x, claim.key_y), *opening), "seal: wrong key")
    _demand(
        result.output_size <= MAX_OUTPUT_SIZE
        and verify_proof(
            claim.results_root, result.leaf(), complaint.item, count, evidence.results_proof
        ),
        "seal: not the result",
    )
    layout = Layout.from_size(result.output_size)
    prefix = get_prefix(task_id, opening[0], complaint.item)
    anchor = Anchor(root=claim.ciphertext_root, item=complaint.item, count=count)
    if complaint.level == CHUNK_LEVEL:
        return _is_wrong_chunk(prefix, anchor, layout, evidence)
    if complaint.level == layout.top + 1:
        _demand(complaint.index == 0, "seal: no such place")
        return _is_wrong_top(prefix, anchor, layout, evidence)
    _demand(CHUNK_LEVEL < complaint.level <= layout.top, "seal: no such place")
    return _is_wrong_node(prefix, anchor, layout, evidence)


def is_cell(anchor: Anchor, layout: Layout, chunk: int, cell: Cell) -> bool:
    """Return whether a cell, by its data root and nodes, is the one of `chunk` under the anchor."""
    if not 0 <= chunk < layout.chunk_count or len(cell.nodes) != layout.get_node_count(chunk):
        return False
    depth = get_depth(anchor.count)
    if anchor.item >= anchor.count or cell.mask >> (CELL_DEPTH + depth):
        return False
    if cell.mask.bit_count() != len(cell.siblings):
        return False
    nodes = list(cell.nodes) + [ZERO_HASH] * (CHUNK_LEAVES - len(cell.nodes))
    node = keccak256(cell.data_root + _fold(nodes))
    siblings = iter(cell.siblings)
    for level in range(CELL_DEPTH + depth):
        inside = level < CELL_DEPTH
        hole = zero_root(CELL_LEVEL + level if inside else level - CELL_DEPTH)
        sibling = next(siblings) if cell.mask >> level & 1 else hole
        position = chunk >> level if inside else anchor.item >> (level - CELL_DEPTH)
        node = keccak256(sibling + node if position & 1 else node + sibling)
    return node == anchor.root


def get_data_root(layout: Layout, chunk: int, data: Sequence[bytes]) -> Hash32:
    """Return the root of a cell's left half.

    Raises:
        InvalidProof: The number of blocks is not the cell's.
    """
    return _fold(_get_row(layout, chunk, data))


def _is_wrong_chunk(
    prefix: bytes, anchor: Anchor, layout: Layout, evidence: ComplaintEvidence
) -> bool:
    chunk, cell = evidence.complaint.index, evidence.cells[0]
    _demand(0 <= chunk < layout.chunk_count, "seal: no such place")
    shown = Cell(
        data_root=get_data_root(layout, chunk, evidence.data),
        data=evidence.data,
        nodes=cell.nodes,
        mask=cell.mask,
        siblings=cell.siblings,
    )
    _demand(is_cell(anchor, layout, chunk, shown), "seal: not in the ciphertext")
    first = layout.get_data_leaves(chunk)[0]
    opened = [_open(prefix, word, 0, first + place) for place, word in enumerate(evidence.data)]
    row = _get_row(layout, chunk, opened)
    if chunk == 0:
        row[0] = evidence.result.output_size.to_bytes(4, "little") + bytes(28)
    return _fold(row) != _open(prefix, cell.nodes[0], CHUNK_LEVEL, chunk)


def _is_wrong_node(
    prefix: bytes, anchor: Anchor, layout: Layout, evidence: ComplaintEvidence
) -> bool:
    level, index = evidence.complaint.level, evidence.complaint.index
    step = level - CHUNK_LEVEL - 1
    left_chunk, right_chunk = (2 * index) << step, (2 * index + 1) << step
    _demand(0 <= left_chunk < layout.chunk_count, "seal: no such place")
    cell = evidence.cells[0]
    _demand(is_cell(anchor, layout, left_chunk, cell), "seal: not in the ciphertext")
    left = _open(prefix, cell.nodes[step], level - 1, 2 * index)
    parent = _open(prefix, cell.nodes[step + 1], level, index)
    right: bytes = zero_root(level - 1)
    if right_chunk < layout.chunk_count:
        _demand(len(evidence.cells) > 1, "seal: not in the ciphertext")
        other = evidence.cells[1]
        _demand(is_cell(anchor, layout, right_chunk, other), "seal: not in the ciphertext")
        right = _open(prefix, other.nodes[step], level - 1, 2 * index + 1)
    return keccak256(left + right) != parent


def _is_wrong_top(
    prefix: bytes, anchor: Anchor, layout: Layout, evidence: ComplaintEvidence
) -> bool:
    cell = evidence.cells[0]
    _demand(is_cell(anchor, layout, 0, cell), "seal: not in the ciphertext")
    node = _open(prefix, cell.nodes[-1], layout.top, 0)
    for level in range(layout.top, REGION_DEPTH):
        node = keccak256(node + zero_root(level))
    return node != evidence.result.output_root


def _get_row(layout: Layout, chunk: int, data: Sequence[bytes]) -> list[bytes]:
    _demand(len(data) == layout.get_data_count(chunk), "seal: wrong number of blocks")
    row = [*data] if chunk else [ZERO_HASH, *data]
    return row + [ZERO_HASH] * (CHUNK_LEAVES - len(row))


def _open(prefix: bytes, sealed: bytes, level: int, index: int) -> bytes:
    pad = get_pad(prefix, level, index)
    return bytes(left ^ right for left, right in zip(sealed, pad, strict=True))


def _fold(row: Sequence[bytes]) -> Hash32:
    nodes = list(row)
    while len(nodes) > 1:
        nodes = [keccak256(nodes[at] + nodes[at + 1]) for at in range(0, len(nodes), 2)]
    return Hash32(nodes[0])


def _demand(holds: bool, reason: str) -> None:  # noqa: FBT001 - reads as a sentence where it stands
    if not holds:
        raise InvalidProof(reason)
