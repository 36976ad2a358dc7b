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
        size, view = source.shape[1], source.reshape(-1).data
        start, digests = sha256(bytes([prefix])), target.reshape(-1).data
        for index in range(len(target)):
            digest = start.copy()
            digest.update(view[size * index : size * (index + 1)])
            digests[32 * index : 32 * (index + 1)] = digest.digest()

    def fold(self, rows: Bytes2D, prefix: int) -> bytes:
        """Return the root of the tree above rows of 32 bytes."""
        start, nodes = sha256(bytes([prefix])), [bytes(row) for row in rows]
        while len(nodes) > 1:
            parents = []
            for index in range(0, len(nodes) - 1, 2):
                digest = start.copy()
                digest.update(nodes[index] + nodes[index + 1])
                parents.append(digest.digest())
            nodes = parents + nodes[len(nodes) // 2 * 2 :]
        return nodes[0]
