"""Escape times of the Mandelbrot set in fixed-point arithmetic.

Coordinates stay within 4, so |z| before a step is at most 2 and after it at most 8, or 2^31 in
units of 2^-28: squares stay below 2^63.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pekanu.catalog.compiled import compiled
from pekanu.catalog.framing import Value, get_array_size
from pekanu.catalog.function import Progress
from pekanu.catalog.values import get_integer
from pekanu.errors import InvalidInput

#: Iteration counts.
Counts: TypeAlias = npt.NDArray[np.uint16]
Coordinates: TypeAlias = npt.NDArray[np.int64]

FRACTION_BITS: Final = 28
#: Coordinates beyond this could overflow.
_LIMIT: Final = 4 << FRACTION_BITS
_ESCAPE: Final = 4 << FRACTION_BITS
#: Pixels a side of the grid on which steps are estimated.
_GRID: Final = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """A rectangle of the plane in pixels; coordinates count 2^-28."""

    center_x: int
    center_y: int
    #: Distance of two neighbouring pixels.
    step: int
    width: int
    height: int
    max_iterations: int

    def get_columns(self) -> Coordinates:
        """Return the real coordinate of each column."""
        offsets = (2 * np.arange(self.width, dtype=np.int64) + 1 - self.width) * self.step
        return self.center_x + (offsets >> 1)

    def get_rows(self) -> Coordinates:
        """Return the imaginary coordinate of each row, falling."""
        offsets = (2 * np.arange(self.height, dtype=np.int64) + 1 - self.height) * self.step
        return self.center_y - (offsets >> 1)


def validate(values: Sequence[Value]) -> None:
    """Refuse a tile that is deeper than the arithmetic resolves, or reaches too far."""
    tile = get_tile(values)
    if tile.step < 1:
        raise InvalidInput(
            "input span: it is too small for so many pixels",
            hint="neighbouring pixels are at least 2^-28 apart",
        )
    if np.abs(tile.get_columns()).max() > _LIMIT or np.abs(tile.get_rows()).max() > _LIMIT:
        raise InvalidInput("input span: the tile reaches beyond 4 from the origin")


def execute(values: Sequence[Value], progress: Progress) -> Value:
    """Return the iteration counts of all pixels."""
    tile = get_tile(values)
    columns, rows = tile.get_columns(), tile.get_rows()
    counts = np.empty((tile.height, tile.width), dtype=np.uint16)
    for row in range(tile.height):
        counts[row] = iterate(columns, np.full_like(columns, rows[row]), tile.max_iterations)
        progress((row + 1) / tile.height)
    return counts


def estimate_steps(values: Sequence[Value]) -> int:
    """Return the manifest's model."""
    tile = get_tile(values)
    columns = tile.get_columns()[:: max(1, tile.width // _GRID)]
    rows = tile.get_rows()[:: max(1, tile.height // _GRID)]
    x, y = (grid.ravel() for grid in np.meshgrid(columns, rows))
    mean = float(iterate(x, y, tile.max_iterations).mean())
    return int((51 * mean + 25) * tile.width * tile.height) + 260 * tile.height + 1000


def estimate_output_size(values: Sequence[Value]) -> int:
    """Return the output's exact size."""
    tile = get_tile(values)
    return get_array_size((tile.height, tile.width), 2)


def get_tile(values: Sequence[Value]) -> Tile:
    """Return the tile that the inputs describe."""
    center_x, center_y, span, width, height, max_iterations = map(get_integer, values)
    return Tile(
        center_x=center_x,
        center_y=center_y,
        step=span // width,
        width=width,
        height=height,
        max_iterations=max_iterations,
    )


@compiled
def iterate(x: Coordinates, y: Coordinates, max_iterations: int) -> Counts:
    """Return the iteration count of each point (x, y)."""
    counts = np.empty(len(x), dtype=np.uint16)
    for index in range(len(x)):
        c_real, c_imaginary = x[index], y[index]
        real, imaginary, count = np.int64(0), np.int64(0), 0
        while count < max_iterations:
            real_squared = (real * real) >> FRACTION_BITS
            imaginary_squared = (imaginary * imaginary) >> FRACTION_BITS
            if real_squared + imaginary_squared > _ESCAPE:
                break
            imaginary = ((real * imaginary) >> (FRACTION_BITS - 1)) + c_imaginary
            real = real_squared - imaginary_squared + c_real
            count += 1
        counts[index] = count
    return counts
