"""The C library's allocator, told to give memory back: for commands that move files through it.

glibc keeps freed buffers of many threads in arenas of their own, and stops returning large ones
once it has seen a very large one, such as unlocking a keyfile takes. Elsewhere nothing is done.
"""

from __future__ import annotations

import ctypes
from typing import Final

#: Names in glibc's malloc.h.
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
#: Buffers of so many bytes are given back as soon as they are freed.
_LARGE: Final = 4 << 20
_ARENAS: Final = 2


def bound_memory() -> None:
    """Bound what the allocator keeps of freed memory."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGE)
    mallopt(_M_ARENA_MAX, _ARENAS)
