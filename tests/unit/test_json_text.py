"""Documents of others: read as they are, refused when nested to kill."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pekanu.json_text import MAX_DEPTH, parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.fixture
def high_limit() -> Iterator[None]:
    """Set the recursion limit as py_ecc sets it: then the parser alone would crash."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    yield
    sys.setrecursionlimit(limit)


@given(VALUES)
def test_parse_json__when_it_is_json__then_the_document(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode(errors="replace")) is not ...


@pytest.mark.usefixtures("high_limit")
@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"":'])
@pytest.mark.parametrize("count", [MAX_DEPTH + 1, 100_000, 2_000_000])
def test_parse_json__when_nested_to_kill__then_refused(opening: str, count: int) -> None:
    for text in (opening * count, f'"]]]]" {opening * count}', f'["[",{opening * count}'):
        with pytest.raises(ValueError, match="nested deeper"):
            parse_json(text)


def test_parse_json__when_brackets_stand_in_strings__then_they_do_not_count() -> None:
    value = {"text": "[" * 10_000, 'quote"': '\\"[{' * 1000}
    assert parse_json(json.dumps(value)) == value


def test_parse_json__when_wide_but_flat__then_read() -> None:
    value = [[i, {"a": i}] for i in range(10_000)]
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("text", [b"", b"{", b"[1,]", b"\xff", b'"', b"nope"])
def test_parse_json__when_it_is_none__then_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the parser's own sentence
        parse_json(text)
