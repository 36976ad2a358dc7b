"""The input file of a task: one item's bytes as they are, or many in one file.

A batch file is the items' sizes as u32 little endian, one after the other, and then the items'
bytes; how many there are stands in the task. What is not here: how an item is framed
(`pekanu.catalog`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from pekanu.errors import InvalidMessage

_SIZE_BYTES: Final = 4


def join_items(items: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the pieces of the input file of at least one item."""
    yield join_sizes([len(item) for item in items])
    yield from items


def join_sizes(sizes: Sequence[int]) -> bytes:
    """Return what stands before the items in their file: nothing before a single one."""
    return np.array(sizes, dtype="<u4").tobytes() if len(sizes) > 1 else b""


def split_items(
    file: bytes | memoryview, count: int, first: int = 0, stop: int | None = None
) -> list[memoryview]:
    """Return the items of an input file, or some of them, as views of it.

    Args:
        file: The whole file.
        count: Items in it.
        first: The first that is wanted.
        stop: The first after it that is not.

    Raises:
        InvalidMessage: The file does not hold exactly `count` items.
    """
    view = memoryview(file)
    if count == 1:
        return [view][first:stop]
    head = count * _SIZE_BYTES
    if len(view) < head:
        raise InvalidMessage(f"the input file does not hold {count} items")
    sizes = np.frombuffer(view[:head], dtype="<u4").astype(np.int64)
    bounds = np.concatenate([[head], head + np.cumsum(sizes)])
    if bounds[-1] != len(view):
        raise InvalidMessage(f"the input file is not {count} items long")
    wanted = bounds[first : count + 1 if stop is None else stop + 1].tolist()
    return [view[start:end] for start, end in pairwise(wanted)]
