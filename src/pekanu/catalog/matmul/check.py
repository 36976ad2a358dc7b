"""Freivalds' check of a product modulo 2^64.

Source: R. Freivalds, "Probabilistic machines can use less running time" (1977).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, cast

import numpy as np

from pekanu.catalog.framing import IntegerArray, Value
from pekanu.catalog.matmul.native import multiply
from pekanu.catalog.verdict import RandomBytes, Verdict, accept, refuse

#: Each halves the error at least; one more than 64 brings it below 2^-64.
ROUNDS: Final = 65
#: Bounds the memory for columns; long ones are drawn in several goes.
_MOST_ELEMENTS: Final = 1 << 23


def check(values: Sequence[Value], output: Value, rng: RandomBytes) -> Verdict:
    """Return whether the output is A @ B modulo 2^64, with error at most 2^-65.

    Let D = C - A·B modulo 2^64 be non-zero, with d a row of it whose entry d_j is not 0 modulo
    2^64, and r a random column of zeros and ones. Fix all entries of r but r_j: then d·r takes
    two values that differ by d_j, so at most one of r_j = 0 and r_j = 1 gives 0, and the round
    misses D with probability at most 1/2. This needs no inverse, hence holds for d_j = 2^63,
    which one round misses exactly half the time. The 65 columns are independent.

    Args:
        values: A and B.
        output: The claimed C; any value.
        rng: Randomness drawn after C was fixed.
    """
    a, b = cast("list[IntegerArray]", values)
    shape = (a.shape[0], b.shape[1])
    if isinstance(output, bytes) or output.dtype != np.int64 or output.shape != shape:
        return refuse(f"the output is no int64 matrix of shape {shape}")
    if output.size == 0:
        return accept("the product has no elements")
    at_once = max(1, min(ROUNDS, _MOST_ELEMENTS // max(*a.shape, *b.shape)))
    for start in range(0, ROUNDS, at_once):
        columns = _draw_bits(shape[1], min(at_once, ROUNDS - start), rng)
        if not np.array_equal(multiply(output, columns), multiply(a, multiply(b, columns))):
            return refuse("the output is not the product: C·R differs from A·(B·R)")
    return accept(
        f"C·R equals A·(B·R) modulo 2^64 for {ROUNDS} random columns R",
        Fraction(1, 1 << ROUNDS),
    )


def _draw_bits(rows: int, columns: int, rng: RandomBytes) -> IntegerArray:
    count = rows * columns
    drawn = np.frombuffer(rng((count + 7) // 8), dtype=np.uint8)
    return np.unpackbits(drawn, count=count).reshape(rows, columns)
