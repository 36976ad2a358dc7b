"""The machine's memory as one piece of 256 MiB, of which only what is used takes room.

Which pages changed since the last root is found by comparing with a copy; the pages that were ever
touched, which alone are compared, are known from the operating system where it tells.

Not here: the sparse memory of the reference (`memory`).
"""

from __future__ import annotations

import mmap
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pekanu.machine.isa import (
    CONTENT_OFFSET,
    INPUT_BASE,
    MAX_CONTENT_SIZE,
    MEMORY_DEPTH,
    MEMORY_SIZE,
)
from pekanu.machine.memory import PAGE_SIZE, Memory, PageTree
from pekanu.machine.program import InputTooLong, Program
from pekanu.types import Hash32

PAGES: Final = MEMORY_SIZE // PAGE_SIZE
_PAGEMAP: Final = "/proc/self/pagemap"
#: A page that is in memory or swapped out. Source: Linux, admin-guide/mm/pagemap.
_TOUCHED: Final = 3 << 62
#: Pages that are compared at a time.
_BATCH: Final = 512


class GuestMemory:
    """Bytes by address, with the means to commit to them again and again.

    Args:
        data: The 256 MiB, zero; None takes a fresh piece.
    """

    __slots__ = ("_copy", "_tree", "bytes", "halves", "pages", "words")

    def __init__(self, data: NDArray[np.uint8] | None = None) -> None:
        """Take no room yet."""
        self.bytes = _allocate() if data is None else data
        self.halves = self.bytes.view(np.uint16)
        self.words = self.bytes.view(np.uint32)
        #: Shape (PAGES, PAGE_SIZE).
        self.pages = self.bytes.reshape(PAGES, PAGE_SIZE)
        self._copy: NDArray[np.uint8] | None = None
        self._tree = PageTree(MEMORY_DEPTH)

    def load(self, program: Program, content: bytes) -> None:
        """Write what memory holds at step 0; it must be zero before.

        Raises:
            InputTooLong: The input does not fit.
        """
        if len(content) > MAX_CONTENT_SIZE:
            raise InputTooLong(len(content))
        for address, part in program.image:
            self.write(address, part)
        if content:
            self.words[INPUT_BASE >> 2] = len(content)
            self.write(INPUT_BASE + CONTENT_OFFSET, content)

    def write(self, address: int, content: bytes | bytearray) -> None:
        """Set bytes, all within memory."""
        self.bytes[address : address + len(content)] = np.frombuffer(content, dtype=np.uint8)

    def read(self, address: int, size: int) -> bytes:
        """Return bytes, all within memory."""
        return self.bytes[address : address + size].tobytes()

    def find_used(self) -> NDArray[np.int64]:
        """Return the numbers of the pages that are not zero, rising."""
        return self._find_different(None)

    def find_changed(self) -> NDArray[np.int64]:
        """Return the numbers of the pages that changed since the last root, rising."""
        return self._find_different(self._copy)

    @property
    def root(self) -> Hash32:
        """The root over all leaves; hashes only pages that changed since the last one."""
        changed = self.find_changed()
        if len(changed):
            if self._copy is None:
                self._copy = _allocate()
            copy = self._copy.reshape(PAGES, PAGE_SIZE)
            copy[changed] = pages = self.pages[changed]
            self._tree.update(changed, pages)
        return self._tree.root

    def get_region_root(self, region: int, depth: int) -> Hash32:
        """Return the root of one of the regions, as of the last whole root."""
        return self._tree.get_node(depth, region)

    def to_memory(self) -> Memory:
        """Return the same contents as the reference's memory."""
        used = self.find_used()
        return Memory(pages={int(page): bytearray(self.pages[page].tobytes()) for page in used})

    def _find_different(self, other: NDArray[np.uint8] | None) -> NDArray[np.int64]:
        """Return the numbers of the pages that differ from another memory, or from zero."""
        touched = _find_touched(self.bytes)
        if other is not None:
            touched |= _find_touched(other)
        ours = self.bytes.view(np.uint64).reshape(PAGES, -1)
        theirs = None if other is None else other.view(np.uint64).reshape(PAGES, -1)
        found = [np.zeros(0, dtype=np.int64)]
        for first in range(0, PAGES, _BATCH):
            numbers = first + np.flatnonzero(touched[first : first + _BATCH])
            if len(numbers) == 0:
                continue
            # A slice is compared in place, a choice of pages is copied first.
            part = slice(first, first + _BATCH) if len(numbers) == _BATCH else numbers
            differs = ours[part] if theirs is None else ours[part] != theirs[part]
            found.append(numbers[differs.any(axis=1)])
        return np.concatenate(found)


def _allocate() -> NDArray[np.uint8]:
    """Return 256 MiB of zeros that take no room until they are written."""
    return np.frombuffer(mmap.mmap(-1, MEMORY_SIZE), dtype=np.uint8)


def _find_touched(data: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return for each page whether it may be other than zero."""
    first = data.ctypes.data // mmap.PAGESIZE
    if mmap.PAGESIZE == PAGE_SIZE and not data.ctypes.data % PAGE_SIZE:
        try:
            with open(_PAGEMAP, "rb", buffering=0) as opened:  # noqa: PTH123 - needs no buffer
                opened.seek(8 * first)
                entries = np.frombuffer(opened.read(8 * PAGES), dtype=np.uint64)
        except OSError:
            entries = np.zeros(0, dtype=np.uint64)
        if len(entries) == PAGES:
            return (entries & np.uint64(_TOUCHED)).astype(np.bool_)
    return np.ones(PAGES, dtype=np.bool_)
