"""Building programs: the same source gives the same program, and what is wrong is said."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

from pekanu import catalog
from pekanu.errors import InvalidInput
from pekanu.machine.elf import load_elf
from pekanu.machine.executor import Engine, Run, run
from pekanu.machine.state import Status
from pekanu.toolchain import CompilerMissing, RefusedSource, compile_program, list_sources

GUESTS = Path(__file__).parents[3] / "guests"
PINNED = json.loads((Path(__file__).parents[2] / "vectors" / "programs.json").read_text())


def build(folder: Path, *sources: str) -> bytes:
    files = []
    for number, source in enumerate(sources):
        path = folder / f"part{number}.c"
        path.write_text(source)
        files.append(path)
    return compile_program(files)


def execute(elf: bytes, content: bytes = b"") -> Run:
    """Run on two engines, which must agree."""
    program = load_elf(elf)
    runs = [run(program, content, max_steps=10**7, engine=each) for each in Engine]
    assert len({(one.state_root, one.steps) for one in runs}) == 1
    return runs[0]


@pytest.mark.parametrize("name", PINNED["programs"])
def test_program__of_each_function__then_its_pinned_id(name: str) -> None:
    function = catalog.get(name)
    assert "0x" + function.program_id.hex() == PINNED["programs"][name]
    assert catalog.find(function.program_id) is function


def test_program__of_every_function__then_it_is_pinned() -> None:
    assert set(PINNED["programs"]) >= set(catalog.names())


def test_compile__in_another_place__then_the_same_program(tmp_path: Path) -> None:
    source = (GUESTS / "wordcount.c").read_text()
    folder = tmp_path / "a name with spaces"
    folder.mkdir()
    assert load_elf(build(folder, source)).id == catalog.get("wordcount").program_id


def test_compile__of_what_c_can_do__then_it_runs_as_c_says(tmp_path: Path) -> None:
    source = """
    #include "pekanu.h"
    static double half(double x) { return x / 2; }
    int main(void) {
        uint32_t *block = pekanu_alloc(4000);
        for (uint32_t i = 0; i < 1000; i++) {
            if (block[i] != 0) return 1;
        }
        uint64_t big = 1000000007ull * pekanu_input_size();
        volatile double number = 3.0;
        volatile int64_t negative = -17;
        if (big / 10007 != 299790 || half(number) * 2 != 3.0 || negative % 5 != -2) return 2;
        if (memcmp(PEKANU_INPUT, "abc", 3) != 0) return 3;
        pekanu_write("out:", 4);
        pekanu_write(PEKANU_INPUT, pekanu_input_size());
        return 42;
    }
    """
    done = execute(build(tmp_path, source), b"abc")
    assert (done.status, done.exit_code, done.output) == (Status.HALTED, 42, b"out:abc")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("pekanu_exit(7);", 7),
        ("pekanu_set_output_size(PEKANU_MOST_BYTES + 1);", 102),
        ('pekanu_set_output_size(PEKANU_MOST_BYTES); pekanu_write("x", 1);', 102),
        ("for (;;) pekanu_alloc(1 << 24);", 101),
        ("pekanu_alloc(0xFFFFFFF0u);", 101),
        ("pekanu_alloc((1u << 26) - 8); pekanu_alloc(1 << 25); pekanu_alloc(1 << 24);", 101),
        ("pekanu_alloc((1u << 26) - 8); pekanu_alloc(1 << 25);", 0),
    ],
)
def test_runtime__at_its_limits__then_the_programs_end_says_so(
    tmp_path: Path, body: str, code: int
) -> None:
    done = execute(build(tmp_path, f'#include "pekanu.h"\nint main(void) {{ {body} return 0; }}'))
    assert (done.status, done.exit_code) == (Status.HALTED, code)


def test_compile__of_several_files__then_one_program(tmp_path: Path) -> None:
    done = execute(
        build(tmp_path, "int f(void); int main(void) { return f(); }", "int f(void) { return 5; }")
    )
    assert done.exit_code == 5


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("int main(void) { return x; }", "undeclared identifier 'x'"),
        ("int f(void) { return 1; }", "undefined symbol: main"),
        ('#include "missing.h"\nint main(void) { return 0; }', "missing.h"),
        ('int main(void) { return printf("x"); }', "printf"),
    ],
)
def test_compile__of_wrong_c__is_refused_in_the_compilers_words(
    tmp_path: Path, source: str, words: str
) -> None:
    with pytest.raises(RefusedSource) as refused:
        build(tmp_path, source)
    assert words in refused.value.message
    assert any(words in line for line in refused.value.details)


def test_compile__without_the_compiler__is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = {"ziglang": "0.1"}
    monkeypatch.setattr("pekanu.toolchain.compiler.version", lambda name: versions[name])
    with pytest.raises(CompilerMissing, match=r"0\.1") as refused:
        build(tmp_path, "int main(void) { return 0; }")
    assert "pip install ziglang==" in (refused.value.hint or "")

    def miss(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("pekanu.toolchain.compiler.version", miss)
    with pytest.raises(CompilerMissing, match="no compiler"):
        build(tmp_path, "int main(void) { return 0; }")


def test_list_sources__of_files_and_folders__then_their_c_files(tmp_path: Path) -> None:
    for name in ("b.c", "a.c", "note.txt"):
        (tmp_path / name).write_text("")
    assert list_sources([tmp_path]) == [tmp_path / "a.c", tmp_path / "b.c"]
    assert list_sources([tmp_path / "b.c"]) == [tmp_path / "b.c"]
    (tmp_path / "empty").mkdir()
    for wrong, words in (
        ("empty", "no C file in"),
        ("none.c", "there is no file"),
        ("note.txt", "no C file"),
    ):
        with pytest.raises(InvalidInput, match=words):
            list_sources([tmp_path / wrong])
