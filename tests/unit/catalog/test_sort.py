"""Sorted records, and the check of order, content and stability."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pekanu import catalog
from pekanu.catalog.field import M61
from pekanu.catalog.framing import encode_value
from pekanu.catalog.sort.check import _hash_lines, _hash_rows, check
from pekanu.errors import InvalidInput

Rng = Callable[[int], bytes]

rows = st.sampled_from(["<i1", "<u1", "<i8", "<u8"]).flatmap(
    lambda dtype: npst.arrays(dtype, st.tuples(st.integers(0, 12), st.integers(1, 3)))
)
few_keys = npst.arrays(np.int8, (12, 2), elements=st.integers(0, 2))


def column(number: int) -> np.ndarray:
    return np.array(number, dtype=np.int64)


@settings(deadline=None)
@given(st.one_of(rows, few_keys), st.data())
def test_execute__when_given_rows__then_equals_pythons_stable_sort(
    records: np.ndarray, data: st.DataObject
) -> None:
    key = data.draw(st.integers(0, records.shape[1] - 1))
    sort = catalog.get("sort")
    framed = sort.parse_inputs({"records": records, "column": key})
    output = sort.execute(framed)
    decoded = sort.decode_output(output)
    assert isinstance(decoded, np.ndarray)
    assert decoded.dtype == records.dtype
    assert decoded.tolist() == sorted(records.tolist(), key=lambda row: row[key])
    generator = np.random.default_rng(1)
    verdict = sort.check(framed, output, generator.bytes)
    assert verdict is not None
    assert verdict.ok
    assert verdict.error_probability * (1 << 64) < 1


@settings(deadline=None)
@given(st.binary(max_size=60), st.randoms(use_true_random=False))
def test_execute__when_given_a_text__then_equals_pythons_sort_of_lines(
    text: bytes, random: st.random_module
) -> None:
    sort = catalog.get("sort")
    framed = sort.parse_inputs({"records": text})
    output = sort.execute(framed)
    lines = (text if text.endswith(b"\n") or not text else text + b"\n").splitlines(keepends=True)
    expected = b"\n".join(sorted(b"".join(lines).split(b"\n")[:-1])) + b"\n" if text else b""
    assert output == encode_value(expected)
    verdict = sort.check(framed, output, random.randbytes)
    assert verdict is not None
    assert verdict.ok


def test_execute__when_a_text_has_many_lines__then_joins_its_parts() -> None:
    lines = [b"%d" % (number * 7919 % 200_003) for number in range(200_003)]
    sort = catalog.get("sort")
    output = sort.execute(sort.parse_inputs({"records": b"\n".join(lines)}))
    assert output == encode_value(b"".join(line + b"\n" for line in sorted(lines)))


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
def test_execute__when_given_numbers_at_the_edges__then_sorts_by_value(dtype: str) -> None:
    info = np.iinfo(dtype)
    numbers = np.array([info.max, 0, info.min, 1, info.max, info.min], dtype=dtype)
    sort = catalog.get("sort")
    output = sort.execute(sort.parse_inputs({"records": numbers}))
    assert output == encode_value(np.sort(numbers))


@settings(max_examples=300, deadline=None)
@given(few_keys, st.data())
def test_check__when_any_other_arrangement_or_content__then_refuses(
    records: np.ndarray, data: st.DataObject
) -> None:
    right = records[np.argsort(records[:, 0], kind="stable")]
    lie = right[data.draw(st.permutations(range(12)))].copy()
    if data.draw(st.booleans()):
        lie[data.draw(st.integers(0, 11)), 1] = data.draw(st.integers(0, 3))
    verdict = check([records, column(0)], lie, np.random.default_rng(2).bytes)
    assert verdict.ok == np.array_equal(lie, right)


def test_check__when_equal_keys_change_places__then_refuses(rng: Rng) -> None:
    records = np.array([[1, 10], [0, 5], [1, 11]])
    right = np.array([[0, 5], [1, 10], [1, 11]])
    assert check([records, column(0)], right, rng).ok
    verdict = check([records, column(0)], right[[0, 2, 1]], rng)
    assert not verdict.ok
    assert "not in the order given" in verdict.what


@pytest.mark.parametrize(
    ("lie", "sentence"),
    [
        (b"a\nb\n", "same lines"),
        (b"a\na\nb\n", "same lines"),
        (b"a\nb\nb\nb\n", "same lines"),
        (b"\na\nb\nb\n", "same lines"),
        (b"b\na\nb\n", "do not rise"),
        (b"a\nb\nb", "does not end in a newline"),
        (b"abb\n", "same lines"),
        (b"a\nb\nc\n", "same lines"),
        (b"", "same lines"),
    ],
)
def test_check__when_lines_are_lost_doubled_or_changed__then_refuses(
    lie: bytes, sentence: str, rng: Rng
) -> None:
    verdict = check([b"b\na\nb", column(0)], lie, rng)
    assert not verdict.ok
    assert sentence in verdict.what
    assert check([b"b\na\nb", column(0)], b"a\nb\nb\n", rng).ok


def test_check__when_numbers_are_replaced_by_others_with_the_same_sum__then_refuses(
    rng: Rng,
) -> None:
    numbers = np.array([5, 1, 3, 3])
    for lie in ([1, 3, 3, 4], [2, 2, 3, 5], [1, 1, 3, 5], [0, 3, 3, 6], [1, 3, 5, 5]):
        assert not check([numbers, column(0)], np.array(lie), rng).ok
    assert not check([numbers, column(0)], np.array([1, 3, 3, 5], dtype=np.uint64), rng).ok
    assert not check([numbers, column(0)], b"1335", rng).ok


@given(st.lists(st.binary(max_size=9).filter(lambda line: b"\n" not in line), max_size=6))
@settings(deadline=None)
def test_hash_lines__when_compared_with_its_definition__then_agrees(lines: list[bytes]) -> None:
    x, y = M61 - 3, 123456789012345678
    expected = 1
    for line in lines:
        total = sum((byte + 1) * pow(y, place + 1, M61) for place, byte in enumerate(line))
        expected = expected * (x - total) % M61
    text = b"".join(line + b"\n" for line in lines)
    assert _hash_lines(text, np.uint64(x), np.uint64(y)) == expected
    if len(lines) > 1 and len({len(line) for line in lines}) == 1 and lines[0]:
        array = np.frombuffer(b"".join(lines), dtype=np.uint8).reshape(len(lines), -1)
        assert _hash_rows(array, np.uint64(x), np.uint64(y)) == expected


@pytest.mark.parametrize(
    ("records", "key", "sentence"),
    [
        ([1, 2], 1, "no column 1 among 1"),
        ("b\na", 1, "no column 1 among 1"),
        ([[1, 2]], 2, "no column 2 among 2"),
        ([[1, 2]], -1, "-1 is not between 0 and"),
        ([[], []], 0, "no key"),
        ([[[1]]], 0, "has not 1 or 2 dimensions"),
        ([1.5], 0, "float 1.5 stands"),
        (["a", 1], 0, "str 'a' stands"),
    ],
)
def test_parse_inputs__when_records_have_no_such_key__then_refuses(
    records: object, key: int, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        catalog.get("sort").parse_inputs({"records": records, "column": key})


def test_execute__when_empty__then_gives_it_back(rng: Rng) -> None:
    sort = catalog.get("sort")
    for records in (np.zeros(0, dtype=np.int16), np.zeros((0, 3), dtype=np.int8), b""):
        data = sort.parse_inputs({"records": records})
        output = sort.execute(data)
        assert output == encode_value(records)
        verdict = sort.check(data, output, rng)
        assert verdict is not None
        assert verdict.ok
