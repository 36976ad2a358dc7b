"""The pads of the seal: what each block and node is xored with.

pad = keccak256(abi.encode(SEAL_TAG, task_id, key, item, level, index)): data blocks have level 0
and the index of their leaf, from 1 on; nodes have their level, from 5 on, and their index in it.
Source: design/market.md, "Seal".
"""

from __future__ import annotations

from typing import Final

from pekanu.crypto.keccak import keccak256

SEAL_TAG: Final = keccak256(b"Pekanu seal v1")


def get_prefix(task_id: bytes, key: int, item: int) -> bytes:
    """Return what the messages of an item's pads have in common, 128 bytes.

    Raises:
        ValueError: The task's identity is not 32 bytes.
    """
    if len(task_id) != len(SEAL_TAG):
        message = "a task's identity has 32 bytes"
        raise ValueError(message)
    return SEAL_TAG + task_id + key.to_bytes(32, "big") + item.to_bytes(32, "big")


def get_pad(prefix: bytes, level: int, index: int) -> bytes:
    """Return one pad."""
    return keccak256(prefix + level.to_bytes(32, "big") + index.to_bytes(32, "big"))
