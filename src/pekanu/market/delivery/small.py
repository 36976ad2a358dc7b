"""Outputs of one chunk, worked on many at a time.

A batch can have a million items of a few bytes each; what `seal`, `tree` and `audit` do for one
output is done here for groups of outputs with the same number of blocks. The results are the
same; a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pekanu.crypto.keccak import MESSAGE_SIZE, hash_messages, hash_pairs
from pekanu.crypto.merkle import REGION_DEPTH, Buffer, Nodes, climb, get_depth
from pekanu.market.delivery.layout import (
    CELL_LEVEL,
    CHUNK_LEAVES,
    CHUNK_LEVEL,
    ITEM_DEPTH,
    MAX_OUTPUT_SIZE,
    OutputTooLarge,
)
from pekanu.market.delivery.pads import get_prefix

#: Items of a group at most, so that its arrays stay small.
GROUP_ITEMS: Final = 1024
#: Outputs of one chunk have at most this many blocks.
_MAX_BLOCKS: Final = CHUNK_LEAVES - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Items with the same number of blocks."""

    items: tuple[int, ...]
    sizes: tuple[int, ...]
    block_count: int

    @property
    def row_count(self) -> int:
        """Return the rows of an item's ciphertext: its blocks and one node."""
        return self.block_count + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedGroup:
    """What sealing a group gives, one entry an item."""

    #: Shape (items, rows, 32).
    rows: Nodes
    output_roots: Nodes
    item_roots: Nodes


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedGroup:
    """What opening a group gives, one entry an item."""

    #: Data blocks, shape (items, blocks, 32).
    data: Nodes
    #: Whether the data hash to the decrypted node.
    is_chunk_right: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    #: What the decrypted node leads to.
    output_roots: Nodes


def split(sizes: Sequence[int]) -> tuple[list[int], list[Group]]:
    """Return the items of more than one chunk, and the others in groups."""
    few: list[int] = []
    alike: dict[int, list[int]] = {}
    for item, size in enumerate(sizes):
        if not 0 <= size <= MAX_OUTPUT_SIZE:
            message = f"an output of {size} bytes is over the limit of {MAX_OUTPUT_SIZE}"
            raise OutputTooLarge(message)
        blocks = -(-size // 32)
        if blocks > _MAX_BLOCKS:
            few.append(item)
        else:
            alike.setdefault(blocks, []).append(item)
    groups = []
    for blocks, items in alike.items():
        for first in range(0, len(items), GROUP_ITEMS):
            part = tuple(items[first : first + GROUP_ITEMS])
            part_sizes = tuple(sizes[item] for item in part)
            groups.append(Group(items=part, sizes=part_sizes, block_count=blocks))
    return few, groups


def seal_group(task_id: bytes, key: int, group: Group, outputs: Sequence[Buffer]) -> SealedGroup:
    """Return the sealed outputs of a group's items and their roots."""
    width = 32 * group.block_count
    data = b"".join(bytes(outputs[item]).ljust(width, b"\0") for item in group.items)
    blocks = np.frombuffer(data, dtype=np.uint8).reshape(len(group.items), -1, 32)
    if not width:
        blocks = np.zeros((len(group.items), 0, 32), dtype=np.uint8)
    nodes = _get_chunk_nodes(group, blocks)
    plain = np.concatenate([blocks, nodes[:, np.newaxis]], axis=1)
    sealed = plain ^ _get_pads(task_id, key, group)
    return SealedGroup(
        rows=sealed,
        output_roots=climb(nodes, CHUNK_LEVEL, REGION_DEPTH),
        item_roots=get_roots(sealed),
    )


def open_group(task_id: bytes, key: int, group: Group, sealed: Nodes) -> OpenedGroup:
    """Return the opened outputs of a group's items, and what is right about them.

    Args:
        task_id: The task's identity.
        key: The seal's key.
        group: The items.
        sealed: Their ciphertexts, shape (items, rows, 32).
    """
    plain = sealed ^ _get_pads(task_id, key, group)
    data, nodes = plain[:, :-1], np.ascontiguousarray(plain[:, -1])
    return OpenedGroup(
        data=data,
        is_chunk_right=(_get_chunk_nodes(group, data) == nodes).all(axis=1),
        output_roots=climb(nodes, CHUNK_LEVEL, REGION_DEPTH),
    )


def get_roots(sealed: Nodes) -> Nodes:
    """Return the ciphertext roots of items of one chunk, shape (items, rows, 32)."""
    pairs = np.empty((len(sealed), 2, 32), dtype=np.uint8)
    pairs[:, 0] = _get_left(np.zeros((len(sealed), 32), dtype=np.uint8), sealed[:, :-1])
    pairs[:, 1] = climb(np.ascontiguousarray(sealed[:, -1]), 0, CHUNK_LEVEL)
    return climb(hash_pairs(pairs.reshape(-1, 32)), CELL_LEVEL, ITEM_DEPTH)


def _get_chunk_nodes(group: Group, blocks: Nodes) -> Nodes:
    """Return each output's node at level 5."""
    lengths = np.zeros((len(group.items), 32), dtype=np.uint8)
    sizes = np.array(group.sizes, dtype="<u4")
    lengths[:, :4] = sizes[:, np.newaxis].view(np.uint8)
    return _get_left(lengths, blocks)


def _get_left(first: Nodes, blocks: Nodes) -> Nodes:
    """Return the roots of trees of 32 leaves: a first leaf, blocks, zeros."""
    depth = get_depth(1 + blocks.shape[1])
    leaves = np.zeros((len(blocks), 1 << depth, 32), dtype=np.uint8)
    leaves[:, 0] = first
    leaves[:, 1 : 1 + blocks.shape[1]] = blocks
    nodes = leaves.reshape(-1, 32)
    for _ in range(depth):
        nodes = hash_pairs(nodes)
    return climb(nodes, depth, CHUNK_LEVEL)


def _get_pads(task_id: bytes, key: int, group: Group) -> Nodes:
    """Return the pads of all blocks and nodes, shape (items, rows, 32)."""
    messages = np.zeros((len(group.items), group.row_count, MESSAGE_SIZE), dtype=np.uint8)
    prefix = np.frombuffer(get_prefix(task_id, key, 0), dtype=np.uint8)
    messages[:, :, : len(prefix)] = prefix
    # Words are big endian; all numbers here fit the last eight bytes of theirs.
    items = np.array(group.items, dtype=">u8")[:, np.newaxis].view(np.uint8)
    messages[:, :, 120:128] = items[:, np.newaxis]
    messages[:, -1, 159] = CHUNK_LEVEL
    indices = np.arange(1, group.row_count + 1, dtype=np.uint8)
    indices[-1] = 0
    messages[:, :, 191] = indices
    return hash_messages(messages).reshape(len(group.items), group.row_count, 32)
