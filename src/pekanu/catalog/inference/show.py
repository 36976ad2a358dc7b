"""Scores as predictions."""

from __future__ import annotations

from typing import TypedDict, cast

import numpy as np

from pekanu.catalog.framing import IntegerArray, Value
from pekanu.catalog.inference.native import DIGITS
from pekanu.catalog.views import View, build_table
from pekanu.errors import InvalidInput


class Predictions(TypedDict):
    """What the network reads."""

    #: The digit of each image: the first with the greatest score.
    digits: IntegerArray
    #: The ten scores of each image.
    scores: IntegerArray


def decode(value: Value) -> Predictions:
    """Return the predictions as a dict."""
    if isinstance(value, bytes) or value.ndim != 2 or value.shape[1] != DIGITS:
        raise InvalidInput("the output is no list of scores")
    return Predictions(digits=value.argmax(axis=1), scores=value)


def build_views(value: Value) -> list[View]:
    """Return how often each digit was read, and each image's digit and the next likely one."""
    predictions = decode(value)
    digits, scores = predictions["digits"], predictions["scores"]
    tally = np.bincount(digits, minlength=DIGITS)
    order = cast("IntegerArray", np.argsort(-scores.astype(np.int64), axis=1, kind="stable"))
    rows = [
        (number, best, scores[number, best], second, scores[number, second])
        for number, (best, second) in enumerate(order[:, :2].tolist())
    ]
    columns = ("image", "digit", "score", "next likely", "its score")
    return [
        build_table("predictions", columns, rows),
        build_table("digits", ("digit", "images"), list(enumerate(tally.tolist()))),
    ]
