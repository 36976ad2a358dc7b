"""The page on writing programs: its program is built and does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

from pekanu.machine.elf import load_elf
from pekanu.machine.executor import run
from pekanu.toolchain import compile_program

PAGE = (Path(__file__).parents[2] / "docs" / "writing-a-program.md").read_text()


def test_page__of_its_c_program__then_it_reverses_its_input(tmp_path: Path) -> None:
    (source,) = re.findall(r"```c\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "reverse.c"
    path.write_text(source)
    program = load_elf(compile_program([path]))
    assert run(program, b"stressed").output == b"desserts"
    refused = run(program, b"")
    assert (refused.exit_code, refused.output) == (100, b"")
