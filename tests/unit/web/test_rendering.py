"""Texts as pages set them: escaped, and then marked up."""

from __future__ import annotations

import pytest

from pekanu.web.rendering import format_powers, format_sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("no worker answers", "No worker answers."),
        ("Is it? Yes!", "Is it? Yes!"),
        ("use `pekanu store put`", "Use <code>pekanu store put</code>."),
        ("<b>`<i>`</b>", "&lt;b&gt;<code>&lt;i&gt;</code>&lt;/b&gt;."),
    ],
)
def test_sentence__of_an_error__then_it_begins_and_ends_as_one(text: str, expected: str) -> None:
    assert format_sentence(text) == expected


def test_powers__in_a_text_with_markup__then_only_ours_is_kept() -> None:
    assert format_powers("<2^-59>") == "&lt;2<sup>\N{MINUS SIGN}59</sup>&gt;"
