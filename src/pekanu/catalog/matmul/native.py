"""Exact products of integer matrices modulo 2^64 by way of floating-point ones.

Each matrix is cut into digits of a power of two so small that every sum in a product of digits
stays below 2^53, where a double is exact whatever the order of additions. The clear definition
is NumPy's own ``a @ b`` on int64, to which the tests hold this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from pekanu.catalog.framing import IntegerArray, Value, get_array_size
from pekanu.catalog.function import Progress
from pekanu.errors import InvalidInput

Matrix: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint64]
Digits: TypeAlias = list[npt.NDArray[np.float64]]

#: Integers up to 2^53 are exact as doubles.
_EXACT_BITS: Final = 53
#: What is multiplied at once: bounds memory, and says how often progress is told.
_TILE_ROWS: Final = 512
_TILE_INNER: Final = 4096
_TILE_COLUMNS: Final = 1024
#: Rows for which the guest spreads out a row of the right matrix once.
_GUEST_ROWS: Final = 64


def validate(values: Sequence[Value]) -> None:
    """Refuse matrices whose shapes do not fit."""
    a, b = _get_matrices(values)
    if a.shape[1] != b.shape[0]:
        raise InvalidInput(
            f"matrices of shapes {a.shape} and {b.shape} cannot be multiplied",
            hint="the left one needs as many columns as the right one has rows",
        )


def execute(values: Sequence[Value], progress: Progress) -> Value:
    """Return the product as int64, wrapped modulo 2^64."""
    a, b = _get_matrices(values)
    return multiply(a, b, progress)


def estimate_steps(values: Sequence[Value]) -> int:
    """Return the manifest's model."""
    a, b = _get_matrices(values)
    m, k, n = len(a), len(b), int(b.shape[1])
    return 19 * m * k * n + 24 * -(-m // _GUEST_ROWS) * k * n + 30 * m * k + 450


def estimate_output_size(values: Sequence[Value]) -> int:
    """Return the output's exact size."""
    a, b = _get_matrices(values)
    return get_array_size((a.shape[0], b.shape[1]), 8)


def multiply(a: IntegerArray, b: IntegerArray, progress: Progress | None = None) -> Matrix:
    """Return ``a @ b`` modulo 2^64 as int64, for integer matrices of any dtype."""
    m, k, n = len(a), len(b), int(b.shape[1])
    product = np.zeros((m, n), dtype=np.uint64)
    width = get_digit_width(min(k, _TILE_INNER))
    tiles = [(inner, column) for inner in _cut(k, _TILE_INNER) for column in _cut(n, _TILE_COLUMNS)]
    for done, (inner, column) in enumerate(tiles):
        right = _split(to_int64(b[inner, column]), width)
        for row in _cut(m, _TILE_ROWS):
            _add_product(product[row, column], _split(to_int64(a[row, inner]), width), right, width)
            if progress is not None:
                progress((done + min(1.0, row.stop / m)) / len(tiles))
    return product.view(np.int64)


def _add_product(total: Words, left: Digits, right: Digits, width: int) -> None:
    for i, digit in enumerate(left):
        for j, other in enumerate(right):
            shift = width * (i + j)
            if shift < 64:
                part = (digit @ other).astype(np.int64).view(np.uint64)
                total += part << np.uint64(shift)


def _cut(length: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, length, size)]


def to_int64(array: IntegerArray) -> Matrix:
    """Return the array as int64; uint64 wraps."""
    return array.astype(np.int64, copy=False)


def get_digit_width(inner: int) -> int:
    """Return the bits of a digit so that sums of `inner` products of digits are exact.

    Digits are balanced, |d| <= 2^(w-1), hence |sum| <= inner * 2^(2w-2) <= 2^53.
    """
    return (_EXACT_BITS + 2 - max(0, inner - 1).bit_length()) // 2


def _split(matrix: Matrix, width: int) -> Digits:
    """Return balanced digits, lowest first: their weighted sum is the matrix modulo 2^64."""
    half = np.int64(1 << (width - 1))
    mask = np.int64((1 << width) - 1)
    rest = matrix
    digits: Digits = []
    while len(digits) * width < 64 and (not digits or rest.any()):
        # Both sums may wrap; that changes the value by a multiple of 2^64 only.
        digit = ((rest + half) & mask) - half
        digits.append(digit.astype(np.float64))
        rest = (rest - digit) >> np.int64(width)
    return digits


def _get_matrices(values: Sequence[Value]) -> tuple[IntegerArray, IntegerArray]:
    a, b = values
    return cast("IntegerArray", a), cast("IntegerArray", b)
