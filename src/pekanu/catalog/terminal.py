"""Views drawn for a terminal.

What is not here: what is shown (`views`), and the site, which draws the same views itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich import table
from rich.console import Group, RenderableType
from rich.style import Style
from rich.text import Text

from pekanu.catalog.views import HeatMap, Histogram, Picture, Table, View

#: Columns of a picture on a terminal; each character shows two pixels, one above the other.
_PICTURE_COLUMNS: Final = 72
#: Columns of the longest bar.
_HISTOGRAM_COLUMNS: Final = 50
#: From least to greatest, for terminals without colour.
_RAMP: Final = " .:-=+*#%@"

_Shades = Sequence[Sequence[int]]


def render(views: Sequence[View], *, colour: bool = True) -> RenderableType:
    """Return something that Rich prints.

    Args:
        views: What `Function.show` gives.
        colour: Whether shades may be colours; else they are characters.
    """
    return Group(*(_render_view(view, colour=colour) for view in views))


def _render_view(view: View, *, colour: bool) -> RenderableType:
    match view:
        case Table():
            return _render_table(view)
        case HeatMap():
            shape = "x".join(map(str, view.shape))
            caption = Text(f"{view.title}, {shape}, from {view.least} to {view.greatest}")
            return Group(_render_shades(view.shades, colour=colour), caption)
        case Picture():
            caption = Text(f"{view.title}, {view.width}x{view.height}")
            return Group(_render_shades(_shrink(view), colour=colour), caption)
        case Histogram():
            return _render_histogram(view)


def _render_table(view: Table) -> RenderableType:
    drawn = table.Table(title=f"{view.title} ({view.total})", title_justify="left")
    for column in view.columns:
        drawn.add_column(column, overflow="fold")
    for row in view.rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _render_histogram(view: Histogram) -> RenderableType:
    most = max(view.counts, default=0)
    drawn = table.Table.grid(padding=(0, 1))
    drawn.add_column(justify="right")
    for place, count in enumerate(view.counts):
        bar = "█" * -(-count * _HISTOGRAM_COLUMNS // most)
        drawn.add_row(Text(view.edges[place]), Text(bar), Text(str(count)))
    drawn.add_row(Text(view.edges[-1]), Text(), Text())
    return Group(Text(view.title), drawn)


def _render_shades(shades: _Shades, *, colour: bool) -> Text:
    text = Text()
    for upper in range(0, len(shades), 2):
        top = shades[upper]
        bottom = shades[upper + 1] if upper + 1 < len(shades) else top
        for above, below in zip(top, bottom, strict=True):
            if colour:
                text.append("▀", Style(color=_get_colour(above), bgcolor=_get_colour(below)))
            else:
                text.append(_RAMP[(above + below) * len(_RAMP) // 512])
        text.append("\n")
    text.rstrip()
    return text


def _get_colour(shade: int) -> str:
    return f"#{shade:02x}{shade:02x}{min(255, 40 + shade):02x}"


def _shrink(picture: Picture) -> _Shades:
    columns = min(picture.width, _PICTURE_COLUMNS)
    rows = max(1, picture.height * columns // picture.width)
    return [
        [
            picture.pixels[
                (2 * row + 1) * picture.height // (2 * rows) * picture.width
                + (2 * column + 1) * picture.width // (2 * columns)
            ]
            for column in range(columns)
        ]
        for row in range(rows)
    ]
