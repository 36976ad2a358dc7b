"""The ways to compute many Keccak-256 hashes, and the process's choice among them.

Not here: the backends themselves (`scalar`, `vector`), when one is compiled (`crypto.backends`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from pekanu.crypto.backends import SCALAR_BUDGET, Choice
from pekanu.crypto.keccak.scalar import ScalarBackend

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    #: Rows of bytes, C-contiguous.
    Bytes2D: TypeAlias = NDArray[np.uint8]

_log = logging.getLogger(__name__)


class Backend(Protocol):
    """A way to compute many hashes. Arrays are C-contiguous; rows of 32 bytes are hashes."""

    @property
    def name(self) -> str:
        """Return the name under which figures are shown."""

    def hash_each(self, source: Bytes2D, target: Bytes2D) -> None:
        """Write to each row of `target` the hash of the same row, 64 or 192 bytes, of `source`.

        `target` may begin where `source` begins.
        """

    def xor_pads(self, prefix: bytes, level: int, first: int, data: Bytes2D) -> None:
        """Xor into each row of `data` keccak256(prefix || level || first + row), as 192 bytes.

        Args:
            prefix: The first 128 bytes of every message.
            level: Below 2^64; a word of 32 bytes, big endian, in the message.
            first: The index of the first row; a word as well.
            data: Changed in place.
        """


class BackendChoice(Choice[Backend]):
    """The choice among the backends for Keccak-256."""

    def __init__(self, budget: int = SCALAR_BUDGET) -> None:
        """Start with the scalar backend."""
        super().__init__(ScalarBackend(), budget)

    def _compile(self) -> Backend:
        from pekanu.crypto.keccak.vector import VectorBackend  # noqa: PLC0415 - only when needed

        try:
            return VectorBackend()
        except (ImportError, RuntimeError, OSError) as error:
            _log.warning("Keccak-256 runs uncompiled, some thirty times slower: %s", error)
            return self._scalar


#: The process's choice.
CHOICE: Final = BackendChoice()
