"""A program's text as instructions, and its image as words.

Not here: which of them are ever run (`discovery`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pekanu.machine.isa import Instruction, decode

#: Addresses and contents of what the image holds at first.
Segments: TypeAlias = Sequence[tuple[int, bytes]]


class Listing:
    """The instructions of a text, decoded as they are asked for.

    Args:
        text: Words from address 0.
        segments: The image's initial contents, none overlapping.
        entry: Where the program begins.
    """

    __slots__ = ("_decoded", "_segments", "_words", "end", "entry")

    def __init__(self, text: NDArray[np.uint32], segments: Segments, entry: int) -> None:
        """Keep the words; decode nothing yet."""
        self.entry = entry
        #: The first address after the text.
        self.end = 4 * len(text)
        self._words: list[int] = text.tolist()
        self._segments = segments
        self._decoded: dict[int, Instruction | None] = {}

    def get(self, pc: int) -> Instruction | None:
        """Return the instruction at an aligned address within the text, or None if illegal."""
        word = self._words[pc >> 2]
        try:
            return self._decoded[word]
        except KeyError:
            found = self._decoded[word] = decode(word)
            return found

    def is_code(self, address: int) -> bool:
        """Return whether an instruction can be fetched from an address."""
        return not address & 3 and 0 <= address < self.end and self.get(address) is not None

    def get_words(self, address: int, count: int) -> list[int]:
        """Return up to `count` words that the image holds from an address on at first."""
        if address & 3:
            return []
        for start, content in self._segments:
            offset = address - start
            if 0 <= offset < len(content):
                size = min(4 * count, len(content) - offset) & ~3
                return list(struct.unpack_from(f"<{size // 4}I", content, offset))
        return []

    def find_addresses(self, most: int) -> list[int]:
        """Return, rising, the addresses of instructions that the image mentions as words.

        Args:
            most: Addresses within the text that are looked at.
        """
        is_mentioned = np.zeros(self.end >> 2, dtype=np.bool_)
        for start, content in self._segments:
            skip = -start & 3
            if len(content) < skip + 4:
                continue
            words = np.frombuffer(content, "<u4", (len(content) - skip) // 4, skip)
            near = words[(words < self.end) & (words & 3 == 0) & (words != 0)]
            is_mentioned[near >> 2] = True
        addresses: list[int] = (np.flatnonzero(is_mentioned)[:most] << 2).tolist()
        return [address for address in addresses if self.get(address) is not None]
