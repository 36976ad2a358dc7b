"""Evidence about a sealed delivery, as the contract reads it: results, supplied cells, complaints.

A path is the siblings on the way up and a mask: bit k says that level k, counted from the cell,
has one; without it the sibling is the root of zeros. Sixteen levels lead to the item's root and
ceil(log2(count)) more to the claim's. Not here: finding the wrong place (`audit`), judging
evidence (`judge`). Source: design/market.md, "Seal"; contract twin: SealCheck.vy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eth_abi.abi import encode

from pekanu.crypto.merkle import (
    Buffer,
    Nodes,
    build_proof,
    get_levels,
    get_proof,
    to_nodes,
    zero_root,
)
from pekanu.market.claim import RESULT_ABI, Result
from pekanu.market.delivery.audit import Complaint
from pekanu.market.delivery.layout import (
    BLOCK_SIZE,
    CELL_LEVEL,
    CHUNK_LEVEL,
    ITEM_DEPTH,
    Layout,
    get_item_offsets,
)
from pekanu.market.delivery.rows import get_rows
from pekanu.market.delivery.tree import get_cell_roots, get_data_roots, get_item_roots
from pekanu.types import ZERO_HASH, Hash32

#: Levels between a cell and its item's root.
CELL_DEPTH: Final = ITEM_DEPTH - CELL_LEVEL
#: Data root or data, nodes, mask, siblings.
CELL_ABI: Final = "(bytes32,bytes32[],uint256,bytes32[])"
FULL_CELL_ABI: Final = "(bytes32[],bytes32[],uint256,bytes32[])"
RESULT_EVIDENCE_ABI: Final = (RESULT_ABI, "bytes32[]")
SUPPLY_EVIDENCE_ABI: Final = (RESULT_ABI, "bytes32[]", "uint256", f"{FULL_CELL_ABI}[]")
COMPLAINT_EVIDENCE_ABI: Final = (
    "uint256",
    "uint256",
    "uint256",
    RESULT_ABI,
    "bytes32[]",
    "uint256",
    "uint256",
    "bytes32[]",
    f"{CELL_ABI}[]",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A cell of the ciphertext with its path to the claim's root."""

    #: Root of the left 32 leaves.
    data_root: Hash32
    #: The sealed data blocks that exist.
    data: tuple[Hash32, ...]
    #: The sealed nodes, rising by level.
    nodes: tuple[Hash32, ...]
    mask: int
    siblings: tuple[Hash32, ...]

    def to_abi(self, *, with_data_root: bool = True) -> tuple[object, ...]:
        """Return the fields in the order of `CELL_ABI`; without it the data root is zero."""
        data_root = self.data_root if with_data_root else ZERO_HASH
        return data_root, self.nodes, self.mask, self.siblings

    def to_full_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `FULL_CELL_ABI`."""
        return self.data, self.nodes, self.mask, self.siblings


@dataclass(frozen=True, kw_only=True, slots=True)
class ComplaintEvidence:
    """What shows one wrong place, beside the key and its blinding."""

    complaint: Complaint
    result: Result
    results_proof: tuple[Hash32, ...]
    #: The sealed blocks of the chunk, at level 5; empty above.
    data: tuple[Hash32, ...]
    #: One or two, left to right.
    cells: tuple[Cell, ...]

    def encode(self, key: int, blinding: int) -> bytes:
        """Return the bytes that the contract takes, with the opening of the key's commitment."""
        at_chunk = self.complaint.level == CHUNK_LEVEL
        values = (
            key,
            blinding,
            self.complaint.item,
            self.result.to_abi(),
            self.results_proof,
            self.complaint.level,
            self.complaint.index,
            self.data,
            [cell.to_abi(with_data_root=not at_chunk) for cell in self.cells],
        )
        return encode(COMPLAINT_EVIDENCE_ABI, values)


class CiphertextTree:
    """All roots of a task's ciphertext, from which cells are shown with their paths.

    Args:
        output_sizes: From the results, at least one.
        ciphertext: The task's; it is read, not copied.

    Raises:
        InvalidMessage: The ciphertext has not the length that the sizes give.
    """

    def __init__(self, output_sizes: Sequence[int], ciphertext: Buffer) -> None:
        """Hash the whole ciphertext once."""
        self._sizes = tuple(output_sizes)
        self._offsets = get_item_offsets(output_sizes)
        self._ciphertext = memoryview(ciphertext).cast("B")
        self._levels = get_levels(to_nodes(get_item_roots(output_sizes, ciphertext)))
        #: The item whose cells were shown last, with its cells' roots: (item, levels, data roots).
        self._last: tuple[int, list[Nodes], Nodes] | None = None

    @property
    def root(self) -> Hash32:
        """Return the claim's ciphertext root."""
        return Hash32(self._levels[-1].tobytes())

    def build_cell(self, item: int, chunk: int) -> Cell:
        """Return the cell of a chunk with its path.

        Raises:
            IndexError: The item has no such chunk.
        """
        layout = Layout.from_size(self._sizes[item])
        rows = self._get_item_rows(item, layout)
        start, blocks = layout.get_cell_row(chunk), layout.get_data_count(chunk)
        stop = start + blocks + layout.get_node_count(chunk)
        words = [Hash32(row.tobytes()) for row in rows[start:stop]]
        levels, data_roots = self._get_cell_levels(item, layout, rows)
        mask, siblings = _compress(
            (CELL_LEVEL, get_proof(levels, chunk, height=CELL_LEVEL), CELL_DEPTH),
            (0, get_proof(self._levels, item), len(self._levels) - 1),
        )
        return Cell(
            data_root=Hash32(data_roots[chunk].tobytes()),
            data=tuple(words[:blocks]),
            nodes=tuple(words[blocks:]),
            mask=mask,
            siblings=siblings,
        )

    def _get_item_rows(self, item: int, layout: Layout) -> Nodes:
        part = self._ciphertext[self._offsets[item] : self._offsets[item + 1]]
        return get_rows(part, layout.row_count)

    def _get_cell_levels(self, item: int, layout: Layout, rows: Nodes) -> tuple[list[Nodes], Nodes]:
        """Return the levels over an item's cells, and its cells' data roots."""
        if self._last is None or self._last[0] != item:
            data_roots = get_data_roots(layout, rows)
            cells = get_cell_roots(layout, rows, data_roots)
            self._last = item, get_levels(cells, height=CELL_LEVEL), data_roots
        return self._last[1:]


def encode_result_evidence(results: Sequence[Result], item: int) -> bytes:
    """Return what opens the result of one item under the results root."""
    proof = build_proof([result.leaf() for result in results], item)
    return encode(RESULT_EVIDENCE_ABI, (results[item].to_abi(), proof))


def encode_supply_evidence(
    tree: CiphertextTree, results: Sequence[Result], item: int, first: int, count: int
) -> bytes:
    """Return what supplies chunks of an item that were demanded.

    Args:
        tree: Of the task's ciphertext.
        results: All results of the claim.
        item: The item.
        first: The first chunk.
        count: How many; those beyond the item's last are left out, as they do not exist.
    """
    result = results[item]
    stop = min(first + count, Layout.from_size(result.output_size).chunk_count)
    cells = [tree.build_cell(item, chunk).to_full_abi() for chunk in range(first, stop)]
    proof = build_proof([other.leaf() for other in results], item)
    return encode(SUPPLY_EVIDENCE_ABI, (result.to_abi(), proof, first, cells))


def build_complaint_evidence(
    tree: CiphertextTree, results: Sequence[Result], complaint: Complaint
) -> ComplaintEvidence:
    """Return what shows a wrong place to the contract.

    Args:
        tree: Of the task's ciphertext.
        results: All results of the claim.
        complaint: What `audit` found.
    """
    item, level, index = complaint.item, complaint.level, complaint.index
    layout = Layout.from_size(results[item].output_size)
    if level == CHUNK_LEVEL:
        chunks = [index]
    elif level > layout.top:
        chunks = [0]
    else:
        width = 1 << (level - 1 - CHUNK_LEVEL)
        pair = [2 * index * width, (2 * index + 1) * width]
        chunks = [chunk for chunk in pair if chunk < layout.chunk_count]
    cells = tuple(tree.build_cell(item, chunk) for chunk in chunks)
    return ComplaintEvidence(
        complaint=complaint,
        result=results[item],
        results_proof=tuple(build_proof([result.leaf() for result in results], item)),
        data=cells[0].data if level == CHUNK_LEVEL else (),
        cells=cells,
    )


def place_cell(
    target: memoryview, output_size: int, chunk: int, data: Sequence[bytes], nodes: Sequence[bytes]
) -> None:
    """Write a cell that was supplied on chain into an item's ciphertext.

    Args:
        target: The item's part of the ciphertext, writable.
        output_size: From the item's result.
        chunk: Which cell.
        data: Its data blocks.
        nodes: Its nodes.
    """
    words = b"".join([*data, *nodes])
    start = BLOCK_SIZE * Layout.from_size(output_size).get_cell_row(chunk)
    target[start : start + len(words)] = words


def _compress(*parts: tuple[int, list[Hash32], int]) -> tuple[int, tuple[Hash32, ...]]:
    """Return mask and siblings of joined paths.

    Args:
        parts: Height at which a path starts, its siblings, and its length; levels after the
            siblings have zeros beside them.
    """
    mask = place = 0
    supplied = []
    for height, siblings, length in parts:
        for step, sibling in enumerate(siblings):
            if sibling != zero_root(height + step):
                mask |= 1 << (place + step)
                supplied.append(sibling)
        place += length
    return mask, tuple(supplied)
