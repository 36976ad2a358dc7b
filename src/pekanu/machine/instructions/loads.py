"""Instructions that read memory. Their address is known to be aligned and within memory.

Twin: contracts/machine/loads.vy.
"""

from __future__ import annotations

from typing import Final

from pekanu.machine.instructions.access import get_start
from pekanu.machine.isa import WORD_MASK, Instruction, Op, extend_sign
from pekanu.machine.state import MachineState, advance, write


def lb(state: MachineState, instruction: Instruction, leaf: int) -> None:
    """Load a byte, its sign extended."""
    # Operands
    start = get_start(state, instruction)
    # Operation
    write(state, instruction.rd, extend_sign((leaf >> start) & 0xFF, 0x80))
    # Program counter
    advance(state)


def lh(state: MachineState, instruction: Instruction, leaf: int) -> None:
    """Load a half-word, its sign extended."""
    # Operands
    start = get_start(state, instruction)
    # Operation
    write(state, instruction.rd, extend_sign((leaf >> start) & 0xFFFF, 0x8000))
    # Program counter
    advance(state)


def lw(state: MachineState, instruction: Instruction, leaf: int) -> None:
    """Load a word."""
    # Operands
    start = get_start(state, instruction)
    # Operation
    write(state, instruction.rd, (leaf >> start) & WORD_MASK)
    # Program counter
    advance(state)


def lbu(state: MachineState, instruction: Instruction, leaf: int) -> None:
    """Load a byte."""
    # Operands
    start = get_start(state, instruction)
    # Operation
    write(state, instruction.rd, (leaf >> start) & 0xFF)
    # Program counter
    advance(state)


def lhu(state: MachineState, instruction: Instruction, leaf: int) -> None:
    """Load a half-word."""
    # Operands
    start = get_start(state, instruction)
    # Operation
    write(state, instruction.rd, (leaf >> start) & 0xFFFF)
    # Program counter
    advance(state)


#: What each instruction does.
_TABLE: Final = {
    Op.LB: lb,
    Op.LH: lh,
    Op.LW: lw,
    Op.LBU: lbu,
    Op.LHU: lhu,
}


def execute(state: MachineState, instruction: Instruction, leaf: int) -> None:
    """Do one of these instructions."""
    _TABLE[instruction.op](state, instruction, leaf)
