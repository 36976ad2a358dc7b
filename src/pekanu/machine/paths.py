"""Paths in the trees of text and memory, without the siblings that are roots of zeros.

Twin: contracts/machine/paths.vy.
Source: design/machine.md, "One-step proof".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import zero_root
from pekanu.machine.isa import LEAF_SIZE, MEMORY_DEPTH, TEXT_DEPTH
from pekanu.types import Hash32

#: Siblings of a witness at most: a path in the text's tree and one in memory's.
MAX_SIBLINGS: Final = TEXT_DEPTH + MEMORY_DEPTH


def get_root_of_path(
    leaf: int, index: int, depth: int, mask: int, siblings: Sequence[Hash32], first: int
) -> tuple[Hash32, int]:
    """Return the root that a leaf and its path give, and the place behind the path's siblings.

    Args:
        leaf: 32 bytes as a little-endian number.
        index: The leaf's, below 2^depth.
        depth: Levels of the tree.
        mask: Bit i: whether the sibling at height i is given; it is the root of zeros otherwise.
        siblings: Those of the whole witness, lowest first.
        first: Where the path's begin.

    Raises:
        IndexError: A sibling that the mask says to be given is not.
    """
    node = Hash32(reverse(leaf).to_bytes(LEAF_SIZE, "big"))
    place = first
    for height in range(depth):
        sibling = zero_root(height)
        if (mask >> height) & 1:
            sibling = siblings[place]
            place += 1
        is_left = (index >> height) & 1 == 0
        node = keccak256(node + sibling if is_left else sibling + node)
    return node, place


def get_roots_of_store(
    leaf: int, changed: int, index: int, mask: int, siblings: Sequence[Hash32], first: int
) -> tuple[Hash32, Hash32, int]:
    """Return memory's root with a leaf, with another in its place, and the place behind the path.

    Args:
        leaf: What is there before a store.
        changed: What is there after it.
        index: As for one root; so are the others.
        mask: Of memory's path.
        siblings: Those of the whole witness.
        first: Where the path's begin.
    """
    root, place = get_root_of_path(leaf, index, MEMORY_DEPTH, mask, siblings, first)
    other, _ = get_root_of_path(changed, index, MEMORY_DEPTH, mask, siblings, first)
    return root, other, place


def reverse(leaf: int) -> int:
    """Return a leaf's 32 bytes in the other order: a number in the one from one in the other."""
    return int.from_bytes(leaf.to_bytes(LEAF_SIZE, "little"), "big")
