"""A rebate is for bytes and seconds that were shared, and never more than was promised."""

from __future__ import annotations

import pytest

from pekanu.storage.rebates import Period, get_rebate
from pekanu.types import Seconds, Wei


def reckon(*shared: tuple[int, int], permille: int = 500) -> int:
    return get_rebate(Wei(1_000_003), permille, size=1000, term=Seconds(100), shared=shared)


@pytest.mark.parametrize(
    ("shared", "rebate"),
    [
        ((), 0),
        (((1000, 100),), 500_001),
        (((500, 100),), 250_000),
        (((1000, 50),), 250_000),
        (((250, 100), (250, 50)), 187_500),
        # A short agreement at the end of a long one brings next to nothing.
        (((1000, 1),), 5_000),
        # Nobody is paid for more than the term, or for time that never was.
        (((1000, 10**9),), 500_001),
        (((1000, -5),), 0),
        (((10**6, 100),), 500_001),
    ],
)
def test_get_rebate__when_shared__then_by_bytes_and_seconds(
    shared: tuple[tuple[int, int], ...], rebate: int
) -> None:
    assert reckon(*shared) == rebate


def test_get_rebate__when_the_provider_promises_none_or_all__then_so_much() -> None:
    assert reckon((1000, 100), permille=0) == 0
    assert reckon((1000, 100), permille=1000) == 1_000_003


@pytest.mark.parametrize(
    ("start", "end", "overlap"), [(0, 10, 0), (5, 15, 5), (12, 14, 2), (0, 99, 10), (20, 30, 0)]
)
def test_get_overlap__when_periods_meet__then_their_common_seconds(
    start: int, end: int, overlap: int
) -> None:
    mine = Period(start=Seconds(10), end=Seconds(20))
    other = Period(start=Seconds(start), end=Seconds(end))
    assert mine.get_overlap(other) == other.get_overlap(mine) == overlap
