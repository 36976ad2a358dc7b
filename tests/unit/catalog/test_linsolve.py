"""Linear systems over prime fields, against elimination by Python's integers."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pekanu import catalog
from pekanu.catalog.field import M61, add, multiply, multiply_m61, subtract
from pekanu.catalog.framing import encode_value
from pekanu.errors import InvalidInput

Rng = Callable[[int], bytes]

PRIMES = [2, 3, 5, 101, (1 << 31) - 1, M61]


def solve(a: list[list[int]], b: list[int], columns: int, p: int) -> list[int]:
    """Return the output by reduction to the row echelon form with cleared columns."""
    rows = [[item % p for item in [*row, right]] for row, right in zip(a, b, strict=True)]
    pivots: list[int] = []
    determinant = 1
    for column in range(columns):
        rank = len(pivots)
        found = next((i for i in range(rank, len(rows)) if rows[i][column]), None)
        if found is None:
            determinant = 0
            continue
        if found != rank:
            rows[rank], rows[found] = rows[found], rows[rank]
            determinant = -determinant
        determinant = determinant * rows[rank][column] % p
        inverse = pow(rows[rank][column], -1, p)
        rows[rank] = [item * inverse % p for item in rows[rank]]
        for i, row in enumerate(rows):
            if i != rank:
                factor = row[column]
                rows[i] = [(x - factor * y) % p for x, y in zip(row, rows[rank], strict=True)]
        pivots.append(column)
    if len(rows) != columns:
        determinant = 0
    if any(row[-1] for row in rows[len(pivots) :]):
        return [0, len(pivots), determinant % p]
    x = [0] * columns
    for row, column in zip(rows, pivots, strict=False):
        x[column] = row[-1]
    return [1, len(pivots), determinant % p, *x]


@st.composite
def systems(draw: st.DrawFn) -> tuple[list[list[int]], list[int], int, int]:
    p = draw(st.sampled_from(PRIMES))
    rows, columns = draw(st.integers(0, 5)), draw(st.integers(1, 5))
    # Small elements make singular systems likely; edges and large ones come beside them.
    element = st.one_of(
        st.integers(-2, 2),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.sampled_from([p - 1, p, -(1 << 63)]),
    )
    a = [[draw(element) for _ in range(columns)] for _ in range(rows)]
    b = [draw(element) for _ in range(rows)]
    if rows > 1 and draw(st.booleans()):
        a[-1], b[-1] = a[0], b[0] + draw(st.integers(0, 1))
        b[-1] = min(b[-1], (1 << 63) - 1)
    return a, b, columns, p


@settings(max_examples=300, deadline=None)
@given(systems())
def test_execute__when_given_a_system__then_equals_the_oracle_and_passes_its_check(
    system: tuple[list[list[int]], list[int], int, int],
) -> None:
    a, b, columns, p = system
    linsolve = catalog.get("linsolve")
    matrix = np.array(a, dtype=np.int64).reshape(len(a), columns)
    data = linsolve.parse_inputs({"a": matrix, "b": np.array(b, dtype=np.int64), "p": p})
    output = linsolve.execute(data)
    assert output == encode_value(np.array(solve(a, b, columns, p), dtype=np.uint64))
    verdict = linsolve.check(data, output, bytes)
    assert verdict is not None
    assert verdict.ok
    assert verdict.error_probability == 0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([[2, 1], [1, 3]], [3, 5], [1, 2, 5, 21, 62]),
        ([[1, 2], [2, 4]], [3, 6], [1, 1, 0, 3, 0]),
        ([[1, 2], [2, 4]], [3, 7], [0, 1, 0]),
        ([[0, 1], [1, 0]], [4, 9], [1, 2, 100, 9, 4]),
        ([[0, 0, 5]], [10], [1, 1, 0, 0, 0, 2]),
        ([[1], [2]], [3, 6], [1, 1, 0, 3]),
        ([[0]], [0], [1, 0, 0, 0]),
        ([[0]], [1], [0, 0, 0]),
        ([[102, -99], [1, 3]], [[3], [5]], [1, 2, 1, 100, 2]),
    ],
)
def test_execute__when_known__then_gives_solvable_rank_determinant_and_solution(
    a: list[list[int]], b: list[int], expected: list[int]
) -> None:
    linsolve = catalog.get("linsolve")
    output = linsolve.execute(linsolve.parse_inputs({"a": a, "b": b, "p": 101}))
    assert output == encode_value(np.array(expected, dtype=np.uint64))


@pytest.mark.parametrize(
    "lie",
    [
        [1, 1, 0, 3, 1],
        [1, 1, 0, 2, 0],
        [1, 1, 0, 1, 1],  # solves the system, but its free variable is not zero
        [1, 2, 0, 3, 0],
        [1, 1, 7, 3, 0],
        [0, 1, 0],
        [2, 1, 0, 3, 0],
        [1, 1, 0, 104, 0],
        [1, 1, 0, 3],
        [1, 1, 0, 3, 0, 0],
        [1],
    ],
)
def test_check__when_the_lie_is_structured__then_refuses(lie: list[int], rng: Rng) -> None:
    linsolve = catalog.get("linsolve")
    data = linsolve.parse_inputs({"a": [[1, 2], [2, 4]], "b": [3, 6], "p": 101})
    right = linsolve.check(data, encode_value(np.array([1, 1, 0, 3, 0], dtype=np.uint64)), rng)
    assert right is not None
    assert right.ok
    verdict = linsolve.check(data, encode_value(np.array(lie, dtype=np.uint64)), rng)
    assert verdict is not None
    assert not verdict.ok


@pytest.mark.parametrize("p", [0, 1, 4, 2147483649, 2147483659, (1 << 61) - 3, (1 << 62), -7])
def test_parse_inputs__when_the_modulus_is_no_such_prime__then_refuses(p: int) -> None:
    with pytest.raises(InvalidInput, match="input p"):
        catalog.get("linsolve").parse_inputs({"a": [[1]], "b": [1], "p": p})


@pytest.mark.parametrize("b", [[1, 2, 3], [[1, 2]], [[1, 2], [3, 4]], [1]])
def test_parse_inputs__when_the_right_side_does_not_fit__then_refuses(b: list) -> None:
    with pytest.raises(InvalidInput, match="input b: shape"):
        catalog.get("linsolve").parse_inputs({"a": [[1, 2], [3, 4]], "b": b})


def test_execute__when_entries_are_uint64__then_reduces_them_unsigned() -> None:
    linsolve = catalog.get("linsolve")
    top = (1 << 64) - 1
    output = linsolve.execute(
        linsolve.parse_inputs({"a": np.array([[1]], np.uint64), "b": np.array([top], np.uint64)})
    )
    assert output == encode_value(np.array([1, 1, 1, top % M61], dtype=np.uint64))


elements = st.one_of(st.integers(0, M61 - 1), st.sampled_from([0, 1, M61 - 1, (1 << 32) - 1]))


@settings(max_examples=500, deadline=None)
@given(elements, elements)
def test_multiply__when_modulo_m61__then_equals_python(a: int, b: int) -> None:
    x, y, p = np.uint64(a), np.uint64(b), np.uint64(M61)
    assert int(multiply_m61(x, y)) == a * b % M61
    assert int(multiply(x, y, p)) == a * b % M61
    assert int(add(x, y, p)) == (a + b) % M61
    assert int(subtract(x, y, p)) == (a - b) % M61
