"""The residual of a claimed solution, then the elimination again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pekanu.catalog.framing import Value
from pekanu.catalog.linsolve.native import execute, get_system, multiply_vector
from pekanu.catalog.linsolve.show import HEADER, NO_SOLUTION, SOLVED
from pekanu.catalog.verdict import RandomBytes, Verdict, accept, refuse


def check(values: Sequence[Value], output: Value, _rng: RandomBytes) -> Verdict:
    """Return whether the output is the system's canonical solution, without error.

    The residual refuses most wrong solutions at once. Rank, determinant, unsolvability and
    which variables are free have no check much cheaper than elimination, so that is repeated.

    Args:
        values: A, b and p.
        output: The claimed solution; any value.
    """
    a, b, p = get_system(values)
    if isinstance(output, bytes) or output.dtype != np.uint64 or output.ndim != 1:
        return refuse("the output is no list of uint64")
    if len(output) < HEADER or output[0] not in (NO_SOLUTION, SOLVED):
        return refuse("the output does not say whether there is a solution")
    if output[0] == SOLVED:
        x = output[HEADER:].astype(np.uint64)
        if len(x) != a.shape[1] or np.any(x >= p):
            return refuse(f"the solution is no list of {a.shape[1]} elements of the field")
        if not np.array_equal(multiply_vector(a, x, p), b):
            return refuse("A x differs from b")
    expected = execute(values, lambda _share: None)
    if not np.array_equal(output, expected):
        return refuse("rank, determinant or free variables differ from those computed here")
    return accept("A x equals b; rank, determinant and free variables were computed again")
