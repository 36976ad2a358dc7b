"""The way back that a cursor keeps: bounded, and finest where reorganizations happen."""

from __future__ import annotations

from itertools import pairwise

from pekanu.chain.stream import _thin_out
from pekanu.types import Hash32


def test_thin_out__when_many_blocks_were_read__keeps_both_ends_and_the_recent() -> None:
    marks = [(0, Hash32(bytes(32)))]
    for number in range(1, 10_000):
        marks.append((number, Hash32(bytes(32))))
        if len(marks) > 64:
            marks = list(_thin_out(tuple(marks)))
    numbers = [number for number, _ in marks]

    assert len(numbers) == 64
    assert numbers == sorted(set(numbers))
    assert (numbers[0], numbers[-1]) == (0, 9_999)
    assert numbers[-4:] == [9_996, 9_997, 9_998, 9_999]
    # A rollback of n blocks reads at most about as many again.
    ages = [9_999 - number for number in numbers]
    assert all(older <= 2 * newer + 2 for older, newer in pairwise(ages[1:]))
