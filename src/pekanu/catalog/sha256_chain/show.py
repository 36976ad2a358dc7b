"""The last link as a text."""

from __future__ import annotations

import re
from typing import Final

from pekanu.catalog.framing import Value
from pekanu.catalog.views import View, build_table
from pekanu.errors import InvalidInput

_HASH: Final = re.compile(rb"[0-9a-f]{64}")


def decode(value: Value) -> str:
    """Return the hash as 64 hexadecimal digits."""
    if not isinstance(value, bytes) or not _HASH.fullmatch(value):
        raise InvalidInput("the output is no hash")
    return value.decode()


def build_views(value: Value) -> list[View]:
    """Return a table of one row."""
    return [build_table("chain", ("last link",), [(decode(value),)])]
