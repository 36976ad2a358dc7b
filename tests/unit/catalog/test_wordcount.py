"""Word counts, against the definition byte by byte."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pekanu import catalog
from pekanu.catalog.framing import encode_value
from pekanu.catalog.wordcount.native import MAX_TEXT_BYTES
from pekanu.errors import InvalidInput


def count_words(text: bytes) -> bytes:
    counts: dict[bytes, int] = {}
    word = b""
    for byte in [*text, 0]:
        if 0x30 <= byte <= 0x39 or 0x61 <= byte <= 0x7A or byte >= 0x80:
            word += bytes((byte,))
        elif 0x41 <= byte <= 0x5A:
            word += bytes((byte + 32,))
        elif word:
            counts[word] = counts.get(word, 0) + 1
            word = b""
    return b"".join(key + b"\t" + str(counts[key]).encode() + b"\n" for key in sorted(counts))


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", {}),
        (" \n\t.,;", {}),
        ("The the THE", {"the": 3}),
        ("don't stop", {"don": 1, "stop": 1, "t": 1}),
        ("naïve Ünder", {"naïve": 1, "Ünder": 1}),
        ("x86_64 a-b 007", {"x86": 1, "64": 1, "a": 1, "b": 1, "007": 1}),
        ("no\u00a0break\u2028here", {"no\u00a0break\u2028here": 1}),
    ],
)
def test_execute__when_known__then_gives_the_counts(text: str, counts: dict[str, int]) -> None:
    wordcount = catalog.get("wordcount")
    output = wordcount.execute(wordcount.parse_inputs({"text": text}))
    assert wordcount.decode_output(output) == counts


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(alphabet="abAB01 é.\n\x85\xa0", max_size=200).map(str.encode),
    )
)
def test_execute__when_given_any_bytes__then_equals_the_definition(text: bytes) -> None:
    wordcount = catalog.get("wordcount")
    data = wordcount.parse_inputs({"text": text})
    output = wordcount.execute(data)
    assert output == encode_value(count_words(text))
    assert len(output) <= wordcount.estimate_output_size(data)


def test_estimate_output_size__when_words_are_shortest__then_still_bounds() -> None:
    wordcount = catalog.get("wordcount")
    letters = bytes(range(0x80, 0x100)) + bytes(range(0x61, 0x7B))
    data = wordcount.parse_inputs({"text": b" ".join(bytes((letter,)) for letter in letters)})
    assert len(wordcount.execute(data)) <= wordcount.estimate_output_size(data)


def test_parse_inputs__when_given_a_text_file__then_takes_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xffa b\r\n")
    wordcount = catalog.get("wordcount")
    assert wordcount.parse_inputs({"text": path}) == wordcount.parse_inputs(
        {"text": b"\xffa b\r\n"}
    )


def test_parse_inputs__when_the_text_is_too_long__then_refuses_before_counting() -> None:
    wordcount = catalog.get("wordcount")
    assert wordcount.parse_inputs({"text": b"a" * MAX_TEXT_BYTES})
    with pytest.raises(InvalidInput, match="bytes are more than the 33554411 allowed"):
        wordcount.parse_inputs({"text": b"a" * (MAX_TEXT_BYTES + 1)})


@pytest.mark.parametrize("text", [1, [1], None, {"a": 1}])
def test_parse_inputs__when_not_text__then_refuses(text: object) -> None:
    with pytest.raises(InvalidInput):
        catalog.get("wordcount").parse_inputs({"text": text})


@pytest.mark.parametrize(
    "content", [b"a\t1\nb\n", b"\t1\n", b"a\t-1\n", b"a\tx\n", b"a\t" + b"9" * 5000 + b"\n"]
)
def test_decode_output__when_malformed__then_refuses(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="no list of words"):
        catalog.get("wordcount").decode_output(encode_value(content))
