"""Factors as lists, and as a list to read."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final, TypedDict

from pekanu.catalog.framing import Value
from pekanu.catalog.views import View, build_table
from pekanu.errors import InvalidInput

_LINE: Final = re.compile(rb"([0-9]{1,39}):((?: [0-9]{1,39}){0,128})")


class Factored(TypedDict):
    """An integer and its prime factors, rising, with multiplicity."""

    number: int
    factors: list[int]


def decode(value: Value) -> list[Factored]:
    """Return the integers with their factors, in the order given."""
    if not isinstance(value, bytes):
        raise InvalidInput("the output is no text")
    decoded: list[Factored] = []
    for line in value.split(b"\n")[:-1]:
        match = _LINE.fullmatch(line)
        if match is None:
            raise InvalidInput("the output is no list of integers and factors")
        decoded.append(
            Factored(number=int(match.group(1)), factors=list(map(int, match.group(2).split())))
        )
    return decoded


def build_views(value: Value) -> list[View]:
    """Return a table with powers written as such."""
    rows: list[tuple[int, str]] = []
    for line in decode(value):
        powers = ((prime, len(list(same))) for prime, same in groupby(line["factors"]))
        product = " · ".join(f"{p}^{e}" if e > 1 else str(p) for p, e in powers)
        rows.append((line["number"], product or "1"))
    return [build_table("factors", ("integer", "factors"), rows)]
