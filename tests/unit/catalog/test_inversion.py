"""Hash search as it is sold: the program on each point, tokens, bounds, a program of one's own."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from pekanu import catalog
from pekanu.catalog.function import Function
from pekanu.catalog.hash_search import program_search
from pekanu.catalog.hash_search.sweep import Stopped
from pekanu.catalog.inversion import MAX_SOLUTIONS, Inversion, get_image_of, list_images
from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidInput
from pekanu.machine.executor import run
from pekanu.machine.state import Status
from pekanu.toolchain import compile_program

HASHES: dict[str, Callable[[bytes], bytes]] = {
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "keccak256": keccak256,
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
}
PATTERNS = [
    "a{0,128}",
    "pin-[0-9]{3}",
    "<98-1200>",
    "\\xff\\x00<#2>\\xfe",
    "<word>[-_]{0,2}<word>",
    "<word>-<9999999990-99999999999>",
    "[01]{62}" + "x" * 60,
]
#: What a program outputs: the last byte of its input; on odd numbers from 64 on it fails.
LAST_BYTE = """
#include "pekanu.h"
int main(void) {
    const uint8_t *point = PEKANU_INPUT;
    pekanu_write(point + 31, 1);
    return point[31] >= 64 && (point[31] & 1);
}
"""
#: It loops for ever on 7, and leaves a stray byte behind its output on 9.
ODD = """
#include "pekanu.h"
int main(void) {
    uint8_t last = PEKANU_INPUT[31];
    while (last == 7) {
        __asm__ volatile("");
    }
    if (last == 9) {
        PEKANU_OUTPUT[100] = 1;
    }
    pekanu_write(&last, 1);
    return 0;
}
"""


@pytest.fixture(scope="module")
def function() -> Function:
    return catalog.get("hash-search")


@pytest.fixture(scope="module")
def last_byte(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return build(tmp_path_factory.mktemp("guest"), LAST_BYTE)


def build(folder: Path, source: str) -> bytes:
    path = folder / "f.c"
    path.write_text(source)
    return compile_program([path])


def make(function: Function, **inputs: object) -> Inversion:
    return function.build_inversion(function.parse_inputs(inputs))


def ignore(_share: float) -> None:
    pass


def to_input(point: int) -> bytes:
    return point.to_bytes(32, "big")


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("form", ["{}", "{:.5}*", "*{:.7}", "{:.8}*"])
def test_program__on_points_of_the_domain__then_gives_the_digits_that_matter(
    function: Function, algorithm: str, pattern: str, form: str
) -> None:
    digest = HASHES[algorithm](b"any").hex()
    found = make(
        function,
        algorithm=algorithm,
        pattern=pattern,
        words="cat\nelephant\nox\n",
        targets=form.format(digest),
        count=1 << 20,
    )
    rng = random.Random(f"{algorithm} {pattern} {form}")
    high = found.domain.high
    for point in {0, high - 1, *(rng.randrange(high) for _ in range(4))}:
        done = run(found.program, to_input(point), max_steps=found.max_steps)
        assert (done.status, done.exit_code) == (Status.HALTED, 0)
        assert done.output == found.get_token(point)
        assert get_image_of(found, point) == keccak256(done.output)


def test_program__on_what_is_no_candidate__then_refuses(function: Function) -> None:
    found = make(function, pattern="[0-9]{2}", targets="0" * 64)
    for content in (to_input(100), to_input(1 << 64), b"", bytes(31), bytes(33)):
        done = run(found.program, content, max_steps=found.max_steps)
        assert (done.status, done.exit_code, done.output) == (Status.HALTED, 100, b"")
    bare = run(function.program, to_input(0), max_steps=found.max_steps)
    assert (bare.status, bare.exit_code, bare.output) == (Status.HALTED, 100, b"")


def test_program__when_anything_of_the_search_changes__then_has_another_id(
    function: Function,
) -> None:
    digest = "0" * 64
    variants = [
        {"pattern": "[ab]x", "targets": digest},
        {"pattern": "[ab]y", "targets": digest},
        {"pattern": "[ab]x", "targets": "0000*"},
        {"pattern": "[ab]x", "targets": "*0000"},
        {"pattern": "[ab]x", "targets": "00000*"},
        {"pattern": "[ab]x", "targets": digest, "algorithm": "keccak256"},
        {"pattern": "<word>x", "words": "a\nb\n", "targets": digest, "algorithm": "keccak256"},
    ]
    ids = {make(function, **inputs).program.id for inputs in variants}
    # A class and a word list of the same options make the same tables.
    assert len(ids) == len(variants) - 1


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("form", ["{}", "{:.5}*", "*{:.6}"])
def test_tokens__when_written__then_ask_for_the_same(
    function: Function, algorithm: str, form: str
) -> None:
    rng = random.Random(form)
    digests = [HASHES[algorithm](b"%d" % n) for n in range(6)]
    inputs = {
        "algorithm": algorithm,
        "pattern": "<0-99>",
        "targets": " ".join(form.format(one.hex()) for one in digests),
    }
    data = function.parse_inputs(inputs)
    found = function.build_inversion(data)
    planted = sorted({*found.tokens, *(found.draw_token(rng.randbytes) for _ in range(20))})
    again = function.build_inversion(function.with_tokens(data, planted))
    assert list(again.tokens) == planted
    assert again.program.id == found.program.id
    assert list_images(again) == sorted(keccak256(token) for token in planted)


def test_find__when_sold__then_has_all_solutions_and_the_buyer_sees_its_own(
    function: Function,
) -> None:
    wanted, planted = HASHES["sha256"](b"pin-042"), HASHES["sha256"](b"pin-777")
    data = function.parse_inputs({"pattern": "pin-[0-9]{3}", "targets": wanted.hex()})
    asked = function.with_tokens(data, sorted([wanted, planted, bytes(32)]))
    points = function.build_inversion(asked).find(ignore, None)
    assert points == [42, 777]
    shown = function.decode_output(function.format_points(data, points))
    assert [(one["index"], one["candidate"]) for one in shown] == [(42, "pin-042")]  # type: ignore[attr-defined]


def test_find__when_more_fit_than_a_list_shows__then_has_them_all(function: Function) -> None:
    found = make(function, pattern="<0-999999>", targets="0000* 0001* 0002*", algorithm="md5")
    points = found.find(ignore, None)
    assert 20 < len(points) <= found.most_solutions
    assert all(found.get_token(point) in found.tokens for point in points)


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"targets": "abc*"}, "3 digits are too few"),
        ({"targets": "*abc"}, "3 digits are too few"),
        ({"targets": f"abcd* {'0' * 64}"}, "not of one form"),
        ({"targets": "abcd* *abcd"}, "not of one form"),
        ({"targets": "abcd* abcde*"}, "not of one form"),
        ({"targets": "abcd*", "pattern": "<#6>"}, f"more than {MAX_SOLUTIONS}"),
        ({"targets": "0" * 64, "words": "word\n" * 3 + "x" * 40_000_000}, "128 bytes"),
    ],
)
def test_build_inversion__when_it_cannot_be_sold__then_says_why(
    function: Function, inputs: dict[str, object], sentence: str
) -> None:
    pattern = "<word>" if "words" in inputs else "[a-z]{5}"
    with pytest.raises(InvalidInput, match=sentence):
        make(function, **{"pattern": pattern, **inputs})


# --- a program of one's own -----------------------------------------------------------------------


def search_program(function: Function, file: bytes, **inputs: object) -> Inversion:
    whole = {"algorithm": "program", "program": file, "count": 256, **inputs}
    return make(function, **whole)


def test_program_search__when_all_points_are_tried__then_finds_those_with_the_output(
    function: Function, last_byte: bytes
) -> None:
    image = keccak256(b"\x05").hex()
    found = search_program(function, last_byte, first=256, count=600, targets=f"=40 {image} =41")
    # 0x41 is odd and above 64: the program fails on it.
    assert found.find(ignore, None) == [261, 320, 517, 576, 773, 832]
    assert found.get_token(257 + 64) is None
    assert get_image_of(found, 261) == keccak256(b"\x05")


def test_program_search__when_a_run_is_endless_or_not_canonical__then_what_the_referee_says(
    function: Function, tmp_path: Path
) -> None:
    file = build(tmp_path, ODD)
    wanted = "=06 =07 =09 ="
    found = search_program(function, file, count=16, targets=wanted, step_limit=5000)
    # On 7 it does not halt; on 9 its output counts as the empty one, which is looked for too.
    assert found.find(ignore, None) == [6, 9]
    without = search_program(function, file, count=16, targets="=06 =07 =09", step_limit=5000)
    assert without.find(ignore, None) == [6]


def test_program_search__when_computed_here__then_lists_numbers(
    function: Function, last_byte: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PEKANU_HOME", str(tmp_path))
    data = function.parse_inputs(
        {"algorithm": "program", "program": last_byte, "count": 300, "targets": "=05"}
    )
    found = function.decode_output(function.execute(data))
    assert [one["index"] for one in found] == [5, 261]  # type: ignore[attr-defined]
    assert function.estimate_steps(data) > 300 * 100_000
    assert len(function.execute(data)) <= function.estimate_output_size(data)


def test_program_search__when_too_many_fit_here__then_lists_the_first(
    function: Function, last_byte: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PEKANU_HOME", str(tmp_path))
    monkeypatch.setattr(program_search, "MOST_LISTED", 3)
    data = function.parse_inputs(
        {"algorithm": "program", "program": last_byte, "count": 1024, "targets": "=05 =06"}
    )
    found = function.decode_output(function.execute(data))
    assert [one["index"] for one in found] == [5, 6, 261]  # type: ignore[attr-defined]
    assert len(function.build_inversion(data).find(ignore, None)) == 8


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"targets": "=0"}, "no target of a program"),
        ({"targets": "abcd*"}, "no target of a program"),
        ({"targets": ""}, "there are 0"),
        ({"targets": "=00", "count": 0}, "on how many numbers"),
        ({"targets": "=00", "count": MAX_SOLUTIONS + 1}, "in parts|more than the"),
        ({"targets": "=00", "program": b""}, "takes one"),
        ({"targets": "=00", "program": b"\x7fELF"}, "input program: the ELF file ends"),
        ({"targets": "=00", "step_limit": 0}, "not between 1 and"),
    ],
)
def test_program_search__when_malformed__then_says_which_input(
    function: Function, last_byte: bytes, inputs: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        search_program(function, **{"file": last_byte, **_rename(inputs)})  # type: ignore[arg-type]


def _rename(inputs: dict[str, object]) -> dict[str, object]:
    return {"file" if name == "program" else name: value for name, value in inputs.items()}


def test_program_search__when_stopped__then_goes_on_where_it_was(
    function: Function, last_byte: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_search, "PIECE", 16)
    notes, stop = tmp_path / "notes.json", Event()
    found = search_program(function, last_byte, count=1024, targets="=10")

    def halt(share: float) -> None:
        if share > 0.5:
            stop.set()

    with pytest.raises(Stopped):
        found.find(halt, notes, stop)
    kept = json.loads(notes.read_text())
    assert 512 < kept["done"] < 1024
    # What a file says is not believed: 17 is no solution.
    notes.write_text(json.dumps({**kept, "found": [*kept["found"], 17, 5000]}))
    told: list[float] = []
    assert found.find(told.append, notes) == [16, 272, 528, 784]
    assert min(told) > 0.5
