"""What an output looks like on a page, and what was verified of it.

What is not here: drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pekanu.web.views.shell import Money, Series


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureView:
    """A picture by its own address."""

    title: str
    #: Address of a PNG.
    src: str
    width: int
    height: int
    #: What is seen, for those who do not.
    alt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HeatMapView:
    """A grid of shades by its own address, one pixel a cell: draw it enlarged and unsmoothed."""

    title: str
    src: str
    width: int
    height: int
    alt: str
    #: What black and white stand for.
    least: str
    greatest: str
    #: The output's own shape, such as ``512 x 512``.
    shape: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TableView:
    """Rows of text; a gap is a row of ellipses."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PlotView:
    """Points that a chart draws."""

    series: Series

    @property
    def title(self) -> str:
        """What is drawn."""
        return self.series.title


ResultPart: TypeAlias = PictureView | HeatMapView | TableView | PlotView


def get_kind(part: ResultPart) -> str:
    """Return the kind of a part, such as ``heat_map``; a filter for templates."""
    kinds = {
        PictureView: "picture",
        HeatMapView: "heat_map",
        TableView: "table",
        PlotView: "plot",
    }
    return kinds[type(part)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """The output as a file."""

    #: Such as ``.npy``.
    suffix: str
    href: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What was verified and how."""

    #: One sentence.
    verdict: str
    #: ``check``, ``recompute``, ``sample:0.05`` or ``none``.
    policy: str
    #: What the policy does, in words.
    description: str
    #: The probability that a wrong output passes, in words; empty when it does not apply.
    error_probability: str
    is_accepted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptLine:
    """A transaction of this account's."""

    call: str
    transaction: str
    href: str
    gas_used: int
    fee: Money


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptView:
    """What it cost."""

    paid: Money
    #: Stakes that came to the client; None when none did.
    won: Money | None
    gas: Money
    lines: tuple[ReceiptLine, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultView:
    """An output that this node holds."""

    parts: tuple[ResultPart, ...]
    downloads: tuple[Download, ...]
    size: str
