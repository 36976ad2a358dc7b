"""SHA-256 of rows compiled at run time: for the processor's vectors, or its SHA instructions.

Importing this module is cheap; building the backend loads LLVM and compiles the kernels, or finds
them where `native.keep_kernels` kept them. Calls release the interpreter's lock.
Not here: what the kernels do (`ir_instructions`, `ir_lanes`), the choice of a backend (`batch`).
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pekanu.crypto.native import Kernels, get_features, get_processor
from pekanu.crypto.sha256 import ir_instructions, ir_lanes
from pekanu.crypto.sha256.ir_writer import KERNEL, TREE
from pekanu.crypto.sha256.scalar import hash_each

if TYPE_CHECKING:
    from pekanu.crypto.sha256.batch import Bytes2D

_HASH = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint64
)
_TREE = ctypes.CFUNCTYPE(
    ctypes.c_void_p,
    *[ctypes.c_void_p] * 3,
    *[ctypes.c_uint64] * 3,
    *[ctypes.c_uint32] * 2,
)


def get_width(features: Mapping[str, bool], processor: str) -> int:
    """Return how many rows at once suit a processor; 0 stands for its SHA instructions.

    Sixteen lanes hash a third faster than the SHA instructions of Intel's processors (measured on
    one), which take longer than AMD's.
    """
    has_wide = bool(features.get("avx512f"))
    is_x86 = platform.machine().lower() in {"x86_64", "amd64"}
    if is_x86 and features.get("sha") and features.get("ssse3"):
        return 16 if has_wide and not processor.startswith("znver") else 0
    if has_wide:
        return 16
    return 8 if features.get("avx2") else 4


class CompiledBackend:
    """The operations of `batch.Backend`, some rows at once.

    Args:
        width: Lanes of a vector, 0 for the SHA instructions, None for what suits this processor.

    Raises:
        ImportError: LLVM is not installed.
        RuntimeError: LLVM cannot compile for this machine.
    """

    def __init__(self, width: int | None = None) -> None:
        """Load LLVM and compile the kernel."""
        lanes = get_width(get_features(), get_processor()) if width is None else width
        self.name = f"vector x{lanes}" if lanes else f"instructions x{ir_instructions.STREAMS}"
        self._group = lanes or ir_instructions.STREAMS
        text = ir_lanes.build_module(lanes) if lanes else ir_instructions.build_module()
        self._kernels = Kernels(text)
        self._hash = _HASH(self._kernels.get_address(KERNEL))
        self._tree = _TREE(self._kernels.get_address(TREE))

    def hash_rows(self, source: Bytes2D, target: Bytes2D, prefix: int) -> None:
        """Write to each row of `target` the SHA-256 of the prefix and the same row of `source`."""
        groups = len(target) // self._group
        done = groups * self._group
        if groups:
            self._hash(source.ctypes.data, target.ctypes.data, source.shape[1], prefix, groups)
        if done < len(target):
            rest = source[done:].reshape(-1).data
            hash_each(rest, source.shape[1], prefix, target[done:].reshape(-1).data)

    def hash_tree(self, data: memoryview, size: int, leaf: int, node: int) -> bytes:
        """Return the root of the tree over rows of data."""
        count, groups = -(-len(data) // size), len(data) // size // self._group
        nodes = np.empty((count + 2 * self._group, 32), dtype=np.uint8)
        parents = np.empty((count // 2 + 1 + 2 * self._group, 32), dtype=np.uint8)
        done = groups * self._group
        hash_each(data[done * size :], size, leaf, nodes[done:count].reshape(-1).data)
        # One call for all: each waits for the interpreter's lock when it returns.
        root = self._tree(
            np.frombuffer(data, dtype=np.uint8).ctypes.data,
            nodes.ctypes.data,
            parents.ctypes.data,
            size,
            groups,
            count,
            leaf,
            node,
        )
        return ctypes.string_at(root, 32)
