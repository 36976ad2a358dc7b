"""Searches for hashes: candidates by their definition, hashes by Python's own."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from pekanu.catalog.framing import encode_value
from pekanu.catalog.function import Function
from pekanu.catalog.hash_search import search as module
from pekanu.catalog.hash_search.search import Notes, Search, Stopped
from pekanu.catalog.hash_search.space import Space
from pekanu.catalog.hash_search.targets import Targets
from pekanu.catalog.registry import _load
from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidInput

HASHES: dict[str, Callable[[bytes], bytes]] = {
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "keccak256": keccak256,
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
}


@pytest.fixture
def function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Function:
    monkeypatch.setenv("PEKANU_HOME", str(tmp_path))
    return _load("hash-search", "pekanu.catalog.hash_search")


def make(pattern: bytes, wanted: str, algorithm: str = "sha256", words: bytes = b"") -> Search:
    space = Space.parse(pattern, words)
    targets = Targets.parse(algorithm, wanted.encode())
    return Search(algorithm=algorithm, space=space, targets=targets, first=0, count=space.size)


def list_all(pattern: bytes, words: bytes = b"") -> list[bytes]:
    space = Space.parse(pattern, words)
    return [space.get(index) for index in range(space.size)]


@pytest.mark.parametrize(
    ("pattern", "candidates"),
    [
        (b"abc", [b"abc"]),
        (b"", [b""]),
        (b"[ab][0-1]", [b"a0", b"a1", b"b0", b"b1"]),
        (b"x{0,2}", [b"", b"x", b"xx"]),
        (b"[ab]{2}", [b"aa", b"ab", b"ba", b"bb"]),
        (b"[b-da]", [b"b", b"c", b"d", b"a"]),
        (b"[a\\-\\]-]", [b"a", b"-", b"]"]),
        (b"<9-11>", [b"9", b"10", b"11"]),
        (b"\\x00\\[\\\\", [b"\0[\\"]),
        (b"<word>!", [b"cat!", b"dog!"]),
        ("é".encode(), ["é".encode()]),
    ],
)
def test_space__when_listed__then_has_the_candidates_in_order(
    pattern: bytes, candidates: list[bytes]
) -> None:
    assert list_all(pattern, b"cat\r\ndog\n\ncat\n") == candidates


def test_space__when_lengths_vary__then_all_of_them_shorter_first() -> None:
    found = list_all(b"[ab]{1,3}<#1>")
    expected = {
        "".join(letters).encode() + bytes([byte])
        for length in (1, 2, 3)
        for letters in itertools.product("ab", repeat=length)
        for byte in range(256)
    }
    assert set(found) == expected
    assert len(found) == len(expected)
    assert [len(one) for one in found] == sorted(map(len, found))


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        (b"[z-a]", "range that falls"),
        (b"[abc", "cannot be read from"),
        (b"a}", "cannot be read from"),
        (b"<5-4>", "holds no number"),
        (b"<word>", "no word list"),
        (b"a{3,2}", "cannot stand 3 to 2 times"),
        (b"<#9>", "cannot be read"),
        (b"<#8>", "2\\^63 candidates"),
        (b"a{128}b", "longer than 128 bytes"),
        (b"[ab]{0,99}[ab]{0,99}", "more than 1,024 ways"),
    ],
)
def test_space__when_no_pattern__then_says_why(pattern: bytes, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        Space.parse(pattern, b"")


@pytest.mark.parametrize("algorithm", HASHES)
def test_search__when_hashes_are_given__then_finds_what_has_them(algorithm: str) -> None:
    """Candidates of every length up to 128 bytes: over the blocks of each hash."""
    for pattern in (b"a{0,128}", b"pin-[0-9]{3}", b"<98-1200>", b"\\xff<#2>"):
        every = list_all(pattern)
        picked = sorted({0, 1, len(every) // 3, len(every) // 2 + 1, len(every) - 1})
        if pattern.startswith(b"a{"):
            picked = list(range(len(every)))
        wanted = "\n".join(HASHES[algorithm](every[index]).hex() for index in picked)
        found = make(pattern, wanted, algorithm).run(lambda _share: None)
        assert [one.index for one in found] == picked
        assert [one.candidate for one in found] == [every[index] for index in picked]


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("target", ["00a*", "*beef", "0x1*", "*7"])
def test_search__when_a_part_of_the_hash_is_given__then_finds_all_that_fit(
    algorithm: str, target: str
) -> None:
    every = list_all(b"v<0-3999>")
    digits = target.removeprefix("0x").strip("*")
    expected = [
        index
        for index, candidate in enumerate(every)
        for digest in [HASHES[algorithm](candidate).hex()]
        if (digest.startswith(digits) if target.endswith("*") else digest.endswith(digits))
    ]
    found = make(b"v<0-3999>", target, algorithm).run(lambda _share: None)
    assert [one.index for one in found] == expected


def test_search__when_only_the_beginning_is_alike__then_is_not_taken() -> None:
    digest = HASHES["sha256"](b"7")
    other = digest[:8] + bytes(24)
    assert make(b"[0-9]", other.hex()).run(lambda _share: None) == []
    assert len(make(b"[0-9]", digest.hex()).run(lambda _share: None)) == 1


def test_search__when_stopped__then_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE", 500)
    picked = [3, 4444, 9990]
    wanted = "\n".join(HASHES["md5"](b"%d" % index).hex() for index in picked)
    search, stop, path = make(b"<0-9999>", wanted, "md5"), Event(), tmp_path / "notes.json"
    told: list[float] = []

    def report(share: float) -> None:
        told.append(share)
        if share > 0.5:
            stop.set()

    with pytest.raises(Stopped):
        search.run(report, Notes.open(path), stop, threads=2)
    notes = Notes.open(path)
    assert 5000 < notes.done < 10_000
    assert notes.found == [3, 4444]
    told.clear()
    found = search.run(told.append, notes)
    assert [one.index for one in found] == picked
    assert min(told) > 0.5
    assert told == sorted(told)
    assert told[-1] == 1


@pytest.mark.parametrize("text", ["", "[]", '{"done": "x", "found": []}', '{"done": 5}', "\0"])
def test_notes__when_not_readable__then_begins_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notes.json"
    path.write_text(text)
    assert Notes.open(path).done == 0


def test_notes__when_they_name_a_false_solution__then_it_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    path.write_text(json.dumps({"done": 5, "found": [2]}))
    search = make(b"<0-9>", HASHES["sha256"](b"7").hex())
    found = search.run(lambda _share: None, Notes.open(path))
    assert [one.index for one in found] == [7]


def test_execute__when_a_password_is_forgotten__then_finds_it(
    function: Function, tmp_path: Path
) -> None:
    data = function.parse_inputs(
        {
            "pattern": "<word>-[0-9]{2}!",
            "words": "winter\nsummer\n",
            "targets": HASHES["sha256"](b"summer-42!").hex(),
        }
    )
    output = function.execute(data)
    assert function.decode_output(output) == [
        {
            "index": 142,
            "candidate": "summer-42!",
            "hash": HASHES["sha256"](b"summer-42!").hex(),
        }
    ]
    assert len(output) <= function.estimate_output_size(data)
    assert function.estimate_steps(data) > 200
    assert list((tmp_path / "searches").glob("*")) == []
    assert function.show(output)


def test_execute__when_an_address_is_to_end_so__then_finds_salts(function: Function) -> None:
    """As contracts are given addresses: the last bytes of a Keccak-256 of bytes that count."""
    inputs = {"algorithm": "keccak256", "pattern": "\\xff\\x01<#2>\\x02", "targets": "*abc"}
    found = function.decode_output(function.execute(function.parse_inputs(inputs)))
    assert isinstance(found, list)
    assert found
    for one in found:
        salt = bytes.fromhex(one["candidate"].removeprefix("0x"))
        assert keccak256(salt).hex().endswith("abc")
        assert salt == b"\xff\x01" + one["index"].to_bytes(2, "big") + b"\x02"


def test_execute__when_cut_in_parts__then_their_outputs_join(function: Function) -> None:
    inputs = {"algorithm": "md5", "pattern": "<0-999>", "targets": "0*"}
    whole = function.decode_output(function.execute(function.parse_inputs(inputs)))
    parts = [
        function.decode_output(
            function.execute(function.parse_inputs({**inputs, "first": first, "count": 400}))
        )
        for first in (0, 400, 800)
    ]
    assert [one for part in parts for one in part] == whole  # type: ignore[attr-defined]


def test_execute__when_too_many_fit__then_gives_the_first(
    function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SOLUTIONS", 5)
    inputs = {"algorithm": "md5", "pattern": "<0-999>", "targets": "0*"}
    found = function.decode_output(function.execute(function.parse_inputs(inputs)))
    assert isinstance(found, list)
    assert len(found) == 5


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"algorithm": "sha1", "targets": "00*"}, "'sha1' is no hash"),
        ({"targets": "0g*"}, "is no target"),
        ({"targets": "*ab*"}, "does not fit"),
        ({"targets": "abcd"}, "not a whole hash"),
        ({"targets": ""}, "no hash is looked for"),
        ({"targets": "00*", "pattern": "[b-a]"}, "input pattern"),
        ({"targets": "00*", "first": 1}, "only 1 candidates"),
    ],
)
def test_parse_inputs__when_no_search__then_says_which_input(
    function: Function, inputs: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        function.parse_inputs({"pattern": "x", **inputs})


def test_example__when_searched__then_has_a_solution(function: Function) -> None:
    output = function.execute(function.parse_inputs(dict(function.example())))
    assert function.decode_output(output)


@pytest.mark.parametrize("text", [b"x\n", b"1\ta\tzz\n", b"1 a 00\n"])
def test_decode__when_no_solutions__then_refuses(function: Function, text: bytes) -> None:
    with pytest.raises(InvalidInput, match="no list of solutions"):
        function.decode_output(encode_value(text))
