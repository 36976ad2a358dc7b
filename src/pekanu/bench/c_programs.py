"""C programs for benchmarks: where they are, how they are compiled natively and for the machine.

Each is one file with a function `compute`, whose value is its checksum; `finish.h` makes it a
program of either kind. Not here: what is measured (`machine`).
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pekanu.bench.large_program import write_large_program
from pekanu.errors import ExecutionFailed
from pekanu.machine.elf import load_elf
from pekanu.machine.program import Program

#: In the package, or in the repository that the package is run from.
_FOLDERS: Final = (
    Path(__file__).parent / "programs",
    Path(__file__).parents[3] / "benchmarks" / "machine",
)
_START: Final = "start.c"
#: Beside the files there is a generated program: its functions and rounds.
LARGE: Final = "large"
_LARGE_SIZE: Final = (600, 3000)
#: Without a frame pointer, which gcc leaves out by itself and zig cc does not.
_COMMON_FLAGS: Final = ("-O2", "-w", "-std=c11", "-fomit-frame-pointer")
_GUEST_FLAGS: Final = (
    *("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m"),
    *("-ffreestanding", "-fno-stack-protector", "-static", "-g0", "-Wl,--image-base=0x10000"),
)
#: Programs whose time goes to floating-point numbers, which the machine has in software alone.
SOFT_FLOAT: Final = frozenset(("planets",))


@dataclass(frozen=True, kw_only=True, slots=True)
class CProgram:
    """One program, compiled."""

    name: str
    #: Native executables by compiler.
    native: dict[str, Path]
    guest: Program


def list_sources(folder: Path) -> list[Path]:
    """Return the programs' sources; what is generated is written to a folder.

    Raises:
        ExecutionFailed: The sources were not installed.
    """
    home = next((one for one in _FOLDERS if (one / _START).is_file()), None)
    if home is None:
        raise ExecutionFailed(
            "the benchmark programs are not installed",
            hint="run `pekanu bench machine` in the repository",
        )
    shutil.copytree(home, folder, dirs_exist_ok=True)
    (folder / f"{LARGE}.c").write_text(write_large_program(*_LARGE_SIZE))
    return sorted(one for one in folder.glob("*.c") if one.name != _START)


def compile_all(sources: Sequence[Path]) -> list[CProgram]:
    """Return the programs, compiled by every compiler there is.

    Raises:
        ExecutionFailed: There is none, or one refuses a program.
    """
    if importlib.util.find_spec("ziglang") is None:
        raise ExecutionFailed(
            "there is no compiler for the machine", hint="`pip install ziglang` brings one"
        )
    return [_compile(source) for source in sources]


def compile_guest(source: Path) -> Program:
    """Return a program for the machine."""
    result = source.with_suffix(".elf")
    start = source.with_name(_START)
    _run([*_zig(), *_COMMON_FLAGS, *_GUEST_FLAGS, str(start), str(source), "-o", str(result)])
    return load_elf(result.read_bytes())


def _compile(source: Path) -> CProgram:
    # Without a processor named, zig would compile for this very one.
    compilers = {"zig cc": [*_zig(), "-mcpu=baseline"]}
    if gcc := shutil.which("gcc"):
        compilers["gcc"] = [gcc]
    native = {}
    for name, command in compilers.items():
        native[name] = source.with_suffix("." + name.replace(" ", "-"))
        _run([*command, *_COMMON_FLAGS, str(source), "-o", str(native[name])])
    return CProgram(name=source.stem, native=native, guest=compile_guest(source))


def _zig() -> list[str]:
    return [sys.executable, "-m", "ziglang", "cc"]


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it did not say why"]
        raise ExecutionFailed(f"a compiler refused a benchmark: {lines[0]}")
