"""The states of one run by step: any of them, in any order, again and again.

For a dispute, which asks for a few dozen roots at a time, ever closer together, and in the end for
the state before one step. A replay keeps its machine between two questions, goes to a step from
wherever is nearest, and hashes only the pages that differ from those it hashed last.

Not here: a plain run to the end (`executor`), what the roots are for (`pekanu.dispute`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pekanu.errors import ExecutionFailed
from pekanu.machine.checkpoints import Checkpoints
from pekanu.machine.engine import Beginning, Machine
from pekanu.machine.executor import build_machine, report
from pekanu.machine.program import Program
from pekanu.machine.state import MachineState, Status
from pekanu.machine.translate import layout
from pekanu.types import Hash32


class ReplayInterrupted(ExecutionFailed):
    """Whoever asked for a state no longer wants it."""

    def __init__(self, step: int) -> None:
        """Compose the sentence from the step that was reached."""
        super().__init__(f"the replay was interrupted at step {step}")
        self.step = step


class Replay:
    """A program's states on one input.

    Takes up to 1 GiB; not to be used by two threads at a time.

    Args:
        program: What is run.
        content: The input's bytes.
        cache: A folder for compiled programs; None compiles anew in each process.
        checkpoints: The folder that the run was given; None begins at step 0 for each step that
            lies before the last one asked for.
        progress: Called now and then with the step that is reached.
        interrupt: Called now and then; if it returns True the question is given up.

    Raises:
        InputTooLong: The input does not fit the machine's memory.
    """

    def __init__(
        self,
        program: Program,
        content: bytes,
        *,
        cache: Path | None = None,
        checkpoints: Path | None = None,
        progress: Callable[[int], None] | None = None,
        interrupt: Callable[[], bool] | None = None,
    ) -> None:
        """Load the beginning; take no step yet."""
        self._beginning = Beginning(program, content)
        self._left = None if checkpoints is None else Checkpoints(checkpoints, program, content)
        self._progress = progress
        self._interrupt = interrupt
        self._machine = build_machine(program, self._beginning, cache=cache)
        if self._left is not None:
            self._left.begin(self._machine)

    def get_roots(self, steps: Sequence[int]) -> list[Hash32]:
        """Return the roots of the states after some steps; quickest where they rise.

        Raises:
            ReplayInterrupted: By `interrupt`.
        """
        return [self._go(step).get_state(with_pages=False).root for step in steps]

    def get_state(self, step: int) -> MachineState:
        """Return the state after some steps; of a program that ended before, its last one.

        Raises:
            ReplayInterrupted: By `interrupt`.
        """
        return self._go(step).get_state()

    def _go(self, step: int) -> Machine:
        """Return the machine, after so many steps or at the program's end."""
        machine, step = self._machine, min(step, layout.MOST_STEPS)
        has_ended = machine.status != Status.RUNNING and machine.steps <= step
        nearest = 0 if self._left is None else self._left.get_last(step)
        if not has_ended and not nearest <= machine.steps <= step:
            self._restart(step)
        told = partial(report, machine, self._left, self._progress)
        machine.advance(step - machine.steps, progress=told, interrupt=self._interrupt)
        if machine.steps < step and machine.status == Status.RUNNING:
            raise ReplayInterrupted(machine.steps)
        return machine

    def _restart(self, step: int) -> None:
        """Go back or ahead to the last state up to a step that is kept."""
        if self._left is None:
            self._machine.restart(self._beginning)
        else:
            self._machine.restart(self._left.find(step, self._beginning))
            self._left.begin(self._machine)
