"""Sizes and spans are read as people write them."""

from __future__ import annotations

import pytest

from pekanu.errors import UsageError
from pekanu.node.storage.units import format_size, parse_size, parse_span


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096", 4096), ("1.5 GiB", 3 << 29), ("500MB", 500_000_000), ("2k", 2048), ("1TiB", 1 << 40)],
)
def test_parse_size__when_written_so__then_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60), ("30d", 2_592_000), ("12 h", 43_200), ("1y", 31_536_000)]
)
def test_parse_span__when_written_so__then_seconds(text: str, seconds: int) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "GiB", "-1", "1 parsec", "1e3", "1,5 GiB"])
def test_parse__when_it_cannot_be_read__then_one_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        parse_size(text)
    with pytest.raises(UsageError, match="cannot be read"):
        parse_span(text)


def test_format_size__when_shown__then_short() -> None:
    assert [format_size(size) for size in (0, 1023, 1 << 30, 3 << 39)] == [
        "0 bytes",
        "1023 bytes",
        "1.0 GiB",
        "1.5 TiB",
    ]
