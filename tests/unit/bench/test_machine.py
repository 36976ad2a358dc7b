"""The benchmark of the machine compares the same work, and its means are of the right programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pekanu.bench import machine
from pekanu.bench.c_programs import compile_all, list_sources
from pekanu.bench.machine import Report, Timing, Translation, _time
from pekanu.errors import ExecutionFailed

pytest.importorskip("ziglang", reason="ziglang is not installed")


def make_timing(name: str, fast: float, *, is_soft_float: bool = False) -> Timing:
    return Timing(
        name=name,
        compiler="zig cc",
        native=1.0,
        fast=fast,
        steps=10**9,
        text_bytes=100,
        is_soft_float=is_soft_float,
        unicorn_mips=10.0,
    )


def test_time__of_a_program__then_native_code_and_the_machine_gave_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "RUNS", 1)
    (source,) = (one for one in list_sources(tmp_path) if one.stem == "queens")
    (program,) = compile_all([source])
    found = _time(program)
    assert found.steps > 10**8
    assert found.fast > 0
    assert found.native > 0
    assert found.compiler in program.native


def test_time__of_a_program_that_computes_something_else_natively__is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "RUNS", 1)
    queens, sieve = (one for one in list_sources(tmp_path) if one.stem in ("queens", "sieve"))
    program, other = compile_all([queens, sieve])
    for compiler, path in other.native.items():
        program.native[compiler] = path
    with pytest.raises(ExecutionFailed, match=r"queens gives [0-9a-f]{8} and [0-9a-f]{8}"):
        _time(program)


def test_list_sources__then_ten_programs_or_more_and_one_of_much_text(tmp_path: Path) -> None:
    names = {one.stem for one in list_sources(tmp_path)}
    assert len(names) >= 10
    assert "large" in names


def test_report__with_soft_float__then_the_mean_is_without_it() -> None:
    timings = [
        make_timing("a", 2.0),
        make_timing("b", 8.0),
        make_timing("planets", 32.0, is_soft_float=True),
    ]
    translation = Translation(text_bytes=1, translated=1.0, cached=0.1)
    told = Report(timings=timings, translation=translation).to_json()
    assert told["geometric_mean"] == pytest.approx(4.0)
    assert told["geometric_mean_with_soft_float"] == pytest.approx(8.0)
    assert told["over_unicorn"] == pytest.approx(12.5)
