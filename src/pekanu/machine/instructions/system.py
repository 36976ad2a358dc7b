"""Instructions that speak to the surroundings; there is little to say.

Twin: contracts/machine/system.vy.
"""

from __future__ import annotations

from typing import Final

from pekanu.machine.isa import A0, A7, EXIT_CALL, Instruction, Op
from pekanu.machine.state import MachineState, Status, advance, halt, read, trap


def fence(state: MachineState, instruction: Instruction) -> None:  # noqa: ARG001
    """Order memory accesses: they are in order."""
    # Program counter
    advance(state)


def ecall(state: MachineState, instruction: Instruction) -> None:  # noqa: ARG001
    """Halt with exit code a0 if a7 is EXIT_CALL, else trap."""
    # Operands
    number = read(state, A7)
    exit_code = read(state, A0)
    # Operation
    if number == EXIT_CALL:
        halt(state, exit_code)
    else:
        trap(state, Status.ECALL)


def ebreak(state: MachineState, instruction: Instruction) -> None:  # noqa: ARG001
    """Trap."""
    # Operation
    trap(state, Status.BREAKPOINT)


#: What each instruction does.
_TABLE: Final = {
    Op.FENCE: fence,
    Op.ECALL: ecall,
    Op.EBREAK: ebreak,
}


def execute(state: MachineState, instruction: Instruction) -> None:
    """Do one of these instructions."""
    _TABLE[instruction.op](state, instruction)
