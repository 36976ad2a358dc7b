"""Iteration counts as an array and a picture."""

from __future__ import annotations

import numpy as np

from pekanu.catalog.framing import IntegerArray, Value
from pekanu.catalog.views import Picture, View
from pekanu.errors import InvalidInput


def decode(value: Value) -> IntegerArray:
    """Return the counts as a uint16 array of shape (height, width)."""
    if isinstance(value, bytes) or value.ndim != 2 or value.dtype.name != "uint16":
        raise InvalidInput("the output is no picture")
    return value


def build_views(value: Value) -> list[View]:
    """Return a picture in which the set is black and slow escapes are bright.

    Shades follow the rank of a count among all, so that every zoom has contrast.
    """
    counts = decode(value)
    height, width = counts.shape
    most = int(counts.max(initial=0))
    tally = np.bincount(counts.ravel(), minlength=most + 1)
    tally[most] = 0
    shades = np.cumsum(tally) * 255 // max(1, int(tally.sum()))
    shades[most] = 0
    pixels = shades.astype(np.uint8)[counts].tobytes()
    return [Picture(title="tile", width=width, height=height, pixels=pixels)]
