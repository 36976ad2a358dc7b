"""Train the network of `inference` and write its int8 weights, for the program and its twin.

Run by hand, with scikit-learn installed: ``python guests/train_digits.py``. It needs nothing else
of the product, and the product nothing of it: what it writes is kept, since the program's id
depends on it. The images are those that scikit-learn ships: E. Alpaydin and C. Kaynak,
"Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998 (CC BY 4.0).
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

ROOT: Final = Path(__file__).resolve().parents[1]
HEADER: Final = ROOT / "guests" / "digits-weights.h"
TWIN: Final = ROOT / "src" / "pekanu" / "catalog" / "inference" / "weights.json"
HELD_OUT: Final = ROOT / "tests" / "vectors" / "digits.json"

SIDE: Final = 8
BRIGHTEST: Final = 16
HELD_OUT_IMAGES: Final = 450
HIDDEN: Final = (96, 48)
SEED: Final = 1998
#: Above all but so many in a thousand of a hidden layer's values; those are cut off.
CUT: Final = 0.999
#: An image's pixels as one character each.
SHADES: Final = "0123456789abcdefg"


class Layer(NamedTuple):
    """A layer in integers: values are (weights · inputs + biases) >> shift, cut to 0 … 127."""

    weights: Any
    biases: Any
    #: None for the last layer, whose sums are the scores.
    shift: int | None


def shift_images(images: Any, labels: Any) -> tuple[Any, Any]:
    """Return the images and copies that are moved by a pixel each way."""
    grids = images.reshape(-1, SIDE, SIDE)
    moves = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
    framed = np.pad(grids, ((0, 0), (1, 1), (1, 1)))
    moved = [framed[:, 1 + r : 9 + r, 1 + c : 9 + c].reshape(len(images), -1) for r, c in moves]
    return np.concatenate(moved), np.tile(labels, len(moves))


def quantize(network: Any, images: Any) -> list[Layer]:
    """Return the layers in integers; images say how large the hidden values become."""
    layers = []
    values = images / BRIGHTEST
    scale = float(BRIGHTEST)
    last = len(network.coefs_) - 1
    for number, (coefficients, intercepts) in enumerate(
        zip(network.coefs_, network.intercepts_, strict=True)
    ):
        weight_scale = 127 / np.abs(coefficients).max()
        weights = np.rint(coefficients.T * weight_scale).astype(np.int64)
        biases = np.rint(intercepts * weight_scale * scale).astype(np.int64)
        values = values @ coefficients + intercepts
        shift = None
        if number < last:
            values = np.maximum(values, 0)
            largest = np.quantile(values, CUT) * weight_scale * scale
            shift = max(0, int(np.ceil(np.log2(largest / 127))))
            # Half of what is shifted out rounds to the nearest.
            biases += (1 << shift) >> 1
            scale = scale * weight_scale / (1 << shift)
        layers.append(Layer(weights, biases, shift))
    return layers


def score(layers: list[Layer], images: Any) -> Any:
    """Return the scores of each digit, by the integers alone."""
    values = images.astype(np.int64)
    for layer in layers:
        values = values @ layer.weights.T + layer.biases
        if layer.shift is not None:
            values = np.clip(values >> layer.shift, 0, 127)
    return values


def format_array(kind: str, name: str, numbers: Any) -> str:
    """Return a C array."""
    flat = numbers.reshape(-1).tolist()
    rows = [
        "    " + " ".join(f"{number}," for number in flat[start : start + 16])
        for start in range(0, len(flat), 16)
    ]
    return f"static const {kind} {name}[{len(flat)}] = {{\n" + "\n".join(rows) + "\n};\n"


def format_header(layers: list[Layer]) -> str:
    """Return the program's header."""
    parts = [
        "/* Written by train_digits.py: a layer's weights by output, its biases and shift. */\n"
    ]
    parts.append("#include <stdint.h>\n")
    for number, layer in enumerate(layers):
        outputs, inputs = layer.weights.shape
        parts.append(f"#define INPUTS_{number} {inputs}\n#define OUTPUTS_{number} {outputs}\n")
        if layer.shift is not None:
            parts.append(f"#define SHIFT_{number} {layer.shift}\n")
        parts.append(format_array("int8_t", f"weights_{number}", layer.weights))
        parts.append(format_array("int32_t", f"biases_{number}", layer.biases))
    return "\n".join(parts)


def write() -> None:
    """Train, measure on the images that were held out, and write all files."""
    images, labels = load_digits(return_X_y=True)
    kept, held, kept_labels, held_labels = train_test_split(
        images, labels, test_size=HELD_OUT_IMAGES, stratify=labels, random_state=SEED
    )
    training, training_labels = shift_images(kept, kept_labels)
    network = MLPClassifier(HIDDEN, alpha=0.1, max_iter=60, random_state=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(training / BRIGHTEST, training_labels)
    layers = quantize(network, training)
    right = int((score(layers, held).argmax(axis=1) == held_labels).sum())
    right_in_floats = int((network.predict(held / BRIGHTEST) == held_labels).sum())
    print(f"right of {len(held)}: {right}; before quantizing: {right_in_floats}")  # noqa: T201
    HEADER.write_text(format_header(layers))
    document = {
        "right": right,
        "held_out": len(held),
        "layers": [
            {"shift": shift, "biases": biases.tolist(), "weights": weights.tolist()}
            for weights, biases, shift in layers
        ],
    }
    TWIN.write_text(json.dumps(document) + "\n")
    rows = ["".join(SHADES[int(shade)] for shade in image) for image in held]
    about = (
        "Images that the network of `inference` was not trained on, a character a pixel: "
        "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine "
        "Learning Repository, 1998, CC BY 4.0."
    )
    vectors = {"about": about, "labels": "".join(map(str, held_labels)), "images": rows}
    HELD_OUT.write_text(json.dumps(vectors, indent=1) + "\n")


if __name__ == "__main__":
    write()
