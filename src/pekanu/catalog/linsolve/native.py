"""Gaussian elimination over a prime field.

Rank, determinant, pivot columns and the solution with zero free variables do not depend on
which rows are chosen as pivots, so the output is unique however a guest eliminates.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Final, NamedTuple, TypeAlias, cast

import gmpy2
import numpy as np
import numpy.typing as npt

from pekanu.catalog.compiled import compiled
from pekanu.catalog.field import M61, add, multiply, subtract
from pekanu.catalog.framing import IntegerArray, Value, get_array_size
from pekanu.catalog.function import Progress
from pekanu.catalog.values import get_integer
from pekanu.errors import InvalidInput

#: Elements of a prime field.
Elements: TypeAlias = npt.NDArray[np.uint64]

#: Columns that are eliminated between two reports of progress.
_BLOCK_COLUMNS: Final = 32
#: Elements of the matrix and its right side together: what the guest's memory holds.
_MOST_ELEMENTS: Final = 1 << 23


class _Kind(NamedTuple):
    """What the guest's steps are for some primes, as measured."""

    #: For each element that is eliminated from.
    inner: int
    #: To read and reduce one.
    element: int
    #: For each element of a leading row.
    leading: int
    #: For each bit of the prime, to invert a pivot.
    inverse: int
    #: For each pair of pivots, to substitute.
    substitution: int


#: By the largest prime that it holds for.
_STEPS: Final = (
    (2, _Kind(6, 180, 0, 0, 4)),
    ((1 << 31) - 1, _Kind(25, 180, 30, 32, 3)),
    (M61, _Kind(71, 126, 65, 96, 92)),
)
#: To look for a pivot and to write the solution.
_STEPS_PER_COLUMN: Final = 29
_0: Final = np.uint64(0)
_1: Final = np.uint64(1)


def validate(values: Sequence[Value]) -> None:
    """Refuse a modulus that is no prime of the right size, and shapes that do not fit."""
    a, b = cast("list[IntegerArray]", values[:2])
    p = get_integer(values[2])
    if p != M61 and (p >= 1 << 31 or not gmpy2.is_prime(p)):
        raise InvalidInput(f"input p: {p} is neither a prime below 2^31 nor 2^61 - 1")
    if b.shape not in ((len(a),), (len(a), 1)):
        raise InvalidInput(f"input b: shape {b.shape} does not fit a matrix with {len(a)} rows")
    if len(a) * (a.shape[1] + 1) > _MOST_ELEMENTS:
        raise InvalidInput(
            f"a matrix of shape {a.shape} and its right side are too large: "
            f"{_MOST_ELEMENTS} elements fit"
        )


def execute(values: Sequence[Value], progress: Progress) -> Value:
    """Return solvable, rank, determinant and the solution."""
    a, b, p = get_system(values)
    rows, columns = a.shape
    matrix = np.column_stack((a, b))
    pivots = np.zeros(min(rows, columns), dtype=np.int64)
    rank, determinant = 0, _1
    for start in range(0, columns, _BLOCK_COLUMNS):
        stop = min(columns, start + _BLOCK_COLUMNS)
        rank, determinant = _eliminate(matrix, start, stop, rank, determinant, pivots, p)
        progress(stop / columns)
    if rows != columns or rank < rows:
        determinant = _0
    if np.any(matrix[rank:, columns]):
        return np.array([0, rank, determinant], dtype=np.uint64)
    x = _substitute(matrix, pivots[:rank], p)
    return np.concatenate((np.array([1, rank, determinant], dtype=np.uint64), x))


def estimate_steps(values: Sequence[Value]) -> int:
    """Return the manifest's model."""
    n, m = cast("tuple[int, int]", cast("IntegerArray", values[0]).shape)
    p = get_integer(values[2])
    kind = next(kind for most, kind in _STEPS if p <= most)
    ranks = min(n, m)
    inner = sum((n - 1 - rank) * (m + 1 - rank) for rank in range(ranks))
    leading = sum(m + 1 - rank for rank in range(ranks))
    return (
        kind.inner * inner
        + kind.element * n * (m + 1)
        + kind.leading * leading
        + kind.inverse * ranks * p.bit_length()
        + kind.substitution * ranks**2
        + _STEPS_PER_COLUMN * m
        # Odd divisors of the prime are tried, but for the one large prime.
        + (3 * isqrt(p) if p < M61 else 0)
        + 1500
    )


def estimate_output_size(values: Sequence[Value]) -> int:
    """Return the size of a solution; no solution takes less."""
    return get_array_size((3 + cast("IntegerArray", values[0]).shape[1],), 8)


def get_system(values: Sequence[Value]) -> tuple[Elements, Elements, np.uint64]:
    """Return A, b and p with all entries reduced."""
    a, b = cast("list[IntegerArray]", values[:2])
    p = get_integer(values[2])
    return _reduce(a, p), _reduce(b.reshape(-1), p), np.uint64(p)


def _reduce(array: IntegerArray, p: int) -> Elements:
    if array.dtype == np.uint64:
        return cast("Elements", array % np.uint64(p))
    return cast("Elements", np.mod(array.astype(np.int64), np.int64(p)).astype(np.uint64))


@compiled
def _eliminate(  # noqa: PLR0913, PLR0917 - a compiled kernel takes its state as arguments
    matrix: Elements,
    start: int,
    stop: int,
    rank: int,
    determinant: np.uint64,
    pivots: npt.NDArray[np.int64],
    p: np.uint64,
) -> tuple[int, np.uint64]:
    """Bring some columns to echelon form with leading ones; return rank and determinant so far."""
    rows, width = matrix.shape
    for column in range(start, stop):
        found = rank
        while found < rows and matrix[found, column] == _0:
            found += 1
        if found == rows:
            continue
        if found != rank:
            for k in range(column, width):
                matrix[found, k], matrix[rank, k] = matrix[rank, k], matrix[found, k]
            determinant = subtract(_0, determinant, p)
        pivot = matrix[rank, column]
        determinant = multiply(determinant, pivot, p)
        inverse = _invert(pivot, p)
        for k in range(column, width):
            matrix[rank, k] = multiply(matrix[rank, k], inverse, p)
        for row in range(rank + 1, rows):
            factor = matrix[row, column]
            if factor != _0:
                for k in range(column, width):
                    product = multiply(factor, matrix[rank, k], p)
                    matrix[row, k] = subtract(matrix[row, k], product, p)
        pivots[rank] = column
        rank += 1
    return rank, determinant


@compiled
def _substitute(matrix: Elements, pivots: npt.NDArray[np.int64], p: np.uint64) -> Elements:
    """Return the solution with zero free variables from an echelon form with leading ones."""
    columns = matrix.shape[1] - 1
    x = np.zeros(columns, dtype=np.uint64)
    for row in range(len(pivots) - 1, -1, -1):
        total = matrix[row, columns]
        for k in range(row + 1, len(pivots)):
            total = subtract(total, multiply(matrix[row, pivots[k]], x[pivots[k]], p), p)
        x[pivots[row]] = total
    return x


@compiled
def multiply_vector(matrix: Elements, x: Elements, p: np.uint64) -> Elements:
    """Return the product of a matrix and a vector over the field."""
    rows, columns = matrix.shape
    result = np.zeros(rows, dtype=np.uint64)
    for row in range(rows):
        for k in range(columns):
            result[row] = add(result[row], multiply(matrix[row, k], x[k], p), p)
    return result


@compiled
def _invert(element: np.uint64, p: np.uint64) -> np.uint64:
    """Return the inverse of a non-zero element, as its power p - 2."""
    exponent = p - np.uint64(2)
    result = _1
    while exponent:
        if exponent & _1:
            result = multiply(result, element, p)
        element = multiply(element, element, p)
        exponent >>= _1
    return result
