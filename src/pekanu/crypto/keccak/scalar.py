"""Keccak-256 of one message at a time, and the batched operations on top of it.

This is the reference that every faster backend is tested equal to, and what short work runs on.
Not here: the compiled backends (`vector`) and the choice between them (`backend`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from Crypto.Hash import keccak as _keccak

from pekanu.types import Hash32

if TYPE_CHECKING:
    from pekanu.crypto.keccak.backend import Bytes2D


def keccak256(data: bytes | bytearray | memoryview) -> Hash32:
    """Return the Keccak-256 of some bytes."""
    return Hash32(_keccak.new(digest_bits=256, data=data).digest())


class ScalarBackend:
    """The operations of `backend.Backend`, one hash after the other."""

    name = "scalar"

    def hash_each(self, source: Bytes2D, target: Bytes2D) -> None:
        """Write to each row of `target` the hash of the same row of `source`."""
        size, view = source.shape[1], source.reshape(-1).data
        digests = target.reshape(-1).data
        for index in range(len(target)):
            message = bytes(view[size * index : size * (index + 1)])
            digests[32 * index : 32 * (index + 1)] = keccak256(message)

    def xor_pads(self, prefix: bytes, level: int, first: int, data: Bytes2D) -> None:
        """Xor into each row of `data` its pad, for consecutive indices from `first`."""
        start = prefix + level.to_bytes(32, "big")
        view = data.reshape(-1).data
        for row in range(len(data)):
            place = slice(32 * row, 32 * (row + 1))
            pad = keccak256(start + (first + row).to_bytes(32, "big"))
            block = int.from_bytes(view[place], "big") ^ int.from_bytes(pad, "big")
            view[place] = block.to_bytes(32, "big")
