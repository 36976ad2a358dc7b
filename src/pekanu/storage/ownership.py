"""Proof of ownership: who says that he holds a chunk shows that he does, without sending it.

The provider draws a nonce; it and the chunk's root choose leaves; the answer is their hash behind
the nonce, which the provider computes from its own copy. Who has only the root, or lacks a
twentieth of the chunk, fails but once in sixty. Not here: when it is asked (the provider's node).
Source: Halevi et al., "Proofs of ownership in remote storage systems", CCS 2011.
"""

from __future__ import annotations

from hashlib import sha256, shake_256
from typing import Final

from pekanu.storage.trees import LEAF_SIZE, get_leaf_count
from pekanu.types import Hash32

#: Leaves that are asked for: a lack of 5 percent is found with 98.3 percent.
ASKED_LEAVES: Final = 80


def choose_leaves(nonce: bytes, chunk_root: bytes, leaf_count: int) -> list[int]:
    """Return the leaves to show, in rising order; all of them when there are few."""
    if leaf_count <= ASKED_LEAVES:
        return list(range(leaf_count))
    draw = shake_256(b"pekanu leaves of ownership" + nonce + chunk_root).digest(8 * ASKED_LEAVES)
    words = (draw[start : start + 8] for start in range(0, len(draw), 8))
    return sorted(int.from_bytes(word, "big") % leaf_count for word in words)


def prove_ownership(nonce: bytes, chunk_root: bytes, data: bytes | memoryview) -> Hash32:
    """Return the answer of somebody who holds a chunk."""
    view, answer = memoryview(data), sha256(b"pekanu ownership" + nonce + chunk_root)
    for leaf in choose_leaves(nonce, chunk_root, get_leaf_count(len(view))):
        answer.update(view[leaf * LEAF_SIZE : (leaf + 1) * LEAF_SIZE])
    return Hash32(answer.digest())
