"""Batch files hold their items, and exactly as many as the task says."""

from __future__ import annotations

import pytest

from pekanu.errors import InvalidMessage
from pekanu.node.batch_file import join_items, split_items


@pytest.mark.parametrize("items", [[b""], [b"a"], [b"", b""], [b"a", b"", b"ccc" * 99]])
def test_split__when_joined__then_the_same_items(items: list[bytes]) -> None:
    file = b"".join(join_items(items))
    assert [bytes(item) for item in split_items(file, len(items))] == items


@pytest.mark.parametrize("change", [lambda file: file[:-1], lambda file: file + b"x"])
@pytest.mark.parametrize("count", [2, 3])
def test_split__when_the_file_is_of_another_length__then_refused(
    change: object, count: int
) -> None:
    file = b"".join(join_items([b"abc"] * count))
    with pytest.raises(InvalidMessage):
        split_items(change(file), count)  # type: ignore[operator]


@pytest.mark.parametrize("count", [2, 4, 2**32 - 1])
def test_split__when_the_count_is_another__then_refused(count: int) -> None:
    with pytest.raises(InvalidMessage):
        split_items(b"".join(join_items([b"abc"] * 3)), count)
