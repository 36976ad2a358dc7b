"""How fast the machine runs programs, beside native code of the same C and another emulator.

All are timed in turn by the processor time that they take, the best of some runs each, so that
ratios hold on a machine that others use too. Native time is that of the better compiler, its
process's start included; the machine's time is that of the steps alone, all counted exactly.
Not here: the programs (`c_programs`).
Source: design/engineering.md, "Benchmarks".
"""

from __future__ import annotations

import importlib.util
import math
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pekanu.bench.c_programs import (
    SOFT_FLOAT,
    CProgram,
    compile_all,
    compile_guest,
    list_sources,
)
from pekanu.bench.large_program import write_large_program
from pekanu.bench.unicorn_peer import measure_unicorn
from pekanu.errors import ExecutionFailed
from pekanu.machine.engine import Beginning, Machine
from pekanu.machine.executor import build_machine
from pekanu.machine.program import Program
from pekanu.machine.state import Status
from pekanu.machine.translate import layout

#: Counted runs of each, after one to warm up.
RUNS: Final = 5
#: Functions of the program whose translation is timed: of at least 468 KiB.
_TRANSLATED_FUNCTIONS: Final = 910
#: Steps that the other emulator takes of each program, from its beginning.
_PEER_STEPS: Final = 50_000_000

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """One program's times, in seconds."""

    name: str
    compiler: str
    native: float
    fast: float
    steps: int
    text_bytes: int
    is_soft_float: bool
    #: Millions of steps a second of unicorn with an exact count, where it is installed.
    unicorn_mips: float | None

    @property
    def ratio(self) -> float:
        """The machine's time over native time."""
        return self.fast / self.native

    @property
    def mips(self) -> float:
        """Millions of steps a second."""
        return self.steps / self.fast / 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Translation:
    """How long it takes until a program of much text can run, in seconds."""

    text_bytes: int
    translated: float
    cached: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What was measured."""

    timings: list[Timing]
    translation: Translation

    @property
    def geometric_mean(self) -> float:
        """Of the ratios, but for soft-float."""
        return _get_mean([one.ratio for one in self.timings if not one.is_soft_float])

    @property
    def geometric_mean_with_soft_float(self) -> float:
        """Of all ratios."""
        return _get_mean([one.ratio for one in self.timings])

    @property
    def over_unicorn(self) -> float | None:
        """The geometric mean of how many times faster than unicorn the machine is, if known."""
        ratios = [one.mips / one.unicorn_mips for one in self.timings if one.unicorn_mips]
        return _get_mean(ratios) if ratios else None

    def to_json(self) -> dict[str, object]:
        """Return the report as a document."""
        programs = [
            {
                "name": one.name,
                "native": one.native,
                "compiler": one.compiler,
                "fast": one.fast,
                "ratio": one.ratio,
                "mips": one.mips,
                "steps": one.steps,
                "text_bytes": one.text_bytes,
                "soft_float": one.is_soft_float,
                "unicorn_mips": one.unicorn_mips,
            }
            for one in self.timings
        ]
        return {
            "programs": programs,
            "geometric_mean": self.geometric_mean,
            "geometric_mean_with_soft_float": self.geometric_mean_with_soft_float,
            "over_unicorn": self.over_unicorn,
            "translation": {
                "text_bytes": self.translation.text_bytes,
                "translated_seconds": self.translation.translated,
                "cached_seconds": self.translation.cached,
            },
        }


def measure(tell: Tell = lambda _name: None) -> Report:
    """Return the report.

    Args:
        tell: Called with what is done next.

    Raises:
        ExecutionFailed: Something is missing, or a program gives another result than natively.
    """
    with tempfile.TemporaryDirectory(prefix="pekanu-bench-") as name:
        folder = Path(name)
        tell("compiling")
        programs = compile_all(list_sources(folder))
        timings = []
        for program in programs:
            tell(program.name)
            timings.append(_time(program))
        tell("translation")
        return Report(timings=timings, translation=_time_translation(folder))


def _time(program: CProgram) -> Timing:
    native = dict.fromkeys(program.native, math.inf)
    fast, steps = math.inf, 0
    for number in range(RUNS + 1):
        outputs = set()
        for compiler, path in program.native.items():
            seconds, output = _run_native(path)
            native[compiler] = min(native[compiler], seconds)
            outputs.add(output)
        seconds, found = _run_guest(program.guest)
        outputs.add(_read_checksum(found))
        if len(outputs) != 1:
            raise ExecutionFailed(f"{program.name} gives {' and '.join(sorted(outputs))}")
        if number:
            fast, steps = min(fast, seconds), found.steps
    compiler = min(native, key=lambda one: native[one])
    return Timing(
        name=program.name,
        compiler=compiler,
        native=native[compiler],
        fast=fast,
        steps=steps,
        text_bytes=_get_text_size(program.guest),
        is_soft_float=program.name in SOFT_FLOAT,
        unicorn_mips=_measure_peer(program.guest),
    )


def _run_native(path: Path) -> tuple[float, str]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([path], capture_output=True, text=True, check=True)  # noqa: S603
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, done.stdout.strip()


def _run_guest(program: Program) -> tuple[float, Machine]:
    machine = build_machine(program, Beginning(program, b""))
    started = time.thread_time()
    machine.advance(layout.MOST_STEPS)
    return time.thread_time() - started, machine


def _read_checksum(found: Machine) -> str:
    if found.status is not Status.HALTED:
        return found.status.text
    return f"{int.from_bytes(found.get_state().memory.get_output(), 'little'):08x}"


def _measure_peer(program: Program) -> float | None:
    if importlib.util.find_spec("unicorn") is None:
        return None
    return measure_unicorn(program, _PEER_STEPS)


def _time_translation(folder: Path) -> Translation:
    """Time the first run of a program with much text, and its start from the cache."""
    source = folder / "translated.c"
    source.write_text(write_large_program(_TRANSLATED_FUNCTIONS, 1))
    program = compile_guest(source)
    # Imported late, as the executor does.
    from pekanu.machine.module_cache import forget, get_module  # noqa: PLC0415

    seconds = []
    for _ in range(2):
        forget()
        started = time.perf_counter()
        get_module(program, folder / "cache")
        seconds.append(time.perf_counter() - started)
    return Translation(text_bytes=_get_text_size(program), translated=seconds[0], cached=seconds[1])


def _get_text_size(program: Program) -> int:
    return sum(len(part) for _, part in program.text)


def _get_mean(ratios: list[float]) -> float:
    """Return the geometric mean."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))
