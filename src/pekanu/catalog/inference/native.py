"""The network in integers, by matrix products of doubles, which are exact for such small numbers.

What is not here: its training, which `guests/train_digits.py` does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from pekanu.catalog.framing import IntegerArray, Value, get_array_size
from pekanu.catalog.function import Progress
from pekanu.errors import InvalidInput

Doubles: TypeAlias = npt.NDArray[np.float64]
Scores: TypeAlias = npt.NDArray[np.int32]

SIDE: Final = 8
PIXELS: Final = SIDE * SIDE
BRIGHTEST: Final = 16
DIGITS: Final = 10
#: Images at once.
_STRETCH: Final = 4096
#: What the guest takes for a product, for an output of a layer, and for an image beside.
_STEPS_PER_PRODUCT: Final = 4
_STEPS_PER_OUTPUT: Final = 16
_STEPS_PER_IMAGE: Final = 6850


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """Outputs are (weights · inputs + biases) >> shift, cut to 0 … 127; the last layer's sums."""

    #: A row an input.
    weights: Doubles
    biases: Doubles
    shift: int | None


@cache
def load_layers() -> tuple[Layer, ...]:
    """Return the network."""
    path = resources.files(__package__ or "") / "weights.json"
    document: dict[str, Any] = json.loads(path.read_text())
    return tuple(
        Layer(
            weights=np.array(layer["weights"], dtype=np.float64).T.copy(),
            biases=np.array(layer["biases"], dtype=np.float64),
            shift=layer["shift"],
        )
        for layer in document["layers"]
    )


def validate(values: Sequence[Value]) -> None:
    """Refuse images of another size or with other shades."""
    images = cast("IntegerArray", values[0])
    if images.shape[1:] not in ((PIXELS,), (SIDE, SIDE)):
        raise InvalidInput(
            f"input images: shape {images.shape} is neither (n, {PIXELS}) nor (n, {SIDE}, {SIDE})"
        )
    if images.size and (images.min() < 0 or images.max() > BRIGHTEST):
        raise InvalidInput(
            f"input images: shades from {images.min()} to {images.max()} are not within 0 and "
            f"{BRIGHTEST}",
            hint="scale them: 0 is paper, 16 is ink",
        )


def execute(values: Sequence[Value], progress: Progress) -> Value:
    """Return the scores of each image."""
    images = get_images(values)
    scores = np.empty((len(images), DIGITS), dtype=np.int32)
    for start in range(0, len(images), _STRETCH):
        stop = min(len(images), start + _STRETCH)
        scores[start:stop] = classify(images[start:stop])
        progress(stop / len(images))
    return scores


def estimate_steps(values: Sequence[Value]) -> int:
    """Return the manifest's model."""
    layers = load_layers()
    products = sum(layer.weights.size for layer in layers)
    outputs = sum(len(layer.biases) for layer in layers)
    image = _STEPS_PER_PRODUCT * products + _STEPS_PER_OUTPUT * outputs + _STEPS_PER_IMAGE
    return image * len(get_images(values)) + 600


def estimate_output_size(values: Sequence[Value]) -> int:
    """Return the output's exact size."""
    return get_array_size((len(cast("IntegerArray", values[0])), DIGITS), 4)


def get_images(values: Sequence[Value]) -> IntegerArray:
    """Return the images as an array of shape (n, 64)."""
    images = cast("IntegerArray", values[0])
    return cast("IntegerArray", images.reshape(len(images), PIXELS))


def classify(images: IntegerArray) -> Scores:
    """Return the scores of images of shape (n, 64).

    Sums of products stay below 96 · 127 · 128 < 2^21, where doubles are exact in any order.
    """
    values = images.astype(np.float64)
    for layer in load_layers():
        values = values @ layer.weights + layer.biases
        if layer.shift is not None:
            values = np.clip(np.floor(values / (1 << layer.shift)), 0, 127)
    return values.astype(np.int32)
