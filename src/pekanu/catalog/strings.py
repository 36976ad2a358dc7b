"""Counting a text's strings, to foretell how long sorting them takes.

What is not here: what the strings are (`sort`, `wordcount`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import log2
from typing import Final

#: A longer text is judged by parts from its beginning, middle and end.
_WHOLE_BYTES: Final = 1 << 20
_PART_BYTES: Final = 1 << 18


@dataclass(frozen=True, kw_only=True, slots=True)
class StringCount:
    """How many strings a text has, and how hard they are to tell apart."""

    count: int
    #: Their entropy in all: what sorting by comparisons needs at least.
    bits: int


def count_strings(text: bytes, split: Callable[[bytes], list[bytes]]) -> StringCount:
    """Return the counts, estimated for a long text.

    Args:
        text: Any bytes.
        split: Gives the strings of a part.
    """
    share = 1.0
    strings: list[bytes] = []
    if len(text) <= _WHOLE_BYTES:
        strings = split(text)
    else:
        last = len(text) - _PART_BYTES
        for start in (0, last // 2, last):
            strings += split(text[start : start + _PART_BYTES])
        share = len(text) / (3 * _PART_BYTES)
    total = len(strings)
    bits = sum(count * log2(total / count) for count in Counter(strings).values())
    return StringCount(count=int(total * share), bits=int(bits * share))
