"""The machine's memory: pages that were written, and the tree over all of them.

Pages that nobody wrote are zero and cost nothing. Roots hash only the pages that changed since the
last one. Not here: what the addresses are for (`isa`).
Source: design/machine.md, "Memory" and "State commitment".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pekanu.crypto.keccak import hash_pairs
from pekanu.crypto.merkle import Nodes, zero_root
from pekanu.machine.isa import (
    CONTENT_OFFSET,
    LEAF_SIZE,
    MAX_CONTENT_SIZE,
    MEMORY_DEPTH,
    OUTPUT_BASE,
    REGION_DEPTH,
)
from pekanu.types import Hash32

#: Levels of the tree within a page of 4 KiB.
PAGE_DEPTH: Final = 7
PAGE_SIZE: Final = LEAF_SIZE << PAGE_DEPTH
#: Pages that are hashed at a time (1 MiB), so that the work stays in the processor's cache.
_BATCH: Final = 256


class PageTree:
    """The nodes of a full tree, from its pages' roots up; empty at first.

    Args:
        depth: Levels from the leaves to the root, at least PAGE_DEPTH.
    """

    __slots__ = ("_levels", "depth")

    def __init__(self, depth: int) -> None:
        """Begin with zero pages."""
        self.depth = depth
        self._levels: list[Nodes] = []

    def update(self, indices: NDArray[np.int64], pages: Nodes) -> None:
        """Take in new contents of pages.

        Args:
            indices: Of the pages, rising, each once.
            pages: Shape (n, PAGE_SIZE), bytes.
        """
        if len(indices) == 0:
            return
        levels = self._get_levels()
        for first in range(0, len(indices), _BATCH):
            nodes = np.ascontiguousarray(pages[first : first + _BATCH]).reshape(-1, LEAF_SIZE)
            for _ in range(PAGE_DEPTH):
                nodes = hash_pairs(nodes)
            levels[0][indices[first : first + _BATCH]] = nodes
        for lower, upper in pairwise(levels):
            indices = np.unique(indices >> 1)
            pairs = lower.reshape(-1, 2, LEAF_SIZE)[indices]
            upper[indices] = hash_pairs(pairs.reshape(-1, LEAF_SIZE))

    def get_node(self, height: int, index: int) -> Hash32:
        """Return a node, at least as high as a page's root."""
        if not self._levels:
            return zero_root(height)
        return Hash32(self._levels[height - PAGE_DEPTH][index].tobytes())

    @property
    def root(self) -> Hash32:
        """The root of the whole tree."""
        return self.get_node(self.depth, 0)

    def get_path(self, leaf: int, page: bytes) -> list[Hash32]:
        """Return the siblings on the way up from a leaf, lowest first.

        Args:
            leaf: Its index in the whole tree.
            page: The contents of its page.
        """
        nodes: Nodes = np.frombuffer(page, dtype=np.uint8).reshape(-1, LEAF_SIZE)
        place = leaf & ((1 << PAGE_DEPTH) - 1)
        path = []
        for _ in range(PAGE_DEPTH):
            path.append(Hash32(nodes[place ^ 1].tobytes()))
            nodes, place = hash_pairs(nodes), place >> 1
        heights = range(PAGE_DEPTH, self.depth)
        return path + [self.get_node(height, (leaf >> height) ^ 1) for height in heights]

    def copy(self) -> PageTree:
        """Return a tree that goes its own way."""
        other = PageTree(self.depth)
        other._levels = [nodes.copy() for nodes in self._levels]
        return other

    def _get_levels(self) -> list[Nodes]:
        if not self._levels:
            for height in range(PAGE_DEPTH, self.depth + 1):
                zero = np.frombuffer(zero_root(height), dtype=np.uint8)
                self._levels.append(np.tile(zero, (1 << (self.depth - height), 1)))
        return self._levels


class Memory:
    """Bytes by address in pages, zero where nobody wrote, with their commitment.

    Args:
        depth: Levels of the tree: 2^depth leaves of 32 bytes.
        pages: What it holds at first, by number of the page; the pages become the memory's.
    """

    __slots__ = ("_changed", "_depth", "_pages", "_tree")

    def __init__(
        self, depth: int = MEMORY_DEPTH, *, pages: Mapping[int, bytearray] | None = None
    ) -> None:
        """Hash nothing yet."""
        self._depth = depth
        self._pages = dict(pages or {})
        self._changed = set(self._pages)
        self._tree = PageTree(depth)

    @classmethod
    def from_segments(cls, segments: Iterable[tuple[int, bytes]], depth: int) -> Memory:
        """Return a memory that holds some bytes at some addresses."""
        memory = cls(depth)
        for address, content in segments:
            memory.write(address, content)
        return memory

    @classmethod
    def from_tree(cls, tree: PageTree, pages: Mapping[int, bytearray]) -> Memory:
        """Return a memory whose tree is known; tree and pages become the memory's."""
        memory = cls(tree.depth)
        memory._pages.update(pages)
        memory._tree = tree
        return memory

    @property
    def pages(self) -> Mapping[int, bytearray]:
        """The pages that somebody wrote, by number."""
        return self._pages

    def read(self, address: int, size: int) -> bytes:
        """Return bytes, all within the memory."""
        self._check(address, size)
        parts = []
        while size > 0:
            number, offset = divmod(address, PAGE_SIZE)
            length = min(size, PAGE_SIZE - offset)
            page = self._pages.get(number)
            parts.append(bytes(length) if page is None else bytes(page[offset : offset + length]))
            address, size = address + length, size - length
        return b"".join(parts)

    def write(self, address: int, content: bytes) -> None:
        """Set bytes, all within the memory."""
        self._check(address, len(content))
        view = memoryview(content)
        while view:
            number, offset = divmod(address, PAGE_SIZE)
            length = min(len(view), PAGE_SIZE - offset)
            self._touch(number)[offset : offset + length] = view[:length]
            address, view = address + length, view[length:]

    def get_leaf(self, index: int) -> int:
        """Return 32 bytes as a little-endian number."""
        page = self._pages.get(index >> PAGE_DEPTH)
        if page is None:
            return 0
        offset = (index << 5) & (PAGE_SIZE - 1)
        return int.from_bytes(page[offset : offset + LEAF_SIZE], "little")

    def set_leaf(self, index: int, leaf: int) -> None:
        """Set 32 bytes to a little-endian number."""
        offset = (index << 5) & (PAGE_SIZE - 1)
        page = self._touch(index >> PAGE_DEPTH)
        page[offset : offset + LEAF_SIZE] = leaf.to_bytes(LEAF_SIZE, "little")

    @property
    def root(self) -> Hash32:
        """The root over all leaves."""
        return self._get_tree().root

    def get_region_root(self, region: int) -> Hash32:
        """Return the root of one of the four regions: image, input, scratch, output."""
        return self._get_tree().get_node(REGION_DEPTH, region)

    def get_path(self, index: int) -> list[Hash32]:
        """Return the siblings on the way up from a leaf, lowest first."""
        page = self._pages.get(index >> PAGE_DEPTH, bytes(PAGE_SIZE))
        return self._get_tree().get_path(index, bytes(page))

    def get_output(self) -> bytes:
        """Return what a program left in the output region, whatever its status.

        Its length is what the region begins with, at most MAX_CONTENT_SIZE.
        """
        size = min(int.from_bytes(self.read(OUTPUT_BASE, 4), "little"), MAX_CONTENT_SIZE)
        return self.read(OUTPUT_BASE + CONTENT_OFFSET, size)

    def copy(self) -> Memory:
        """Return a memory that goes its own way."""
        other = Memory(self._depth)
        other._pages = {number: bytearray(page) for number, page in self._pages.items()}
        other._changed = set(self._changed)
        other._tree = self._tree.copy()
        return other

    def _touch(self, number: int) -> bytearray:
        self._changed.add(number)
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = bytearray(PAGE_SIZE)
        return page

    def _get_tree(self) -> PageTree:
        if self._changed:
            numbers = sorted(self._changed)
            pages = np.frombuffer(
                b"".join(self._pages[number] for number in numbers), dtype=np.uint8
            )
            self._tree.update(np.array(numbers, dtype=np.int64), pages.reshape(-1, PAGE_SIZE))
            self._changed.clear()
        return self._tree

    def _check(self, address: int, size: int) -> None:
        if address < 0 or size < 0 or address + size > LEAF_SIZE << self._depth:
            message = f"{size} bytes at {address:#x} are not within memory"
            raise ValueError(message)
