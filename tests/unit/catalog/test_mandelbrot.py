"""Tiles of the Mandelbrot set, against the definition in Python's integers."""

import random
from collections.abc import Callable
from decimal import Decimal
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pekanu import catalog
from pekanu.catalog.framing import encode_value
from pekanu.errors import InvalidInput

Rng = Callable[[int], bytes]


def count_iterations(x: int, y: int, most: int) -> int:
    real = imaginary = 0
    for count in range(most):
        if (real * real >> 28) + (imaginary * imaginary >> 28) > 4 << 28:
            return count
        real, imaginary = (
            (real * real >> 28) - (imaginary * imaginary >> 28) + x,
            (real * imaginary >> 27) + y,
        )
        assert abs(real) < 1 << 32
        assert abs(imaginary) < 1 << 32
    return most


def draw(tile: dict[str, object]) -> np.ndarray:
    """Return the picture that the manifest's description defines."""
    x, y, span = (
        floor(Decimal(str(tile[name])) * (1 << 28)) for name in ("center_x", "center_y", "span")
    )
    width, height, most = (int(str(tile[name])) for name in ("width", "height", "max_iterations"))
    step = span // width
    return np.array(
        [
            [
                count_iterations(
                    x + ((2 * i + 1 - width) * step >> 1),
                    y - ((2 * j + 1 - height) * step >> 1),
                    most,
                )
                for i in range(width)
            ]
            for j in range(height)
        ],
        dtype=np.uint16,
    )


@pytest.mark.parametrize(
    "tile",
    [
        ("-0.75", "0", "3", 16, 12, 60),
        ("-0.743643887", "0.131825904", "0.0001", 9, 7, 300),
        ("0", "0", "8", 8, 8, 5),
        ("0.25", "0.5", "1", 1, 1, 65535),
        ("-4", "4", "0.0001", 3, 3, 9),
    ],
)
def test_execute__when_given_a_tile__then_equals_the_definition(tile: tuple, rng: Rng) -> None:
    mandelbrot = catalog.get("mandelbrot")
    names = [spec.name for spec in mandelbrot.inputs]
    named = dict(zip(names, tile, strict=True))
    if tile[0] == "-4":
        named |= {"center_x": "-3.99", "center_y": "3.99"}
    data = mandelbrot.parse_inputs(named)
    output = mandelbrot.execute(data)
    assert output == encode_value(draw(named))
    verdict = mandelbrot.check(data, output, rng)
    assert verdict is not None
    assert verdict.ok
    assert verdict.error_probability == 0


@settings(max_examples=40, deadline=None)
@given(
    st.decimals(-2, 2, places=9),
    st.decimals(-2, 2, places=9),
    st.decimals("0.000001", 2, places=6),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 80),
)
def test_execute__when_given_any_tile__then_equals_the_definition(
    x: Decimal, y: Decimal, span: Decimal, width: int, height: int, most: int
) -> None:
    named: dict[str, object] = {
        "center_x": str(x),
        "center_y": str(y),
        "span": str(span),
        "width": width,
        "height": height,
        "max_iterations": most,
    }
    mandelbrot = catalog.get("mandelbrot")
    try:
        data = mandelbrot.parse_inputs(named)
    except InvalidInput as error:
        assert "reaches beyond" in error.message  # noqa: PT017
        return
    assert mandelbrot.execute(data) == encode_value(draw(named))


def test_parse_inputs__when_given_nothing__then_takes_the_whole_set() -> None:
    mandelbrot = catalog.get("mandelbrot")
    data = mandelbrot.parse_inputs({})
    assert mandelbrot.estimate_output_size(data) == 16 + 2 * 640 * 480
    assert data == mandelbrot.parse_inputs({"center_x": -0.75, "span": 3, "width": "640"})


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({"span": "0"}, "too small"),
        ({"span": "0.000001", "width": 8192}, "too small"),
        ({"span": 8, "width": 10, "height": 11}, "beyond 4"),
        ({"center_x": 3, "span": 3}, "beyond 4"),
        ({"center_x": "5"}, "5 is not between -4 and 4"),
        ({"span": "-1"}, "-1 is not between 0 and 8"),
        ({"span": "nan"}, "out of range"),
        ({"span": "1e999999999"}, "out of range"),
        ({"span": "1e-999999999"}, "more than 60 decimal places"),
        ({"span": "many"}, "'many' is not a number"),
        ({"span": [1]}, "list .* stands where a number belongs"),
        ({"width": 0}, "0 is not between 1 and 8192"),
        ({"width": 1.5}, "float 1.5 stands where an integer belongs"),
        ({"width": "1.5"}, "str '1.5' stands where an integer belongs"),
        ({"max_iterations": 65536}, "65536 is not between 1 and 65535"),
        ({"width": 8192, "height": 8192, "span": 1}, "the output would take"),
    ],
)
def test_parse_inputs__when_the_tile_cannot_be__then_refuses(
    named: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        catalog.get("mandelbrot").parse_inputs(named)


def test_check__when_one_pixel_in_a_hundred_is_wrong__then_refuses(rng: Rng) -> None:
    mandelbrot = catalog.get("mandelbrot")
    data = mandelbrot.parse_inputs({"width": 300, "height": 200, "max_iterations": 50})
    right = mandelbrot.decode_output(mandelbrot.execute(data))
    assert isinstance(right, np.ndarray)
    generator = random.Random(4)
    for _ in range(20):
        wrong = right.copy()
        for pixel in generator.sample(range(wrong.size), wrong.size // 100):
            wrong.flat[pixel] += 1
        verdict = mandelbrot.check(data, encode_value(wrong), rng)
        assert verdict is not None
        assert not verdict.ok
    verdict = mandelbrot.check(data, encode_value(right), rng)
    assert verdict is not None
    assert verdict.ok
    assert float(verdict.error_probability) == pytest.approx(1 - 4096 / 60000)


def test_check__when_one_pixel_is_wrong__then_is_missed_as_often_as_stated(rng: Rng) -> None:
    mandelbrot = catalog.get("mandelbrot")
    data = mandelbrot.parse_inputs({"width": 128, "height": 64, "max_iterations": 20})
    right = mandelbrot.decode_output(mandelbrot.execute(data))
    assert isinstance(right, np.ndarray)
    wrong = right.copy()
    wrong[5, 7] += 1
    verdicts = [mandelbrot.check(data, encode_value(wrong), rng) for _ in range(100)]
    missed = sum(verdict is not None and verdict.ok for verdict in verdicts)
    assert 30 < missed < 70  # half the pixels are drawn: mean 50, standard deviation 5


def test_check__when_another_tile_is_given__then_refuses(rng: Rng) -> None:
    mandelbrot = catalog.get("mandelbrot")
    data = mandelbrot.parse_inputs({"width": 20, "height": 10})
    other = mandelbrot.execute(mandelbrot.parse_inputs({"width": 10, "height": 20}))
    moved = mandelbrot.execute(mandelbrot.parse_inputs({"width": 20, "height": 10, "span": "2"}))
    for lie in (other, moved):
        verdict = mandelbrot.check(data, lie, rng)
        assert verdict is not None
        assert not verdict.ok
