"""Solutions as a list."""

from __future__ import annotations

import re
from typing import Final, TypedDict

from pekanu.catalog.framing import Value
from pekanu.catalog.views import View, build_table
from pekanu.errors import InvalidInput

_LINE: Final = re.compile(r"([0-9]{1,19})\t([!-~]+)\t((?:[0-9a-f]{32}){1,2})")


class Found(TypedDict):
    """A solution: its number, the candidate as text or as 0x and hex, its hash."""

    index: int
    candidate: str
    hash: str


def decode(value: Value) -> list[Found]:
    """Return the solutions, by rising number."""
    if not isinstance(value, bytes):
        raise InvalidInput("the output is no text")
    decoded: list[Found] = []
    for line in value.decode("ascii", "replace").split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        if match is None:
            raise InvalidInput("the output is no list of solutions")
        index, candidate, digest = match.groups()
        decoded.append(Found(index=int(index), candidate=candidate, hash=digest))
    return decoded


def build_views(value: Value) -> list[View]:
    """Return a table of the solutions."""
    rows = [(one["index"], one["candidate"], one["hash"]) for one in decode(value)]
    return [build_table("solutions", ("number", "candidate", "hash"), rows)]
