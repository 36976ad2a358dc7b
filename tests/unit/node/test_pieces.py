"""Bytes in pieces come out in other sizes, none lost and none twice."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pekanu.node.pieces import Pieces

DATA = bytes(range(200))


@pytest.mark.parametrize("cuts", [(), (0,), (1, 2), (50, 50, 199), (200,)])
@pytest.mark.parametrize("size", [1, 7, 50, 199, 200, 500])
def test_read__when_pieces_are_of_any_size__then_all_comes_in_order(
    cuts: tuple[int, ...], size: int
) -> None:
    ends = (0, *cuts, len(DATA))
    pieces = Pieces(DATA[start:end] for start, end in pairwise(ends))
    found = []
    while left := pieces.size:
        part = pieces.read(size)
        assert len(part) == min(size, left)
        found.append(bytes(part))
    assert b"".join(found) == DATA
    assert not pieces.read(size)


def test_read__when_one_piece_has_enough__then_nothing_is_copied() -> None:
    data = bytearray(DATA)
    view = Pieces([data]).read(100)
    assert view.obj is data


def test_read__of_pieces_that_are_made_late__then_each_when_the_one_before_was_read() -> None:
    made = []

    def make(start: int) -> bytes:
        made.append(start)
        return DATA[start : start + 50]

    pieces = Pieces(map(make, range(0, 200, 50)), len(DATA))
    assert (pieces.read(20), made) == (DATA[:20], [0])
    assert (pieces.read(30), made) == (DATA[20:50], [0])
    assert (pieces.read(60), made) == (DATA[50:110], [0, 50, 100])
    assert pieces.size == 90


def test_read__when_there_is_less_than_was_said__then_what_there_is() -> None:
    pieces = Pieces(iter([DATA[:10], b"", DATA[10:15]]), 200)
    assert pieces.read(100) == DATA[:15]
    assert not pieces.read(1)
