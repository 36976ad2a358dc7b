"""The product as an array and a heat map."""

from __future__ import annotations

from pekanu.catalog.framing import IntegerArray, Value
from pekanu.catalog.views import View, build_heat_map
from pekanu.errors import InvalidInput


def decode(value: Value) -> IntegerArray:
    """Return the product as an int64 array."""
    if isinstance(value, bytes) or value.ndim != 2 or value.dtype.name != "int64":
        raise InvalidInput("the output is no int64 matrix")
    return value


def build_views(value: Value) -> list[View]:
    """Return a heat map."""
    return [build_heat_map("product", decode(value))]
