"""Keccak-256 compiled at run time for this processor's vectors.

Importing this module is cheap; building the backend loads LLVM and compiles the kernels of `ir`
(about 0.1 s, unless `native.keep_kernels` kept it). Calls release the interpreter's lock.
Not here: the choice of a backend (`backend`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pekanu.crypto.keccak.ir import build_module, get_kernels
from pekanu.crypto.native import Kernels, get_features

if TYPE_CHECKING:
    from pekanu.crypto.keccak.backend import Bytes2D

_POINTER = ctypes.c_void_p
_COUNT = ctypes.c_uint64
_HASH = ctypes.CFUNCTYPE(None, _POINTER, _POINTER, _COUNT)
_PADS = ctypes.CFUNCTYPE(None, _POINTER, _COUNT, _COUNT, _POINTER, _COUNT)


def get_width(features: Mapping[str, bool]) -> int:
    """Return how many hashes at once suit a processor: 8 with AVX-512, 4 with AVX2, else 2."""
    if features.get("avx512f"):
        return 8
    return 4 if features.get("avx2") else 2


class VectorBackend:
    """The operations of `backend.Backend`, `width` hashes at once.

    Args:
        width: Lanes of a vector, or None for what suits this processor.

    Raises:
        ImportError: LLVM is not installed.
        RuntimeError: LLVM cannot compile for this machine.
    """

    def __init__(self, width: int | None = None) -> None:
        """Load LLVM and compile the kernels, for whole groups and for what is left over."""
        self.width = width or get_width(get_features())
        self.name = f"vector x{self.width}"
        self._kernels = Kernels(build_module((self.width, 1)))
        wide, one = (
            [self._kernels.get_address(kernel) for kernel in get_kernels(lanes)]
            for lanes in (self.width, 1)
        )
        self._hash = {
            64: (_HASH(wide[0]), _HASH(one[0])),
            192: (_HASH(wide[1]), _HASH(one[1])),
        }
        self._pads = _PADS(wide[2]), _PADS(one[2])

    def hash_each(self, source: Bytes2D, target: Bytes2D) -> None:
        """Write to each row of `target` the hash of the same row, 64 or 192 bytes, of `source`."""
        size = source.shape[1]
        groups, rest = divmod(len(target), self.width)
        done = groups * self.width
        wide, one = self._hash[size]
        start, place = source.ctypes.data, target.ctypes.data
        if groups:
            wide(start, place, groups)
        if rest:
            one(start + done * size, place + done * 32, rest)

    def xor_pads(self, prefix: bytes, level: int, first: int, data: Bytes2D) -> None:
        """Xor into each row of `data` its pad, for consecutive indices from `first`."""
        groups, rest = divmod(len(data), self.width)
        done = groups * self.width
        wide, one = self._pads
        # The first absorbed block ends with 8 bytes of the level, which are zero.
        block, place = prefix + bytes(8), data.ctypes.data
        if groups:
            wide(block, level, first, place, groups)
        if rest:
            one(block, level, first + done, place + done * 32, rest)
