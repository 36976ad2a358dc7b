"""Lists of chunks are read from their records as they are packed."""

from __future__ import annotations

import pytest

from pekanu.storage.chunk_names import ChunkList, ChunkName, pack_names
from pekanu.storage.chunk_trees import get_chunk_entry
from pekanu.types import Hash32


def name(number: int, size: int = 7) -> ChunkName:
    return ChunkName(root=Hash32(bytes([number]) * 32), size=size)


NAMES = [name(1), name(2), name(1), name(1, 8), name(2)]


def test_list__when_packed__then_the_same_names_by_place_and_slice() -> None:
    found = ChunkList(pack_names(NAMES))
    assert list(found) == NAMES
    assert found.records == pack_names(NAMES)
    assert (len(found), found[3], found[1:4]) == (5, NAMES[3], NAMES[1:4])
    for place in (-1, 5):
        with pytest.raises(IndexError):
            found[place]


def test_find_equal__when_root_and_size_are_the_same__then_all_places_and_no_others() -> None:
    found = ChunkList(pack_names(NAMES))
    assert sorted(found.find_equal([0])) == [0, 2]
    assert sorted(found.find_equal([3])) == [3]
    assert sorted(found.find_equal([1, 3, 4])) == [1, 3, 4]
    assert found.find_equal([]) == []


@pytest.mark.parametrize("count", [1, 2, 10])
def test_split_different__when_some_are_equal__then_the_first_of_them_alone(count: int) -> None:
    found = list(ChunkList(pack_names(NAMES)).split_different(count))
    assert [number for some in found for number in some] == [0, 1, 3]
    assert all(len(some) == count for some in found[:-1])
    assert not list(ChunkList(b"").split_different(count))


def test_is_of__when_the_bytes_differ_or_are_longer__then_refused() -> None:
    data = b"leaf" * 100
    mine = ChunkName(root=get_chunk_entry(data).chunk_root, size=len(data))
    assert mine.is_of(data)
    assert not mine.is_of(data + b"x")
    assert not mine.is_of(b"Leaf" * 100)
