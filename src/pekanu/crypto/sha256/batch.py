"""The SHA-256 of many rows, by whatever is quickest here: short work in Python, long compiled.

Not here: the backends (`scalar`, `compiled`), trees (`pekanu.storage`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pekanu.crypto.backends import SCALAR_BUDGET, Choice
from pekanu.crypto.sha256.scalar import ScalarBackend

if TYPE_CHECKING:
    #: Rows of bytes, C-contiguous.
    Bytes2D: TypeAlias = NDArray[np.uint8]

#: Rows are whole blocks of the hash function, so that one kernel serves all lengths.
ROW_UNIT: Final = 64

_log = logging.getLogger(__name__)


class Backend(Protocol):
    """A way to hash rows. Arrays are C-contiguous."""

    @property
    def name(self) -> str:
        """Return the name under which figures are shown."""

    def hash_rows(self, source: Bytes2D, target: Bytes2D, prefix: int) -> None:
        """Write to each row of `target` the SHA-256 of the prefix and the same row of `source`."""

    def fold(self, rows: Bytes2D, prefix: int) -> bytes:
        """Return the root of the tree above rows of 32 bytes; there is at least one."""


class BackendChoice(Choice[Backend]):
    """The choice among the backends for SHA-256."""

    def __init__(self, budget: int = SCALAR_BUDGET) -> None:
        """Start with the scalar backend."""
        super().__init__(ScalarBackend(), budget)

    def _compile(self) -> Backend:
        from pekanu.crypto.sha256.compiled import CompiledBackend  # noqa: PLC0415 - loads LLVM

        try:
            return CompiledBackend()
        except (ImportError, RuntimeError, OSError) as error:
            _log.warning("SHA-256 of rows runs uncompiled, some ten times slower: %s", error)
            return self._scalar


#: The process's choice.
CHOICE: Final = BackendChoice()


def hash_rows(rows: Bytes2D, prefix: int) -> Bytes2D:
    """Return SHA-256(prefix || row) of each row; calls release the interpreter's lock.

    Args:
        rows: Shape (n, size), C-contiguous; size a positive multiple of 64.
        prefix: One byte, 0 to 255.

    Returns:
        Shape (n, 32).

    Raises:
        ValueError: The rows are of another shape.
    """
    if rows.ndim != 2 or not rows.shape[1] or rows.shape[1] % ROW_UNIT:
        message = f"rows of shape {rows.shape} are not whole blocks of {ROW_UNIT} bytes"
        raise ValueError(message)
    target = np.empty((len(rows), 32), dtype=np.uint8)
    if len(rows):
        CHOICE.get(len(rows)).hash_rows(np.ascontiguousarray(rows), target, prefix)
    return target


def fold_rows(rows: Bytes2D, prefix: int) -> bytes:
    """Return the root of the tree above rows; calls release the interpreter's lock.

    Neighbours become SHA-256(prefix || left || right), level by level; a lone last row goes up as
    it is.

    Args:
        rows: Shape (n, 32), n at least 1.
        prefix: One byte, 0 to 255.

    Raises:
        ValueError: The rows are of another shape.
    """
    if rows.ndim != 2 or rows.shape[1] != 32 or not len(rows):
        message = f"rows of shape {rows.shape} are not the nodes of a tree"
        raise ValueError(message)
    return CHOICE.get(len(rows)).fold(rows, prefix)
