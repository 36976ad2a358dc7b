"""The machine's memory as one piece of 256 MiB, of which only what is used takes room.

Which pages changed is found by comparing with a copy; the pages that were ever touched, which
alone are compared, are known from the operating system where it tells.

Not here: the sparse memory of the reference (`memory`).
"""

from __future__ import annotations

import mmap
from pathlib import Path
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

PAGES: Final = MEMORY_SIZE // PAGE_SIZE
_PAGEMAP: Final = Path("/proc/self/pagemap")
#: A page that is in memory or swapped out. Source: Linux, admin-guide/mm/pagemap.
_TOUCHED: Final = 3 << 62
#: Pages that are compared at a time.
_BATCH: Final = 512


class GuestMemory:
    """Bytes by address, with the means to commit to them again and again."""

    __slots__ = ("_committed", "_tree", "bytes", "halves", "pages", "words")

    def __init__(self, data: NDArray[np.uint8] | None = None) -> None:
        """Lie in a piece of 256 MiB, which is zero; else in a new one, which takes no room yet."""
        self._lie_in(allocate() if data is None else data)
        self._committed = Shadow()
        self._tree = PageTree(MEMORY_DEPTH)

    def renew(self) -> GuestMemory:
        """Return a memory of zeros that knows what was committed to; this one has no more use."""
        other = GuestMemory()
        other._committed, other._tree = self._committed, self._tree
        return other

    def move(self, data: NDArray[np.uint8]) -> None:
        """Go on in another piece of 256 MiB, which is zero."""
        used = Shadow().find_changed(self)
        data.reshape(PAGES, PAGE_SIZE)[used] = self.pages[used]
        self._lie_in(data)

    def _lie_in(self, data: NDArray[np.uint8]) -> None:
        self.bytes = data
        self.halves = data.view(np.uint16)
        self.words = data.view(np.uint32)
        #: Shape (PAGES, PAGE_SIZE).
        self.pages = data.reshape(PAGES, PAGE_SIZE)

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

    def commit(self) -> Memory:
        """Return a memory with the contents' tree but without pages: roots, but no paths.

        Hashes only the pages that changed since the last time.
        """
        return Memory.from_tree(self._update(), {})

    def to_memory(self) -> Memory:
        """Return the same contents as the reference's memory."""
        used = Shadow().find_changed(self)
        pages = {int(page): bytearray(self.pages[page].tobytes()) for page in used}
        return Memory.from_tree(self._update(), pages)

    def _update(self) -> PageTree:
        """Return a copy of the tree, up to date."""
        changed = self._committed.follow(self)
        self._tree.update(changed, self.pages[changed])
        return self._tree.copy()


class Shadow:
    """What a memory held at some time, to tell what changed since; zero at first."""

    __slots__ = ("_pages",)

    def __init__(self) -> None:
        """Take no room yet."""
        self._pages: NDArray[np.uint8] | None = None

    def find_changed(self, memory: GuestMemory) -> NDArray[np.int64]:
        """Return the numbers of the pages that changed, rising."""
        touched = _find_touched(memory.bytes)
        theirs = None
        if self._pages is not None:
            touched |= _find_touched(self._pages)
            theirs = self._pages.view(np.uint64).reshape(PAGES, -1)
        ours = memory.bytes.view(np.uint64).reshape(PAGES, -1)
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

    def follow(self, memory: GuestMemory) -> NDArray[np.int64]:
        """Take over what changed and return the numbers of its pages, rising."""
        changed = self.find_changed(memory)
        if len(changed):
            if self._pages is None:
                self._pages = allocate()
            self._pages.reshape(PAGES, PAGE_SIZE)[changed] = memory.pages[changed]
        return changed


def allocate() -> NDArray[np.uint8]:
    """Return 256 MiB of zeros that take no room until they are written."""
    return np.frombuffer(mmap.mmap(-1, MEMORY_SIZE), dtype=np.uint8)


def _find_touched(data: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return for each page whether it may be other than zero."""
    first = data.ctypes.data // mmap.PAGESIZE
    if mmap.PAGESIZE == PAGE_SIZE and not data.ctypes.data % PAGE_SIZE:
        try:
            with _PAGEMAP.open("rb", buffering=0) as opened:
                opened.seek(8 * first)
                entries = np.frombuffer(opened.read(8 * PAGES), dtype=np.uint64)
        except OSError:
            entries = np.zeros(0, dtype=np.uint64)
        if len(entries) == PAGES:
            return (entries & np.uint64(_TOUCHED)).astype(np.bool_)
    return np.ones(PAGES, dtype=np.bool_)
