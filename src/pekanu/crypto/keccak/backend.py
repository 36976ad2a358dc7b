"""The choice of how many hashes are computed: short work in Python, long work compiled.

Compiling costs as much as some ten thousand single hashes, so it waits for that much work and a
short command never pays it. Not here: the backends themselves (`scalar`, `vector`).
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from pekanu.crypto.keccak.scalar import ScalarBackend

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    #: Rows of bytes, C-contiguous.
    Bytes2D: TypeAlias = NDArray[np.uint8]

#: Hashes that are computed one by one before the kernels are compiled.
SCALAR_BUDGET: Final = 20_000

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


class BackendChoice:
    """Hands out the backend for the next piece of work, from any thread."""

    def __init__(self, budget: int = SCALAR_BUDGET) -> None:
        """Start with the scalar backend."""
        self._scalar = ScalarBackend()
        self._fast: Backend | None = None
        self._left = budget
        self._lock = threading.Lock()

    def get(self, work: int) -> Backend:
        """Return the backend for `work` more hashes, compiling once enough have been asked for."""
        if self._fast is not None:
            return self._fast
        with self._lock:
            self._left -= work
            if self._fast is None and self._left < 0:
                self._fast = self._compile()
            return self._fast or self._scalar

    def _compile(self) -> Backend:
        """Return the compiled backend, or the scalar one where this machine cannot compile."""
        from pekanu.crypto.keccak.vector import VectorBackend  # noqa: PLC0415 - only when needed

        try:
            return VectorBackend()
        except (ImportError, RuntimeError, OSError) as error:
            _log.warning("Keccak-256 runs uncompiled, some thirty times slower: %s", error)
            return self._scalar


#: The process's choice.
CHOICE: Final = BackendChoice()
