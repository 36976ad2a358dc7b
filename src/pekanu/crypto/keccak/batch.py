"""Many Keccak-256 hashes at once: pairs of tree nodes, fixed messages, the seal's pads.

Not here: trees (`pekanu.crypto.merkle`), what the pads are for (`pekanu.market.delivery`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pekanu.crypto.keccak.backend import CHOICE

if TYPE_CHECKING:
    from pekanu.crypto.keccak.backend import Bytes2D

#: Bytes of a message of `hash_messages`: six words.
MESSAGE_SIZE: Final = 192
#: Bytes of what is the same in all pads of an item: four words.
PREFIX_SIZE: Final = 128


def hash_pairs(nodes: Bytes2D) -> Bytes2D:
    """Return the parents of tree nodes.

    Args:
        nodes: Shape (2n, 32): left child, right child, and so on.

    Returns:
        Shape (n, 32).
    """
    return _hash_rows(nodes.reshape(-1, 64))


def hash_messages(messages: Bytes2D) -> Bytes2D:
    """Return the hashes, shape (n, 32), of messages of six words, shape (n, 192)."""
    return _hash_rows(messages.reshape(-1, MESSAGE_SIZE))


def xor_pads(prefix: bytes, level: int, first: int, data: Bytes2D) -> None:
    """Xor into each row of `data`, in place, keccak256(prefix || level || first + row).

    Args:
        prefix: 128 bytes.
        level: A word of 32 bytes, big endian, in the message.
        first: The index of the first row; a word as well.
        data: Shape (n, 32), contiguous and writable.

    Raises:
        ValueError: The prefix or the array is not as said.
    """
    if len(prefix) != PREFIX_SIZE or not data.flags.c_contiguous or not data.flags.writeable:
        message = "xor_pads needs a prefix of 128 bytes and contiguous writable rows"
        raise ValueError(message)
    if len(data):
        CHOICE.get(2 * len(data)).xor_pads(prefix, level, first, data)


def _hash_rows(source: Bytes2D) -> Bytes2D:
    import numpy as np  # noqa: PLC0415 - the package must import quickly

    target = np.empty((len(source), 32), dtype=np.uint8)
    if len(source):
        CHOICE.get(len(source)).hash_each(np.ascontiguousarray(source), target)
    return target
