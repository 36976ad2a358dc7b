"""An output as plain data to show, the same for a terminal and for a page.

What is not here: drawing (`terminal`, and the site's own code).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pekanu.catalog.framing import IntegerArray

#: Cells of a heat map along its longer side.
HEAT_MAP_SIDE: Final = 64
#: Rows of a table that are shown at each end.
TABLE_ROWS: Final = 10
HISTOGRAM_RANGES: Final = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class HeatMap:
    """A grid of shades; coarser than the output where that is large."""

    title: str
    #: Shades 0 (least) to 255 (greatest), by row.
    shades: tuple[tuple[int, ...], ...]
    #: What the shades 0 and 255 stand for.
    least: int
    greatest: int
    #: The output's own shape.
    shape: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A grey picture at full size: 0 black to 255 white, row-major."""

    title: str
    width: int
    height: int
    pixels: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows of text; a gap in a long table is a row of ellipses."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    #: How many rows there are in all.
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """How many values lie in each of some ranges, which follow one another."""

    title: str
    #: The ends of the ranges as text, one more than there are ranges.
    edges: tuple[str, ...]
    counts: tuple[int, ...]


View: TypeAlias = HeatMap | Picture | Table | Histogram


def build_heat_map(title: str, array: IntegerArray) -> HeatMap:
    """Return a heat map of a matrix: each shade is the element in the middle of its cell."""
    if array.size == 0:
        return HeatMap(title=title, shades=(), least=0, greatest=0, shape=array.shape)
    rows, columns = (_pick(length) for length in array.shape)
    picked = array[np.ix_(rows, columns)].astype(object)
    least, greatest = int(array.min()), int(array.max())
    spread = max(1, greatest - least)
    shades = tuple(tuple((int(item) - least) * 255 // spread for item in row) for row in picked)
    return HeatMap(title=title, shades=shades, least=least, greatest=greatest, shape=array.shape)


def build_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return a table of the first and the last rows."""
    shown = [tuple(map(str, row)) for row in rows[:TABLE_ROWS]]
    if len(rows) > 2 * TABLE_ROWS:
        shown.append(("…",) * len(columns))
    tail = rows[max(TABLE_ROWS, len(rows) - TABLE_ROWS) :]
    shown += [tuple(map(str, row)) for row in tail]
    return Table(title=title, columns=tuple(columns), rows=tuple(shown), total=len(rows))


def build_histogram(title: str, values: npt.NDArray[np.float64]) -> Histogram:
    """Return a histogram of numbers from 0 on, in ranges of equal width."""
    if not len(values):
        return Histogram(title=title, edges=("0",), counts=())
    counts, edges = np.histogram(values, bins=HISTOGRAM_RANGES, range=(0, values.max()))
    return Histogram(
        title=title,
        edges=tuple(f"{edge:.4g}" for edge in edges),
        counts=tuple(map(int, counts)),
    )


def _pick(length: int) -> list[int]:
    cells = min(length, HEAT_MAP_SIDE)
    return [(2 * cell + 1) * length // (2 * cells) for cell in range(cells)]
