"""Closed forms against counting."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pekanu.market.delivery import (
    MAX_OUTPUT_SIZE,
    Layout,
    OutputTooLarge,
    get_ciphertext_size,
    get_item_offsets,
)
from support.reference_seal import SealedItem


@given(st.integers(0, 40_000))
@example(0)
@example(992)
@example(993)
@example(32 * 32 * 32 - 32)
@example(32 * 32 * 32 - 31)
def test_layout__of_a_size__then_as_counted_one_by_one(size: int) -> None:
    layout = Layout.from_size(size)
    model = SealedItem(task_id=bytes(32), key=1, item=0, output=bytes(size))
    assert (layout.block_count, layout.chunk_count, layout.top) == (
        model.blocks,
        model.chunks,
        model.top,
    )
    row, rows = 0, []
    for chunk in range(layout.chunk_count):
        rows.append(row)
        assert layout.get_cell_row(chunk) == row
        levels = range(5, layout.top + 1)
        nodes = sum(chunk % (1 << (level - 5)) == 0 for level in levels)
        first = nodes if chunk == 0 else (chunk & -chunk).bit_length()
        assert layout.get_node_count(chunk) == first == nodes
        row += layout.get_data_count(chunk) + nodes
    assert layout.row_count == row
    assert layout.ciphertext_size == 32 * row == get_ciphertext_size(size)
    assert layout.get_cell_rows(0, layout.chunk_count).tolist() == rows
    for step in range(layout.top - 4):
        expected = [
            rows[chunk] + layout.get_data_count(chunk) + step
            for chunk in range(0, layout.chunk_count, 1 << step)
        ]
        assert layout.get_node_rows(step).tolist() == expected


def test_layout__of_the_largest_output__then_all_leaves_of_the_region() -> None:
    layout = Layout.from_size(MAX_OUTPUT_SIZE)
    assert (layout.chunk_count, layout.top) == (65536, 21)
    assert layout.row_count == 2**21 - 1 + 2 * 65536 - 1


@pytest.mark.parametrize("size", [-1, MAX_OUTPUT_SIZE + 1, 2**32])
def test_layout__of_no_size_of_an_output__then_refused(size: int) -> None:
    with pytest.raises(OutputTooLarge, match="over the limit"):
        Layout.from_size(size)


@pytest.mark.parametrize("chunk", [-1, 5])
def test_layout__asked_for_a_chunk_that_is_not_there__then_refused(chunk: int) -> None:
    layout = Layout.from_size(4352)
    for get in (layout.get_cell_row, layout.get_node_count, layout.get_data_count):
        with pytest.raises(IndexError, match="not among 5"):
            get(chunk)


def test_get_item_offsets__of_some_sizes__then_sums() -> None:
    assert get_item_offsets([0, 1, 33, 0]) == [0, 32, 96, 192, 224]
