"""Merkle trees, one form everywhere: Keccak-256 of two children over 32-byte leaves.

n leaves are padded with zero leaves to a power of two; leaves are not hashed again; an index and
a proof's length are always checked against the number of leaves, so that an inner node never
passes for a leaf. Not here: what the leaves mean.
Source: design/market.md, "Trees"; design/machine.md (output region).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from mmap import mmap
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pekanu.crypto.keccak import hash_pairs, keccak256
from pekanu.types import ZERO_HASH, Hash32

#: Rows of 32 bytes.
Nodes: TypeAlias = NDArray[np.uint8]
#: Anything with contiguous bytes.
Buffer: TypeAlias = bytes | bytearray | memoryview | mmap

#: Depth of the tree over an output or input region: 2^21 leaves, 64 MiB with the length leaf.
REGION_DEPTH: Final = 21
MAX_REGION_SIZE: Final = (32 << REGION_DEPTH) - 32
#: Leaves hashed at a time (1 MiB), so that the work stays in the processor's cache.
_STRIPE_DEPTH: Final = 15


@cache
def zero_root(height: int) -> Hash32:
    """Return the root of a tree of 2^height zero leaves."""
    if height == 0:
        return ZERO_HASH
    below = zero_root(height - 1)
    return keccak256(below + below)


def get_depth(count: int) -> int:
    """Return the depth of the tree over `count` leaves, at least 1: ceil(log2(count))."""
    if count < 1:
        message = "a tree has at least one leaf"
        raise ValueError(message)
    return (count - 1).bit_length()


def to_nodes(hashes: Sequence[bytes]) -> Nodes:
    """Return hashes as rows.

    Raises:
        ValueError: One of them is not 32 bytes.
    """
    if any(len(item) != len(ZERO_HASH) for item in hashes):
        message = "a tree's leaf has 32 bytes"
        raise ValueError(message)
    return np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, 32)


def get_parents(nodes: Nodes, height: int) -> Nodes:
    """Return the level above nodes at a height; a missing last one is a zero subtree."""
    if len(nodes) % 2:
        zero = np.frombuffer(zero_root(height), dtype=np.uint8)
        nodes = np.concatenate([nodes, zero[np.newaxis]])
    return hash_pairs(nodes)


def get_levels(leaves: Nodes, *, height: int = 0) -> list[Nodes]:
    """Return all levels over some nodes, from themselves to their root.

    Args:
        leaves: Shape (n, 32), n at least 1.
        height: The height at which they stand in a bigger tree.
    """
    levels = [leaves]
    for step in range(get_depth(len(leaves))):
        levels.append(get_parents(levels[-1], height + step))
    return levels


def climb(nodes: Nodes, height: int, top: int) -> Nodes:
    """Return the roots at height `top` of trees that hold one node each and are zero elsewhere.

    Args:
        nodes: Shape (n, 32); node i is the first at `height` of tree i.
        height: Where they stand.
        top: At least `height`.
    """
    for level in range(height, top):
        pairs = np.empty((len(nodes), 2, 32), dtype=np.uint8)
        pairs[:, 0] = nodes
        pairs[:, 1] = np.frombuffer(zero_root(level), dtype=np.uint8)
        nodes = hash_pairs(pairs.reshape(-1, 32))
    return nodes


def get_root(leaves: Sequence[bytes]) -> Hash32:
    """Return the root over at least one leaf of 32 bytes; of one leaf, the leaf itself."""
    return Hash32(get_levels(to_nodes(leaves))[-1].tobytes())


def get_proof(levels: Sequence[Nodes], index: int, *, height: int = 0) -> list[Hash32]:
    """Return the siblings on the way up from a node.

    Args:
        levels: As `get_levels` gives them.
        index: The node's place in the lowest of them.
        height: The height at which the lowest stands in a bigger tree.
    """
    count = len(levels[0])
    if not 0 <= index < count:
        message = f"leaf {index} is not among {count}"
        raise ValueError(message)
    siblings = []
    for step, nodes in enumerate(levels[:-1]):
        place = (index >> step) ^ 1
        inside = place < len(nodes)
        siblings.append(Hash32(nodes[place].tobytes()) if inside else zero_root(height + step))
    return siblings


def build_proof(leaves: Sequence[bytes], index: int) -> list[Hash32]:
    """Return the siblings on the way up from a leaf, ceil(log2(n)) of them, lowest first."""
    return get_proof(get_levels(to_nodes(leaves)), index)


def verify_proof(root: bytes, leaf: bytes, index: int, count: int, proof: Sequence[bytes]) -> bool:
    """Return whether `leaf` is leaf `index` of the `count` leaves under `root`."""
    if not 0 <= index < count or len(proof) != get_depth(count):
        return False
    node = leaf
    if any(len(item) != len(ZERO_HASH) for item in (leaf, *proof)):
        return False
    for sibling in proof:
        node = keccak256(sibling + node if index & 1 else node + sibling)
        index >>= 1
    return node == root


def region_root(data: Buffer, depth: int = REGION_DEPTH) -> Hash32:
    """Return the root of a region that holds some bytes: an item's input or output root.

    Leaf 0 is the length as four bytes, little endian, and 28 zero bytes; the bytes follow, padded
    with zeros.

    Args:
        data: At most 2^depth - 1 leaves of bytes.
        depth: At least 1.

    Raises:
        ValueError: The bytes do not fit.
    """
    size = memoryview(data).nbytes
    leaves = 1 + -(-size // 32)
    if leaves > 1 << depth:
        message = f"{size} bytes do not fit a region of depth {depth}"
        raise ValueError(message)
    stripe = min(_STRIPE_DEPTH, get_depth(leaves))
    roots = [
        _get_stripe_root(get_region_leaves(data, first, min(leaves, first + (1 << stripe))), stripe)
        for first in range(0, leaves, 1 << stripe)
    ]
    top = get_levels(np.concatenate(roots), height=stripe)[-1]
    return Hash32(climb(top, stripe + get_depth(len(roots)), depth).tobytes())


def _get_stripe_root(leaves: Nodes, depth: int) -> Nodes:
    """Return the root, shape (1, 32), of a tree of some depth that begins with these leaves."""
    return climb(get_levels(leaves)[-1], get_depth(len(leaves)), depth)


def get_region_leaves(data: Buffer, first: int, stop: int) -> Nodes:
    """Return leaves [first, stop) of a region that holds some bytes; `stop` may lie beyond."""
    view = memoryview(data).cast("B")
    leaves = np.zeros((stop - first) * 32, dtype=np.uint8)
    start = max(0, 32 * (first - 1))
    part = np.frombuffer(view[start : 32 * (stop - 1)], dtype=np.uint8)
    offset = 32 if first == 0 else 0
    leaves[offset : offset + len(part)] = part
    if first == 0:
        leaves[:4] = np.frombuffer(len(view).to_bytes(4, "little"), dtype=np.uint8)
    return leaves.reshape(-1, 32)
