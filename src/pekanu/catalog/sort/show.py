"""Sorted records as an array or lines, and their head and tail."""

from __future__ import annotations

from pekanu.catalog.framing import IntegerArray, Value
from pekanu.catalog.sort.native import split_lines
from pekanu.catalog.views import View, build_table
from pekanu.errors import InvalidInput


def decode(value: Value) -> IntegerArray | list[str]:
    """Return an array, or the lines; bytes that are no UTF-8 become lone surrogates."""
    if isinstance(value, bytes):
        return [line.decode("utf-8", "surrogateescape") for line in split_lines(value)]
    if value.ndim not in (1, 2):
        raise InvalidInput("the output is no list of records")
    return value


def build_views(value: Value) -> list[View]:
    """Return head and tail as a table."""
    decoded = decode(value)
    if isinstance(decoded, list):
        lines = [(line.encode("utf-8", "replace").decode(),) for line in decoded]
        return [build_table("lines", ("line",), lines)]
    if decoded.ndim == 1:
        return [build_table("records", ("key",), [(item,) for item in decoded.tolist()])]
    columns = [f"column {index}" for index in range(decoded.shape[1])]
    return [build_table("records", columns, decoded.tolist())]
