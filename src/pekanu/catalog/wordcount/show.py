"""The counts as a dict, and the most frequent words as a table."""

from __future__ import annotations

from pekanu.catalog.framing import Value
from pekanu.catalog.views import View, build_table
from pekanu.errors import InvalidInput


def decode(value: Value) -> dict[str, int]:
    """Return counts by word; bytes that are no UTF-8 become lone surrogates."""
    if not isinstance(value, bytes):
        raise InvalidInput("the output is no text")
    counts: dict[str, int] = {}
    for line in value.splitlines():
        word, _tab, count = line.rpartition(b"\t")
        if not word or not count.isdigit() or len(count) > 8:
            raise InvalidInput("the output is no list of words and counts")
        counts[word.decode("utf-8", "surrogateescape")] = int(count)
    return counts


def build_views(value: Value) -> list[View]:
    """Return a table, most frequent first."""
    counts = sorted(decode(value).items(), key=lambda item: (-item[1], item[0]))
    rows = [(word.encode("utf-8", "replace").decode(), count) for word, count in counts]
    return [build_table("words", ("word", "count"), rows)]
