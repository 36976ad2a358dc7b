"""Compiled programs on disk: used again, and never when somebody else could have written them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pekanu.machine import engine, module_cache
from pekanu.machine.executor import run
from pekanu.machine.module_cache import get_key, get_module
from pekanu.machine.program import Program
from pekanu.machine.translate import translate
from support.machine_programs import ProgramWriter
from support.own_files import DAMAGES, damage

PROGRAM = ProgramWriter(3).write(5)


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what this process compiled, as a new one would."""
    monkeypatch.setattr(module_cache, "_kept", type(module_cache._kept)())


def forget() -> None:
    module_cache._kept.clear()


def count_translations(monkeypatch: pytest.MonkeyPatch) -> list[Program]:
    translated = list[Program]()

    def count(program: Program) -> bytes:
        translated.append(program)
        return translate(program)

    monkeypatch.setattr(module_cache, "translate", count)
    return translated


def get_file(folder: Path) -> Path:
    (path,) = folder.glob("*.cwasm")
    return path


def test_get_module__again__then_it_is_translated_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_FIRST", 0)
    translated = count_translations(monkeypatch)
    expected = run(PROGRAM, b"", max_steps=50_000).state_root
    forget()
    for _ in range(3):
        assert run(PROGRAM, b"", max_steps=50_000, cache=tmp_path).state_root == expected
        forget()
    assert len(translated) == 2  # one without the folder, one with it
    assert get_file(tmp_path).stem == get_key(PROGRAM)


@pytest.mark.parametrize("how", DAMAGES)
def test_get_module__of_a_file_not_to_be_trusted__then_it_is_translated_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    folder = tmp_path / "cache"
    get_module(PROGRAM, folder)
    damage(get_file(folder), how)
    forget()
    translated = count_translations(monkeypatch)
    get_module(PROGRAM, folder)
    assert translated == [PROGRAM]


def test_get_module__where_nothing_can_be_written__then_it_works(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert get_module(PROGRAM, tmp_path / "file") is not None


def test_get_key__of_another_program__then_another() -> None:
    keys = {get_key(ProgramWriter(seed).write(5)) for seed in range(5)}
    assert len(keys) == 5
    moved = Program(text=PROGRAM.text, image=PROGRAM.image, entry=PROGRAM.entry + 4)
    assert get_key(moved) not in keys
