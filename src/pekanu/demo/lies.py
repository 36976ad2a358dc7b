"""States that never were: what a party shows that lies in a dispute, and does so consistently.

From some step on every state is the true one with something changed, so that the liar can answer
each question, and in the end there is one instruction that does not lead where it says.
The demonstration and the tests alone use it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pekanu.machine.isa import CONTENT_OFFSET, OUTPUT_BASE
from pekanu.machine.state import MachineState, Status
from pekanu.machine.trace import States
from pekanu.types import Hash32

#: Makes a state another one, in place.
Change: TypeAlias = Callable[[MachineState], None]
#: A register that no compiler uses for anything: the thread pointer.
_UNUSED: Final = 4


@dataclass(frozen=True, slots=True)
class FalseStates:
    """The states of an execution that departs from the true one.

    Args:
        true: The true states.
        departs: The first step whose state is false.
        change: What is false about it and all later ones.
    """

    true: States
    departs: int
    change: Change

    def get_roots(self, steps: Sequence[int]) -> list[Hash32]:
        """Return the roots of the states at some steps, which rise."""
        kept = [step for step in steps if step < self.departs]
        roots = self.true.get_roots(kept) if kept else []
        return roots + [self.get_state(step).root for step in steps[len(kept) :]]

    def get_state(self, step: int) -> MachineState:
        """Return the whole state at a step."""
        state = self.true.get_state(step)
        if step >= self.departs:
            self.change(state)
        return state

    def release(self) -> None:
        """Give back what was kept for the next question."""
        self.true.release()

    def stop(self) -> None:
        """Make calls under way, and later ones, fail."""
        self.true.stop()


@dataclass(frozen=True, slots=True)
class Lie:
    """How somebody lies about executions.

    Args:
        departs: Gives the first false step from the number of steps to an execution's end.
        change: What is false from then on.
        items: The items about which; None lies about all.
    """

    departs: Callable[[int], int]
    change: Change
    items: frozenset[int] | None = None

    def is_about(self, item: int) -> bool:
        """Say whether it is told about an item."""
        return self.items is None or item in self.items

    def tell(self, true: States, end: int) -> FalseStates:
        """Return the false states of an execution.

        Args:
            true: The true ones.
            end: Steps to its end.
        """
        return FalseStates(true, self.departs(end), self.change)


def scramble(state: MachineState) -> None:
    """Change a register that the program does not use."""
    state.registers[_UNUSED] ^= 0x5A


def falsify_output(state: MachineState) -> None:
    """Change a bit in the middle of the output."""
    memory = state.memory
    size = int.from_bytes(memory.read(OUTPUT_BASE, 4), "little")
    place = OUTPUT_BASE + CONTENT_OFFSET + size // 2
    memory.write(place, bytes([memory.read(place, 1)[0] ^ 0x40]))


def falsify_exit_code(state: MachineState) -> None:
    """Say that the program halted with another exit code, as trapped programs have none."""
    state.status = Status.HALTED
    state.exit_code ^= 1


def hide_trap(state: MachineState) -> None:
    """Say that a program that trapped halted well."""
    state.status, state.exit_code = Status.HALTED, 0


def deny_end(state: MachineState) -> None:
    """Say that a program that has ended still runs."""
    state.status, state.exit_code = Status.RUNNING, 0
