"""Runs programs: to their end or to any step, at full speed or by the reference.

`run` gives what a worker is paid for, `state_at` a state for the referee. Both may leave and use
checkpoints. Not here: how execution works (`engine`), one-step witnesses (`witness`).
Source: design/machine.md, "Fast executor".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

from pekanu.machine.checkpoints import MOST_BYTES, Checkpoints
from pekanu.machine.compiled import Compiled
from pekanu.machine.engine import Beginning, Machine, Start
from pekanu.machine.isa import OUTPUT_BASE, REGION_SIZE
from pekanu.machine.module_cache import get_module, is_ready
from pekanu.machine.program import Program, get_initial_state
from pekanu.machine.state import MachineState, Status
from pekanu.machine.step import step
from pekanu.machine.translate import layout
from pekanu.types import Hash32

#: Steps of the longest run: where a program is stopped that nobody else stops.
MOST_STEPS: Final = layout.MOST_STEPS
_OUTPUT_REGION: Final = OUTPUT_BASE // REGION_SIZE
#: Steps of the reference between two reports.
_REFERENCE_STRETCH: Final = 10_000

Progress = Callable[[int], None]
Interrupt = Callable[[], bool]


class Engine(StrEnum):
    """What executes; all give the same."""

    #: Translated code, and the interpreter for what is left.
    FAST = "fast"
    #: The compiled interpreter alone.
    EXACT = "exact"
    #: The clear definition, thousands of times slower.
    REFERENCE = "reference"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a program did."""

    program_id: Hash32
    #: The last state: halted, trapped, or still running where the run was told to stop.
    state: MachineState
    #: Steps from the beginning to that state, the one that halts or traps included.
    steps: int
    #: Steps that were taken here, without those that a checkpoint spared, and how long they took.
    steps_taken: int
    seconds: float

    @property
    def status(self) -> Status:
        """Whether the program runs, has halted, or has trapped and why."""
        return self.state.status

    @property
    def exit_code(self) -> int:
        """Of a halted program; else 0."""
        return self.state.exit_code

    @property
    def state_root(self) -> Hash32:
        """The commitment to the last state."""
        return self.state.root

    @property
    def output(self) -> bytes:
        """What the program left in the output region, whatever its status."""
        return self.state.memory.get_output()

    @property
    def output_root(self) -> Hash32:
        """The root of the output region."""
        return self.state.memory.get_region_root(_OUTPUT_REGION)

    @property
    def mips(self) -> float:
        """Millions of steps a second."""
        return self.steps_taken / max(self.seconds, 1e-9) / 1e6


def run(  # noqa: PLR0913 - each is a keyword of its own
    program: Program,
    content: bytes,
    *,
    max_steps: int | None = None,
    engine: Engine = Engine.FAST,
    cache: Path | None = None,
    checkpoints: Path | None = None,
    checkpoint_bytes: int = MOST_BYTES,
    progress: Progress | None = None,
    interrupt: Interrupt | None = None,
) -> Run:
    """Return what a program does on an input.

    Args:
        program: What is run.
        content: The input's bytes.
        max_steps: Where to stop a program that has not ended; None lets it run.
        engine: What executes.
        cache: A folder for compiled programs; None compiles anew in each process.
        checkpoints: A folder for states to begin from and to leave; None neither. The reference
            does not use them.
        checkpoint_bytes: What those of this run may take, roughly.
        progress: Called now and then with the steps so far.
        interrupt: Called now and then; if it returns True the run stops early, still running, and
            leaves a checkpoint to go on from.

    Raises:
        InputTooLong: The input does not fit the machine's memory.
    """
    most = MOST_STEPS if max_steps is None else min(max_steps, MOST_STEPS)
    if engine is Engine.REFERENCE:
        return _run_reference(program, content, most, progress, interrupt)
    left = None
    if checkpoints is not None:
        left = Checkpoints(checkpoints, program, content, most_bytes=checkpoint_bytes)
    start: Start = Beginning(program, content)
    if left is not None:
        start = left.find(most, start)
    machine = build_machine(program, start, engine=engine, cache=cache)
    if left is not None:
        left.begin(machine)
    started, first = time.perf_counter(), machine.steps
    told = partial(report, machine, left, progress)
    machine.advance(most - machine.steps, progress=told, interrupt=interrupt)
    if left is not None and machine.steps < most:
        left.offer(machine, at_once=True)
    seconds = time.perf_counter() - started
    return Run(
        program_id=program.id,
        state=machine.get_state(),
        steps=machine.steps,
        steps_taken=machine.steps - first,
        seconds=seconds,
    )


def state_at(  # noqa: PLR0913 - each is a keyword of its own
    program: Program,
    content: bytes,
    steps: int,
    *,
    cache: Path | None = None,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
    interrupt: Interrupt | None = None,
) -> MachineState:
    """Return the state after some steps; of a program that ended before, its last one.

    Args:
        program: What is run.
        content: The input's bytes.
        steps: From the beginning.
        cache: As `run` takes it.
        checkpoints: Likewise.
        progress: Likewise.
        interrupt: Likewise; the state is then an earlier one.

    Raises:
        InputTooLong: The input does not fit the machine's memory.
    """
    return run(
        program,
        content,
        max_steps=steps,
        cache=cache,
        checkpoints=checkpoints,
        progress=progress,
        interrupt=interrupt,
    ).state


def build_machine(
    program: Program, start: Start, *, engine: Engine = Engine.FAST, cache: Path | None = None
) -> Machine:
    """Return a machine, loaded, that has taken no step.

    Args:
        program: What is run.
        start: Where.
        engine: What executes: FAST or EXACT.
        cache: As `run` takes it.
    """

    def instantiate() -> Compiled:
        return Compiled(get_module(program, cache))

    is_fast = engine is Engine.FAST
    return Machine(
        program,
        start,
        instantiate if is_fast else None,
        is_ready=is_fast and is_ready(program, cache),
    )


def report(
    machine: Machine, checkpoints: Checkpoints | None, progress: Progress | None, steps: int
) -> None:
    """Leave a checkpoint if it is time, and pass on how far the machine is.

    Args:
        machine: Between two stretches.
        checkpoints: Of its run, if they are kept.
        progress: To whom it is passed on.
        steps: How far that is.
    """
    if checkpoints is not None:
        checkpoints.offer(machine)
    if progress is not None:
        progress(steps)


def _run_reference(
    program: Program,
    content: bytes,
    most: int,
    progress: Progress | None,
    interrupt: Interrupt | None,
) -> Run:
    """Return what the reference does."""
    started = time.perf_counter()
    state = get_initial_state(program, content)
    steps = 0
    while steps < most and state.status == Status.RUNNING:
        step(program, state)
        steps += 1
        if steps % _REFERENCE_STRETCH == 0:
            if progress is not None:
                progress(steps)
            if interrupt is not None and interrupt():
                break
    return Run(
        program_id=program.id,
        state=state,
        steps=steps,
        steps_taken=steps,
        seconds=time.perf_counter() - started,
    )
