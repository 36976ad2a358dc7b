"""The input file of a task: one item's bytes as they are, or many in one file.

A batch file is the items' sizes as u32 little endian, one after the other, and then the items'
bytes; how many there are stands in the task. What is not here: how an item is framed
(`pekanu.catalog`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final

from pekanu.errors import InvalidMessage

_SIZE_BYTES: Final = 4


def join_items(items: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the pieces of the input file of at least one item."""
    if len(items) > 1:
        yield b"".join(len(item).to_bytes(_SIZE_BYTES, "little") for item in items)
    yield from items


def split_items(file: bytes | memoryview, count: int) -> list[memoryview]:
    """Return the items of an input file, as views of it.

    Raises:
        InvalidMessage: The file does not hold exactly `count` items.
    """
    view = memoryview(file)
    if count == 1:
        return [view]
    head = count * _SIZE_BYTES
    if len(view) < head:
        raise InvalidMessage(f"the input file does not hold {count} items")
    sizes = memoryview(bytes(view[:head])).cast("B")
    lengths = [
        int.from_bytes(sizes[start : start + _SIZE_BYTES], "little")
        for start in range(0, head, _SIZE_BYTES)
    ]
    bounds = list(accumulate(lengths, initial=head))
    if bounds[-1] != len(view):
        raise InvalidMessage(f"the input file is not {count} items long")
    return [view[start:end] for start, end in pairwise(bounds)]
