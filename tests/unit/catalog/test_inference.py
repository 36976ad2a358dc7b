"""Digits read by the network: on images it never saw, and against the definition in integers."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pekanu import catalog
from pekanu.catalog.framing import encode_value
from pekanu.errors import InvalidInput

Rng = Callable[[int], bytes]
ROOT = Path(__file__).parents[3]
WEIGHTS = json.loads((ROOT / "src/pekanu/catalog/inference/weights.json").read_text())
HELD_OUT = json.loads((ROOT / "tests/vectors/digits.json").read_text())


def load_held_out() -> np.ndarray:
    shades = "0123456789abcdefg"
    rows = [[shades.index(character) for character in row] for row in HELD_OUT["images"]]
    return np.array(rows, dtype=np.uint8)


def classify(image: list[int]) -> list[int]:
    """Return the scores that the manifest's description defines."""
    values = image
    for layer in WEIGHTS["layers"]:
        sums = [
            sum(weight * value for weight, value in zip(row, values, strict=True)) + bias
            for row, bias in zip(layer["weights"], layer["biases"], strict=True)
        ]
        if layer["shift"] is None:
            return sums
        values = [min(127, max(0, total >> layer["shift"])) for total in sums]
    raise AssertionError


def test_weights__of_program_and_twin__then_the_same_and_of_8_bits() -> None:
    header = (ROOT / "guests/digits-weights.h").read_text()
    for number, layer in enumerate(WEIGHTS["layers"]):
        for name, numbers in (
            ("weights", sum(layer["weights"], [])),  # noqa: RUF017 - three rows of numbers
            ("biases", layer["biases"]),
        ):
            text = header.split(f" {name}_{number}[")[1].split("{")[1].split("}")[0]
            assert list(map(int, re.findall(r"-?\d+", text))) == numbers
        assert all(-128 <= weight <= 127 for row in layer["weights"] for weight in row)
        if layer["shift"] is not None:
            assert f"#define SHIFT_{number} {layer['shift']}\n" in header


def test_execute__of_images_never_trained_on__then_as_often_right_as_stated() -> None:
    inference = catalog.get("inference")
    output = inference.execute(inference.parse_inputs({"images": load_held_out()}))
    predictions: Any = inference.decode_output(output)
    labels = np.array(list(map(int, HELD_OUT["labels"])))
    right = int((predictions["digits"] == labels).sum())
    assert (right, len(labels)) == (WEIGHTS["right"], WEIGHTS["held_out"])
    stated = str(inference.manifest.document["description"])
    assert f"of {len(labels)} images that it was not trained on it reads {right} right" in stated


def test_execute__of_any_image__then_the_definition() -> None:
    inference, generator = catalog.get("inference"), random.Random(3)
    images = [
        [generator.choice((0, 16, generator.randrange(17))) for _ in range(64)] for _ in "abc"
    ]
    images += [[0] * 64, [16] * 64]
    output = inference.execute(inference.parse_inputs({"images": images}))
    expected = np.array([classify(image) for image in images], dtype=np.int32)
    assert output == encode_value(expected)
    squares = np.array(images, dtype=np.uint16).reshape(-1, 8, 8)
    assert inference.execute(inference.parse_inputs({"images": squares})) == output


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (np.zeros((3, 63), np.uint8), r"\(3, 63\) is neither"),
        (np.zeros((3, 4, 16), np.uint8), "is neither"),
        (np.full((1, 64), 255, np.uint8), "shades from 255 to 255 are not within 0 and 16"),
        (np.full((1, 64), -1, np.int8), "shades from -1"),
        (np.zeros((1, 64)), "float64"),
        (np.zeros(64, np.uint8), "dimensions"),
    ],
)
def test_parse_inputs__of_no_digits__is_refused(images: np.ndarray, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        catalog.get("inference").parse_inputs({"images": images})


def test_check__of_many_images__then_finds_one_in_a_hundred_wrong(rng: Rng) -> None:
    inference = catalog.get("inference")
    images = np.random.default_rng(5).integers(0, 17, (30_000, 64), dtype=np.uint8)
    data = inference.parse_inputs({"images": images})
    right = np.frombuffer(inference.execute(data), dtype=np.int32, offset=16).reshape(-1, 10)
    verdict = inference.check(data, encode_value(right), rng)
    assert verdict is not None
    assert verdict.ok
    assert verdict.error_probability == 1 - Fraction(2048, 30_000)
    for start in range(10):
        wrong = right.copy()
        wrong[start::100, 3] += 1
        refusal = inference.check(data, encode_value(wrong), rng)
        assert refusal is not None
        assert not refusal.ok


def test_show__of_scores__then_a_row_an_image_with_the_next_likely_digit() -> None:
    scores = np.zeros((2, 10), dtype=np.int32)
    scores[0, 7], scores[0, 1], scores[1, 4] = 900, 80, -5
    predictions, digits = catalog.get("inference").show(encode_value(scores))
    assert predictions.rows == (("0", "7", "900", "1", "80"), ("1", "0", "0", "1", "0"))
    assert digits.rows[7] == ("7", "1")
