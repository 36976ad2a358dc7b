"""Running one item of a task on the machine; loaded by the process that executes.

What a run comes to is a result whatever the program did: halted with any code, trapped, or still
running where it was told to stop. All are paid for.
Not here: processes and limits (`process_executor`), the result's form (`pekanu.dispute.ending`).
Source: design/machine.md, "State commitment".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pekanu.dispute.ending import build_result, get_output
from pekanu.errors import ExecutionFailed
from pekanu.machine.checkpoints import SPACING_SECONDS, evict
from pekanu.machine.elf import load_elf
from pekanu.machine.executor import run
from pekanu.machine.program import Program
from pekanu.node.executors import ItemRun

#: Bytes of states that a task's items leave together, roughly. Those of the items that were run
#: first go first; a dispute about one of them begins by running it again.
_STATE_BYTES: Final = 1 << 30
#: What those of one item may take.
_ITEM_STATE_BYTES: Final = _STATE_BYTES // 2


class GuestRunner:
    """Runs a program on one input after the other.

    Args:
        program: What is run.
        max_steps: Where it is stopped.
        expected_steps: What an item is expected to take, for progress alone; 0 is unknown.
        cache: Compiled programs.
        states: Where states of long runs are left and taken up; None leaves none.
    """

    def __init__(
        self,
        program: Program,
        *,
        max_steps: int,
        expected_steps: int = 0,
        cache: Path | None = None,
        states: Path | None = None,
    ) -> None:
        self._program, self._max_steps = program, max_steps
        self._expected = expected_steps or max_steps
        self._cache, self._states = cache, states

    def run(self, content: bytes, progress: Callable[[float], None]) -> ItemRun:
        """Return what the program comes to on an input.

        Raises:
            InputTooLong: The input does not fit the machine's memory.
        """
        found = run(
            self._program,
            content,
            max_steps=self._max_steps,
            cache=self._cache,
            checkpoints=self._states,
            checkpoint_bytes=_ITEM_STATE_BYTES,
            progress=lambda steps: progress(steps / self._expected),
        )
        if self._states is not None and found.seconds > SPACING_SECONDS:
            evict(self._states, _STATE_BYTES)
        return ItemRun(
            result=build_result(found.state),
            output=get_output(found.state.memory),
            steps=found.steps,
        )


def load(order: dict[str, Any]) -> GuestRunner:
    """Return the runner for a job, as `child_process` describes it.

    Raises:
        InvalidProgram: The file is none that the machine can run.
        ExecutionFailed: It holds another program than the job's.
    """
    return GuestRunner(
        _load_program(order["program"], order["program_id"]),
        max_steps=order["max_steps"],
        expected_steps=order["expected_steps"],
        cache=Path(order["cache"]) if order["cache"] else None,
        states=Path(order["states"]) if order["states"] else None,
    )


def warm() -> None:
    """Have everything loaded and compiled that the first run would wait for."""
    # One word of zeros is no instruction: it traps at once, which is a result like others.
    program = Program(text=((0, bytes(4)),), image=(), entry=0)
    GuestRunner(program, max_steps=1).run(b"", lambda _: None)


@lru_cache(maxsize=8)
def _load_program(path: str, program_id: str) -> Program:
    program = load_elf(Path(path).read_bytes())
    if program.id.hex() != program_id:
        raise ExecutionFailed(f"{path} holds another program than the one that was sold")
    return program
