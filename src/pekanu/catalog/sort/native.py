"""Stable sorting of arrays by a key column and of lines by their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from pekanu.catalog.framing import IntegerArray, Value, get_value_size
from pekanu.catalog.function import Progress
from pekanu.catalog.strings import count_strings
from pekanu.catalog.values import get_integer
from pekanu.errors import InvalidInput

_PART_LINES: Final = 1 << 16
#: Lines of a text: what the guest's memory holds.
_MOST_LINES: Final = 16_000_000
_QUICK_ROWS: Final = (4, 8)


def validate(values: Sequence[Value]) -> None:
    """Refuse a key column that the records do not have."""
    records, column = values[0], get_integer(values[1])
    if isinstance(records, bytes) and records.count(b"\n") >= _MOST_LINES:
        raise InvalidInput(
            f"input records: a text of more than {_MOST_LINES} lines is too long to sort",
            hint="cut it, sort the parts, and merge them",
        )
    columns = 1 if isinstance(records, bytes) or records.ndim == 1 else records.shape[1]
    if column >= max(1, columns):
        raise InvalidInput(f"input column: there is no column {column} among {columns}")
    if columns == 0 and len(records):
        raise InvalidInput("input records: rows without columns have no key")


def execute(values: Sequence[Value], progress: Progress) -> Value:
    """Return the records in rising order of their keys, equal keys in the order given."""
    records = values[0]
    if isinstance(records, bytes):
        lines = split_lines(records)
        lines.sort()
        progress(0.9)
        return join_lines(lines)
    keys = get_keys(records, get_integer(values[1]))
    return records[np.argsort(keys, kind="stable")]


def estimate_steps(values: Sequence[Value]) -> int:
    """Return the manifest's model."""
    records = values[0]
    if isinstance(records, bytes):
        lines = count_strings(records, split_lines)
        return 18 * len(records) + 167 * lines.count + 14 * lines.bits + 500
    rows, row_size = len(records), records.nbytes // max(1, len(records))
    keys = np.ascontiguousarray(get_keys(records, get_integer(values[1])))
    digits = keys.view(np.uint8).reshape(rows, -1) if rows else np.zeros((0, 0), dtype=np.uint8)
    item_size = digits.shape[1]
    moves = int((digits.min(axis=0) != digits.max(axis=0)).sum()) if digits.size else 0
    copies = records.nbytes * (1 + moves % 2)
    # Rows of a word or two are moved without a call.
    move = 17 * rows if row_size in _QUICK_ROWS else (30 + 3 * row_size) * rows
    return 13 * rows * item_size + moves * (move + 1900) + 5 * copies // 2 + 1000


def estimate_output_size(values: Sequence[Value]) -> int:
    """Return the output's exact size, but for one newline that a text may lack."""
    return get_value_size(values[0]) + 1


def split_lines(text: bytes) -> list[bytes]:
    """Return a text's lines without their newlines; the last one need not have one."""
    lines = text.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def join_lines(lines: Sequence[bytes]) -> bytes:
    """Return lines as a text in which each ends in a newline.

    In parts, since joining takes 80 bytes of memory for each line at once.
    """
    parts = (lines[start : start + _PART_LINES] for start in range(0, len(lines), _PART_LINES))
    return b"".join(b"\n".join(part) + b"\n" for part in parts)


def get_keys(records: IntegerArray, column: int) -> IntegerArray:
    """Return each record's key."""
    if records.ndim == 1:
        return records
    if records.shape[1] == 0:
        return np.zeros(0, dtype=np.int64)
    keys: IntegerArray = records[:, column]
    return keys
