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
