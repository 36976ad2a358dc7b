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

    def hash_tree(self, data: memoryview, size: int, leaf: int, node: int) -> bytes:
        """Return the root of the tree over rows of data; there is at least one byte."""


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


def hash_tree(data: memoryview, size: int, leaf: int, node: int) -> bytes:
    """Return the root of the tree over data; long work releases the interpreter's lock.

    The leaves are SHA-256(leaf || row) of the data's rows, the last of which may be shorter;
    neighbours become SHA-256(node || left || right), level by level, and a lone last one goes up
    as it is.

    Args:
        data: At least one byte, contiguous.
        size: Bytes of a row, a positive multiple of 64.
        leaf: A byte, the prefix of rows.
        node: A byte, the prefix of all above.

    Raises:
        ValueError: There is no data, or the size is another.
    """
    if not data or size < 1 or size % ROW_UNIT:
        message = f"{len(data)} bytes in rows of {size} are no tree"
        raise ValueError(message)
    return CHOICE.get(-(-len(data) // size)).hash_tree(data, size, leaf, node)
