"""A sample of pixels, drawn after the claim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from pekanu.catalog.framing import Value
from pekanu.catalog.mandelbrot.native import get_tile, iterate
from pekanu.catalog.policy import draw_sample
from pekanu.catalog.verdict import RandomBytes, Verdict, accept, refuse

#: Pixels that are computed again.
SAMPLE: Final = 4096


def check(values: Sequence[Value], output: Value, rng: RandomBytes) -> Verdict:
    """Return whether a sample of the output's pixels is right.

    A picture with a share f of its pixels wrong passes with probability at most (1 - f)^4096;
    one with a single wrong pixel among n passes with 1 - 4096 / n, which is the bound given.

    Args:
        values: The tile.
        output: The claimed counts; any value.
        rng: Randomness drawn after the output was fixed.
    """
    tile = get_tile(values)
    shape = (tile.height, tile.width)
    if isinstance(output, bytes) or output.dtype != np.uint16 or output.shape != shape:
        return refuse(f"the output is no uint16 array of shape {shape}")
    pixels = tile.width * tile.height
    chosen, miss = draw_sample(pixels, SAMPLE, rng)
    rows, columns = np.divmod(chosen, tile.width)
    counts = iterate(tile.get_columns()[columns], tile.get_rows()[rows], tile.max_iterations)
    wrong = np.flatnonzero(counts != output[rows, columns])
    if len(wrong):
        row, column = int(rows[wrong[0]]), int(columns[wrong[0]])
        return refuse(f"the pixel of row {row} and column {column} is wrong")
    return accept(f"{len(chosen)} of {pixels} pixels were computed again", miss)
