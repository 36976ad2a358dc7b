"""Frames have one encoding, and reading accepts no other bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pekanu.catalog import framing
from pekanu.errors import InvalidInput

DTYPES = list(framing.DTYPES.values())

arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, max_dims=4, min_side=0))
)
values = st.one_of(st.binary(max_size=40), arrays)


def is_same(left: framing.Value, right: framing.Value) -> bool:
    if isinstance(left, bytes) or isinstance(right, bytes):
        return left == right
    same_type = left.dtype == right.dtype and left.shape == right.shape
    return same_type and bool(np.array_equal(left, right))


def test_frame__when_given_an_array_and_a_text__then_gives_the_documented_bytes() -> None:
    data = framing.frame([np.array([[1, -2]], dtype=np.int16), b"abc"])
    assert (
        data.hex(" ", 4)
        == (
            "02000000 14000000 "  # count; length of the first value
            "02020000 01000000 02000000 00000000 0100feff "  # i16, 2 dimensions, 1 by 2
            "0b000000 "  # length of the second value, at 4 modulo 8
            "00010000 03000000 61626300 00000000"[:-8].rstrip()
        )
    )
    assert len(data) % 8 == 4


def test_frame__when_values_follow__then_each_begins_at_a_multiple_of_eight() -> None:
    data = framing.frame([b"x", b"yz", b""])
    assert data.index(b"\x00\x01\x00\x00\x01") % 8 == 0
    assert data.index(b"\x00\x01\x00\x00\x02") % 8 == 0


@given(st.lists(values, max_size=5))
def test_parse_frame__when_given_a_frame__then_gives_the_values(given_values: list) -> None:
    parsed = framing.parse_frame(framing.frame(given_values))
    assert len(parsed) == len(given_values)
    assert all(map(is_same, parsed, given_values))


@given(values)
def test_decode_value__when_given_an_encoding__then_gives_the_value(value: framing.Value) -> None:
    encoded = framing.encode_value(value)
    assert len(encoded) == framing.get_value_size(value)
    assert is_same(framing.decode_value(encoded), value)


@settings(max_examples=500)
@given(st.lists(values, max_size=3), st.data())
def test_parse_frame__when_any_byte_is_changed__then_refuses_or_gives_other_values(
    given_values: list, data: st.DataObject
) -> None:
    good = framing.frame(given_values)
    position = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[position] ^= data.draw(st.integers(1, 255))
    try:
        parsed = framing.parse_frame(bytes(bad))
    except InvalidInput:
        return
    assert framing.frame(parsed) == bytes(bad)


@settings(max_examples=500)
@given(st.binary(max_size=80))
def test_parse_frame__when_given_any_bytes__then_refuses_or_they_are_canonical(data: bytes) -> None:
    try:
        parsed = framing.parse_frame(data)
    except InvalidInput:
        return
    assert framing.frame(parsed) == data


@given(st.lists(values, min_size=1, max_size=3), st.data())
def test_parse_frame__when_cut_or_extended__then_refuses(
    given_values: list, data: st.DataObject
) -> None:
    good = framing.frame(given_values)
    cut = data.draw(st.integers(0, len(good) - 1))
    with pytest.raises(InvalidInput):
        framing.parse_frame(good[:cut])
    with pytest.raises(InvalidInput):
        framing.parse_frame(good + b"\0" * 8)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0",
        b"\xff\xff\xff\xff",  # four thousand million inputs
        b"\1\0\0\0\xff\xff\xff\xff",  # an input of four gigabytes
        b"\1\0\0\0\2\0\0\0\0\1\0\0",  # a value shorter than its header
        bytes.fromhex("01000000 08000000 09010000 00000000 00000000"),  # no such dtype
        bytes.fromhex("01000000 08000000 00010100 00000000 00000000"),  # reserved byte set
        bytes.fromhex("01000000 08000000 00010001 00000000 00000000"),  # reserved byte set
        bytes.fromhex("01000000 08000000 00000000 00000000 00000000"),  # text, 0 dimensions
        bytes.fromhex("01000000 08000000 04000000 00000000 00000000"),  # i64 without element
        bytes.fromhex("01000000 09000000 05000000 00000001 07000000"),  # header padding set
        bytes.fromhex("01000000 08000000 05ff0000 00000000 00000000"),  # 255 dimensions
        bytes.fromhex("01000000 10000000 08020000 ffffffff ffffffff 00000000 00000000"),  # 2^67
        bytes.fromhex("01000000 18000000 01040000 ffffffff ffffffff ffffffff 00000000 00000000"),
    ],
)
def test_parse_frame__when_malformed__then_refuses_in_a_sentence(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="malformed"):
        framing.parse_frame(data)


def test_frame__when_it_fills_the_region__then_is_accepted_and_one_more_byte_refused() -> None:
    # 4 for the count, 4 for the length, 8 for the header; the whole is 4 modulo 8.
    room = framing.MAX_REGION_BYTES - 4 - 16
    assert len(framing.frame([bytes(room)])) == framing.MAX_REGION_BYTES - 4
    with pytest.raises(InvalidInput, match="more than the 67108832 that fit"):
        framing.frame([bytes(room + 5)])


def test_frame__when_an_array_is_of_floats_or_has_five_dimensions__then_refuses() -> None:
    with pytest.raises(InvalidInput, match="float64"):
        framing.frame([np.zeros(2)])
    with pytest.raises(InvalidInput, match="5 dimensions"):
        framing.frame([np.zeros((1, 1, 1, 1, 1), dtype=np.int8)])


def test_frame__when_an_array_is_strided_or_big_endian__then_gives_the_same_bytes() -> None:
    plain = np.arange(12, dtype=np.int32).reshape(3, 4)
    assert framing.frame([plain.astype(">i4")]) == framing.frame([plain])
    assert framing.frame([np.asfortranarray(plain)]) == framing.frame([plain])
    assert framing.frame([plain[::-1]]) == framing.frame([plain[::-1].copy()])


def test_parse_frame__when_given_an_array__then_the_view_is_read_only() -> None:
    (array,) = framing.parse_frame(framing.frame([np.arange(3)]))
    assert not isinstance(array, bytes)
    assert not array.flags.writeable
