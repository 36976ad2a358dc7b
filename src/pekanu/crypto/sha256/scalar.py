"""SHA-256 of rows by `hashlib`, one after the other.

This is the reference that the compiled kernels are tested equal to, and what short work runs on.
Not here: the kernels (`compiled`) and the choice between them (`batch`).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pekanu.crypto.sha256.batch import Bytes2D


class ScalarBackend:
    """The operations of `batch.Backend`, one hash after the other."""

    name = "scalar"

    def hash_rows(self, source: Bytes2D, target: Bytes2D, prefix: int) -> None:
        """Write to each row of `target` the SHA-256 of the prefix and the same row of `source`."""
        hash_each(source.reshape(-1).data, source.shape[1], prefix, target.reshape(-1).data)

    def hash_tree(self, data: memoryview, size: int, leaf: int, node: int) -> bytes:
        """Return the root of the tree over rows of data."""
        nodes = bytearray(32 * -(-len(data) // size))
        hash_each(data, size, leaf, memoryview(nodes))
        while len(nodes) > 32:
            parents = bytearray(32 * (len(nodes) // 64))
            hash_each(memoryview(nodes)[: 2 * len(parents)], 64, node, memoryview(parents))
            nodes = parents + nodes[2 * len(parents) :]
        return bytes(nodes)


def hash_each(data: memoryview, size: int, prefix: int, target: memoryview) -> None:
    """Write the hashes of rows one behind the other; the last row may be shorter."""
    start = sha256(bytes([prefix]))
    for index, place in enumerate(range(0, len(data), size)):
        digest = start.copy()
        digest.update(data[place : place + size])
        target[32 * index : 32 * (index + 1)] = digest.digest()
