"""An output as a page shows it: pictures by their own address, tables, files in each format.

What is not here: what an output means (the functions of the catalog).
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pekanu import catalog
from pekanu.catalog import Function
from pekanu.catalog.png import encode_png
from pekanu.catalog.views import HeatMap, Histogram, Picture, Table, View
from pekanu.errors import InvalidInput, UsageError
from pekanu.web.views.result import (
    Download,
    HeatMapView,
    PictureView,
    PlotView,
    ResultPart,
    ResultView,
    TableView,
)
from pekanu.web.views.shell import Series
from pekanu.web.wording import format_size

_KEPT: Final = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """An output that was drawn."""

    view: ResultView
    #: PNG files by their number in the page.
    pictures: dict[int, bytes]


class Results:
    """Draws outputs, and keeps the last ones drawn."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Shown] = OrderedDict()

    async def show(self, task: str, function_name: str, outputs: list[bytes]) -> Shown:
        """Return an output drawn.

        Args:
            task: The id in the address.
            function_name: Of the catalog.
            outputs: One an item; the first is drawn.
        """
        if task not in self._kept:
            function = catalog.get(function_name)
            self._kept[task] = await asyncio.to_thread(_draw, function, task, outputs)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(task)
        return self._kept[task]


def write(function: Function, output: bytes, suffix: str) -> bytes:
    """Return an output as a file of a suffix; blocks.

    Raises:
        InvalidInput: It has no such format.
    """
    if suffix == ".bin":
        return output
    if suffix not in function.output.files:
        raise InvalidInput(f"{function.name} has no output of format {suffix}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"output{suffix}"
        function.write_output(output, path)
        return path.read_bytes()


def _draw(function: Function, task: str, outputs: list[bytes]) -> Shown:
    output, pictures, parts = outputs[0], {}, []
    for number, view in enumerate(function.show(output)):
        part, png = _draw_part(function, task, number, view)
        if part is not None:
            parts.append(part)
        if png is not None:
            pictures[number] = png
    suffixes = (*function.output.files, ".bin")
    view_ = ResultView(
        parts=tuple(parts),
        downloads=tuple(
            Download(suffix=suffix, href=f"/tasks/{task}/output{suffix}") for suffix in suffixes
        ),
        size=format_size(len(output)),
    )
    return Shown(view=view_, pictures=pictures)


def _draw_part(
    function: Function, task: str, number: int, view: View
) -> tuple[ResultPart | None, bytes | None]:
    src = f"/tasks/{task}/picture/{number}.png"
    match view:
        case Picture():
            alt = f"{function.title}: {view.width} by {view.height} pixels"
            picture = PictureView(
                title=view.title, src=src, width=view.width, height=view.height, alt=alt
            )
            return picture, encode_png(view)
        case HeatMap():
            return _draw_heat_map(view, src)
        case Table():
            table = TableView(
                title=view.title, columns=view.columns, rows=view.rows, total=view.total
            )
            return table, None
        case Histogram():
            return _draw_histogram(view, number), None
        case _:
            # A kind of view that is newer than this page: the files below show it.
            return None, None


def _draw_histogram(view: Histogram, number: int) -> PlotView:
    series = Series(
        name=f"plot-{number}",
        title=view.title,
        unit="values",
        kind="histogram",
        times=tuple(map(float, view.edges[:-1])),
        values=tuple(map(float, view.counts)),
    )
    return PlotView(series=series)


def _draw_heat_map(view: HeatMap, src: str) -> tuple[ResultPart | None, bytes | None]:
    if not view.shades or not view.shades[0]:
        return None, None
    height, width = len(view.shades), len(view.shades[0])
    pixels = bytes(shade for row in view.shades for shade in row)
    shape = " x ".join(map(str, view.shape))
    part = HeatMapView(
        title=view.title,
        src=src,
        width=width,
        height=height,
        alt=f"Heat map of a matrix of {shape}, from {view.least} to {view.greatest}",
        least=str(view.least),
        greatest=str(view.greatest),
        shape=shape,
    )
    picture = Picture(title=view.title, width=width, height=height, pixels=pixels)
    return part, encode_png(picture)


def parse_suffix(text: str) -> str:
    """Return the suffix of a download's address, such as ``.npy``; raises UsageError."""
    if not text.startswith(".") or not text[1:].isalnum() or len(text) > 8:
        raise UsageError(f"{text!r} is no suffix of a file")
    return text.lower()
