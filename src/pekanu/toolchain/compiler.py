"""Compiling and linking a program with the runtime: the same sources give the same program.

Nothing of this machine goes into the result: no paths, no processor, no time; the compiler's
version does, so it is fixed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from pekanu.errors import ExecutionFailed, InvalidInput

#: Of the wheel; another one may compile the same source to another program.
COMPILER_VERSION: Final = "0.17.1"
#: In the package, or in the repository that the package is run from.
_RUNTIMES: Final = (
    Path(__file__).parent / "runtime",
    Path(__file__).parents[3] / "guests" / "runtime",
)
_LINKER_SCRIPT: Final = "guest.ld"
_RUNTIME_SOURCES: Final = ("start.c", "pekanu.c", "value.c", "strings.c", "wide.c")
_FLAGS: Final = (
    *("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m"),
    *("-std=c11", "-O2", "-g0", "-Wall", "-Wextra"),
    *("-ffreestanding", "-fno-stack-protector", "-fno-pic", "-fomit-frame-pointer"),
    *("-ffunction-sections", "-fdata-sections"),
    *("-static", "-Wl,--gc-sections", "-Wl,--strip-all", "-Wl,--build-id=none"),
)
#: Longer than any honest program takes; a template that never ends must not hang the builder.
_PATIENCE_SECONDS: Final = 600.0
#: Lines of the compiler's complaint that are passed on.
_MOST_LINES: Final = 12


class CompilerMissing(ExecutionFailed):
    """The compiler is not installed, or in another version."""


class RefusedSource(InvalidInput):
    """The compiler does not take a source.

    Args:
        message: One sentence.
        details: The compiler's own lines.
    """

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.details = tuple(details)


def list_sources(given: Sequence[Path]) -> list[Path]:
    """Return the C files among some paths; a folder stands for all C files in it.

    Raises:
        InvalidInput: A path is missing or no C file, or a folder has none.
    """
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            files = sorted(path.glob("*.c"))
            if not files:
                raise InvalidInput(f"there is no C file in {path}")
            found += files
        elif not path.is_file():
            raise InvalidInput(f"there is no file {path}")
        elif path.suffix != ".c":
            raise InvalidInput(f"{path} is no C file", hint="its name must end in .c")
        else:
            found.append(path)
    return found


def compile_program(sources: Sequence[Path]) -> bytes:
    """Return the ELF file of a program.

    Args:
        sources: C files, one with `main`. They find `pekanu.h` and `value.h`, and what lies beside
            them, by `#include`.

    Raises:
        CompilerMissing: The wheel of `ziglang` is not here, or another version.
        RefusedSource: The sources do not compile or link; its details hold the compiler's words.
    """
    _require_compiler()
    runtime = _find_runtime()
    own = [runtime / name for name in _RUNTIME_SOURCES]
    folders = dict.fromkeys(source.absolute().parent for source in (*sources, *own))
    with tempfile.TemporaryDirectory(prefix="pekanu-build-") as scratch:
        result = Path(scratch) / "program.elf"
        command = [
            *(sys.executable, "-m", "ziglang", "cc", *_FLAGS),
            f"-Wl,-T,{runtime / _LINKER_SCRIPT}",
            *(part for folder in folders for part in ("-I", str(folder))),
            *(f"-ffile-prefix-map={folder}=." for folder in folders),
            *(str(source.absolute()) for source in (*own, *sources)),
            *("-o", str(result)),
        ]
        _run(command, Path(scratch))
        return result.read_bytes()


def _require_compiler() -> None:
    hint = f"`pip install ziglang=={COMPILER_VERSION}` brings the compiler"
    try:
        found = version("ziglang")
    except PackageNotFoundError as error:
        raise CompilerMissing("there is no compiler for the machine", hint=hint) from error
    if found != COMPILER_VERSION:
        raise CompilerMissing(
            f"the compiler is ziglang {found}, and programs are built with {COMPILER_VERSION}",
            hint=hint,
        )


def _find_runtime() -> Path:
    for folder in _RUNTIMES:
        if (folder / _LINKER_SCRIPT).is_file():
            return folder
    raise CompilerMissing("the runtime of programs was not installed")


def _run(command: Sequence[str], scratch: Path) -> None:
    environment = os.environ | {"ZIG_LOCAL_CACHE_DIR": str(scratch / "cache")}
    try:
        done = subprocess.run(  # noqa: S603 - our own command; the sources are data to it
            command,
            cwd=scratch,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RefusedSource(
            f"the compiler was not done within {_PATIENCE_SECONDS:.0f} s"
        ) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it did not say why"]
        first = next((line for line in lines if "error" in line), lines[0])
        raise RefusedSource(f"the sources do not compile: {first}", lines[:_MOST_LINES])
