"""Products modulo 2^64, and Freivalds' check of them."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pekanu import catalog
from pekanu.catalog.framing import encode_value
from pekanu.catalog.matmul.check import ROUNDS, check
from pekanu.catalog.matmul.native import get_digit_width, multiply
from pekanu.errors import InvalidInput

Rng = Callable[[int], bytes]

DTYPES = [np.dtype(f"<{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]
EDGES = [-(1 << 63), (1 << 63) - 1, -1, 0, 1, 1 << 62, -(1 << 62), (1 << 31) - 1, 1 << 26]


def multiply_exactly(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the product by Python's integers, wrapped to int64."""
    rows, columns = a.tolist(), b.T.tolist()
    product = [
        [sum(x * y for x, y in zip(row, column, strict=True)) for column in columns] for row in rows
    ]
    wrapped = [[(item + (1 << 63)) % (1 << 64) - (1 << 63) for item in row] for row in product]
    return np.array(wrapped, dtype=np.int64).reshape(len(a), b.shape[1])


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    m, k, n = (draw(st.integers(0, 6)) for _ in range(3))
    made = []
    for shape in ((m, k), (k, n)):
        dtype = draw(st.sampled_from(DTYPES))
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        edges = [edge for edge in EDGES if low <= edge <= high]
        elements = st.one_of(
            st.sampled_from(edges), st.integers(int(low), int(high)), st.just(int(high))
        )
        made.append(draw(npst.arrays(dtype, shape, elements=elements)))
    return made[0], made[1]


@settings(max_examples=300, deadline=None)
@given(pairs())
def test_multiply__when_any_types_and_shapes__then_equals_python_and_numpy(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    a, b = pair
    product = multiply(a, b)
    assert product.dtype == np.int64
    assert np.array_equal(product, multiply_exactly(a, b))
    assert np.array_equal(product, a.astype(np.int64) @ b.astype(np.int64))


@pytest.mark.parametrize(
    "shapes", [((1, 1), (1, 1)), ((7, 3), (3, 5)), ((500, 500), (500, 500)), ((3, 2000), (2000, 2))]
)
@pytest.mark.parametrize("bits", [3, 20, 40, 63])
def test_execute__when_given_these_shapes__then_equals_numpy_and_passes_its_check(
    shapes: tuple[tuple[int, int], tuple[int, int]], bits: int, rng: Rng
) -> None:
    generator = np.random.default_rng(bits)
    a, b = (generator.integers(-(1 << bits), (1 << bits) - 1, shape) for shape in shapes)
    matmul = catalog.get("matmul")
    data = matmul.parse_inputs({"a": a, "b": b})
    output = matmul.execute(data)
    assert np.array_equal(matmul.decode_output(output), a @ b)
    assert len(output) == matmul.estimate_output_size(data)
    verdict = matmul.check(data, output, rng)
    assert verdict is not None
    assert verdict.ok
    assert 0 < verdict.error_probability * (1 << 64) < 1


@pytest.mark.parametrize("inner", [1, 2, 3, 500, 512, 513, 1 << 20, (1 << 23) + 1])
def test_get_digit_width__when_sums_are_extreme__then_stay_exact(inner: int) -> None:
    width = get_digit_width(inner)
    assert inner * (1 << (width - 1)) ** 2 <= 1 << 53
    assert width >= 15


@pytest.mark.parametrize(
    ("m", "k", "n"), [(1100, 3, 2), (2, 9000, 3), (3, 2, 2500), (600, 5000, 1100)]
)
def test_multiply__when_larger_than_a_tile__then_equals_numpy(m: int, k: int, n: int) -> None:
    generator = np.random.default_rng(m)
    a = generator.integers(-100, 100, (m, k), dtype=np.int8)
    b = generator.integers(-(1 << 20), 1 << 20, (k, n))
    shares: list[float] = []
    # Sums stay below 2^53, so that the oracle may be a product of doubles.
    expected = (a.astype(float) @ b.astype(float)).astype(np.int64)
    assert np.array_equal(multiply(a, b, shares.append), expected)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_multiply__when_all_elements_are_the_least__then_wraps_exactly() -> None:
    a = np.full((9, 700), -(1 << 63), dtype=np.int64)
    b = np.full((700, 4), (1 << 64) - 1, dtype=np.uint64)
    assert np.array_equal(multiply(a, b), a @ b.astype(np.int64))


@pytest.mark.parametrize("error", [1, -1, 1 << 32, 1 << 62, -(1 << 63)])
def test_check__when_one_entry_is_off__then_refuses(error: int, rng: Rng) -> None:
    generator = np.random.default_rng(1)
    a, b = (generator.integers(-(1 << 63), (1 << 63) - 1, (40, 40)) for _ in range(2))
    wrong = a @ b
    wrong[17, 31] += np.int64(error)
    for _ in range(50):
        assert not check([a, b], wrong, rng).ok


def test_check__when_off_by_two_to_the_63__then_one_column_misses_half_the_time() -> None:
    """Show why one round is not enough, and that each column is an independent chance."""
    generator = random.Random(63)
    a = b = np.eye(8, dtype=np.int64)
    wrong = np.eye(8, dtype=np.int64)
    wrong[3, 4] ^= -(1 << 63)
    missed = 0
    for _ in range(400):
        drawn: list[bytes] = []

        def record(size: int, drawn: list[bytes] = drawn) -> bytes:
            drawn.append(generator.randbytes(size))
            return drawn[-1]

        assert not check([a, b], wrong, record).ok
        bits = np.unpackbits(np.frombuffer(drawn[0], dtype=np.uint8), count=8 * ROUNDS)
        missed += int(bits.reshape(8, ROUNDS)[4, 0] == 0)
    assert 160 < missed < 240  # 400 fair coins: mean 200, standard deviation 10


def test_check__when_columns_are_drawn_in_several_goes__then_still_refuses_the_half_chance(
    rng: Rng, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pekanu.catalog.matmul.check._MOST_ELEMENTS", 60)
    a = b = np.eye(8, dtype=np.int64)
    wrong = np.eye(8, dtype=np.int64)
    wrong[3, 4] ^= -(1 << 63)
    assert check([a, b], a, rng).ok
    assert not any(check([a, b], wrong, rng).ok for _ in range(50))


@pytest.mark.parametrize("seed", range(5))
def test_check__when_the_lie_is_structured__then_refuses(seed: int, rng: Rng) -> None:
    generator = np.random.default_rng(seed)
    a, b = (generator.integers(-(1 << 63), (1 << 63) - 1, (20, 20)) for _ in range(2))
    right = a @ b
    swapped = right.copy()
    swapped[[3, 4]] = swapped[[4, 3]]
    cancelling = right.copy()
    cancelling[2, 5] += 1
    cancelling[2, 6] -= 1
    for lie in (b @ a, right.T, right + 1, np.zeros_like(right), swapped, cancelling, -right):
        assert not check([a, b], lie, rng).ok
    assert not check([a, b], right.astype(np.uint64), rng).ok
    assert not check([a, b], right[:19], rng).ok
    assert check([a, b], right, rng).ok


@pytest.mark.parametrize(
    ("left", "right"), [((0, 0), (0, 0)), ((3, 0), (0, 5)), ((0, 4), (4, 2)), ((2, 4), (4, 0))]
)
def test_execute__when_a_dimension_is_empty__then_does_as_numpy(
    left: tuple[int, int], right: tuple[int, int], rng: Rng
) -> None:
    a, b = np.ones(left, dtype=np.int64), np.ones(right, dtype=np.int64)
    matmul = catalog.get("matmul")
    data = matmul.parse_inputs({"a": a, "b": b})
    output = matmul.execute(data)
    assert output == encode_value(a @ b)
    verdict = matmul.check(data, output, rng)
    assert verdict is not None
    assert verdict.ok


def test_parse_inputs__when_shapes_do_not_fit__then_refuses() -> None:
    with pytest.raises(InvalidInput, match=r"shapes \(1, 2\) and \(1, 2\) cannot be multiplied"):
        catalog.get("matmul").parse_inputs({"a": [[1, 2]], "b": [[1, 2]]})


def test_parse_inputs__when_the_product_is_larger_than_the_region__then_refuses() -> None:
    column, row = np.ones((5000, 1), dtype=np.int8), np.ones((1, 5000), dtype=np.int8)
    with pytest.raises(InvalidInput, match="the output would take 200000016 bytes"):
        catalog.get("matmul").parse_inputs({"a": column, "b": row})
