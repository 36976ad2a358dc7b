"""Order, multiset hash and stability of sorted records.

The multiset of records b = (b_0, ..., b_(l-1)) of bytes has the fingerprint

    product over all records of (x - sum over j of (b_j + 1)·y^(j+1))    modulo q = 2^61 - 1

at a random point (x, y). As a polynomial in x and y it determines the multiset: its factors are
linear in x, hence irreducible, and different records give different factors, since no b_j + 1
is 0 modulo q and so length and bytes can be read off. Two different multisets therefore give
different polynomials, of degree at most the number of bytes and records together, at most 2^27,
which agree at a random point with probability at most 2^27 / q (Schwartz-Zippel). Points are
drawn from 0 to q - 1 without bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pekanu.catalog.compiled import compiled
from pekanu.catalog.field import M61, add, multiply_m61, subtract
from pekanu.catalog.framing import IntegerArray, Value
from pekanu.catalog.policy import draw_below
from pekanu.catalog.sort.native import get_keys, split_lines
from pekanu.catalog.values import get_integer
from pekanu.catalog.verdict import RandomBytes, Verdict, accept, refuse

#: Independent points: two bring the error to (2^27 / (2^61 - 1))^2, below 2^-66.
POINTS: Final = 2
_ERROR: Final = Fraction(1 << 27, M61) ** POINTS

_M61: Final = np.uint64(M61)
_1: Final = np.uint64(1)

_Bytes: TypeAlias = npt.NDArray[np.uint8]
_Ends: TypeAlias = npt.NDArray[np.int64]


def check(values: Sequence[Value], output: Value, rng: RandomBytes) -> Verdict:
    """Return whether the output is the records in order, with error below 2^-66.

    Order and stability are exact; only the multiset hash can err.

    Args:
        values: Records and key column.
        output: The claimed order; any value.
        rng: Randomness drawn after the output was fixed.
    """
    records = values[0]
    if isinstance(records, bytes):
        return _check_text(records, output, rng)
    return _check_array(records, output, get_integer(values[1]), rng)


def _check_array(records: IntegerArray, output: Value, column: int, rng: RandomBytes) -> Verdict:
    if isinstance(output, bytes) or output.dtype != records.dtype:
        return refuse("the output is not of the records' type")
    if output.shape != records.shape:
        return refuse(f"the output has shape {output.shape}, not {records.shape}")
    keys = get_keys(output, column)
    if np.any(keys[1:] < keys[:-1]):
        return refuse("the keys do not rise")
    for _point in range(POINTS):
        x, y = _draw_point(rng)
        if _hash_rows(records, x, y) != _hash_rows(output, x, y):
            return refuse("the output does not hold the same records")
    if records.ndim == 2 and not _is_stable(records, output, column):
        return refuse("records with equal keys are not in the order given")
    return accept("the order, the multiset hash and the order of equal keys hold", _ERROR)


def _check_text(text: bytes, output: Value, rng: RandomBytes) -> Verdict:
    if not isinstance(output, bytes):
        return refuse("the output is no text")
    if output and not output.endswith(b"\n"):
        return refuse("the last line does not end in a newline")
    lines = split_lines(output)
    if any(lines[i] < lines[i - 1] for i in range(1, len(lines))):
        return refuse("the lines do not rise")
    whole = text if not text or text.endswith(b"\n") else text + b"\n"
    for _point in range(POINTS):
        x, y = _draw_point(rng)
        if _hash_lines(whole, x, y) != _hash_lines(output, x, y):
            return refuse("the output does not hold the same lines")
    return accept("the order and the multiset hash of the lines hold", _ERROR)


def _is_stable(records: IntegerArray, output: IntegerArray, column: int) -> bool:
    """Return whether rows with equal keys are in the input's order; only those are sorted."""
    keys = get_keys(output, column)
    equal = keys[1:] == keys[:-1]
    tied = np.zeros(len(keys), dtype=np.bool_)
    tied[1:] |= equal
    tied[:-1] |= equal
    given_keys = get_keys(records, column)
    among = np.isin(given_keys, keys[tied])
    rows = records[among]
    expected = rows[np.argsort(given_keys[among], kind="stable")]
    return np.array_equal(expected, output[tied])


def _draw_point(rng: RandomBytes) -> tuple[np.uint64, np.uint64]:
    return np.uint64(draw_below(M61, rng)), np.uint64(draw_below(M61, rng))


def _hash_rows(records: IntegerArray, x: np.uint64, y: np.uint64) -> int:
    if records.size == 0:
        return 1
    data = np.ascontiguousarray(records).view(np.uint8).reshape(-1)
    width = len(data) // len(records)
    ends = np.arange(1, len(records) + 1, dtype=np.int64) * width
    return int(_hash_records(data, ends, 0, x, y))


def _hash_lines(text: bytes, x: np.uint64, y: np.uint64) -> int:
    data = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero(data == ord("\n")).astype(np.int64)
    return int(_hash_records(data, ends, 1, x, y))


@compiled
def _hash_records(data: _Bytes, ends: _Ends, gap: int, x: np.uint64, y: np.uint64) -> np.uint64:
    """Return the fingerprint of the records that end where `ends` says, `gap` bytes apart."""
    product = _1
    start = 0
    for index in range(len(ends)):
        end = ends[index]
        total = np.uint64(0)
        for place in range(end - 1, start - 1, -1):
            total = multiply_m61(add(total, np.uint64(data[place]) + _1, _M61), y)
        product = multiply_m61(product, subtract(x, total, _M61))
        start = end + gap
    return product
