"""The C library's allocator, told to give memory back: for commands that move files through it.

glibc keeps freed buffers of many threads in arenas of their own, and stops returning large ones
once it has seen a very large one, such as unlocking a keyfile takes. Elsewhere nothing is done.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Final

from pekanu.cli.starting import collect_as_usual

#: Names in glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
#: Buffers of so many bytes are given back as soon as they are freed.
_LARGE: Final = 16 << 20
#: Free bytes at an arena's end that are kept: to fetch each page anew from the kernel took longer
#: than to encrypt what it held.
_KEPT: Final = 16 << 20
_ARENAS: Final = 2


def bound_memory() -> None:
    """Bound what the allocator keeps of freed memory, and spare the collector what stays.

    Whatever was imported lives as long as the process; searching it for garbage again and again
    took a fifteenth of an upload's time. From here on garbage is collected as usual.
    """
    gc.freeze()
    collect_as_usual()
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGE)
    mallopt(_M_TRIM_THRESHOLD, _KEPT)
    mallopt(_M_ARENA_MAX, _ARENAS)
