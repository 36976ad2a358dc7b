"""Instructions that choose where to go on: branches and jumps.

A jump, or a branch that is taken, to an address that is no multiple of 4 traps and writes nothing.
Twin: contracts/machine/control.vy.
"""

from __future__ import annotations

from typing import Final

from pekanu.machine.isa import EVEN_MASK, SIGN_BIT, WORD_MASK, Instruction, Op
from pekanu.machine.state import (
    MachineState,
    Status,
    advance,
    get_pc,
    read,
    set_pc,
    trap,
    write,
)


def branch(state: MachineState, instruction: Instruction, taken: bool) -> None:  # noqa: FBT001
    """Go on at pc + imm if the branch is taken, else behind it."""
    if not taken:
        advance(state)
        return
    target = (get_pc(state) + instruction.imm) & WORD_MASK
    if target & 3:
        trap(state, Status.MISALIGNED_JUMP)
        return
    set_pc(state, target)


def beq(state: MachineState, instruction: Instruction) -> None:
    """Branch if rs1 = rs2."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    taken = left == right
    # Program counter
    branch(state, instruction, taken)


def bne(state: MachineState, instruction: Instruction) -> None:
    """Branch if rs1 and rs2 differ."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    taken = left != right
    # Program counter
    branch(state, instruction, taken)


def blt(state: MachineState, instruction: Instruction) -> None:
    """Branch if rs1 < rs2, both signed."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    taken = (left ^ SIGN_BIT) < (right ^ SIGN_BIT)
    # Program counter
    branch(state, instruction, taken)


def bge(state: MachineState, instruction: Instruction) -> None:
    """Branch if rs1 >= rs2, both signed."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    taken = (left ^ SIGN_BIT) >= (right ^ SIGN_BIT)
    # Program counter
    branch(state, instruction, taken)


def bltu(state: MachineState, instruction: Instruction) -> None:
    """Branch if rs1 < rs2, both unsigned."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    taken = left < right
    # Program counter
    branch(state, instruction, taken)


def bgeu(state: MachineState, instruction: Instruction) -> None:
    """Branch if rs1 >= rs2, both unsigned."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    taken = left >= right
    # Program counter
    branch(state, instruction, taken)


def jal(state: MachineState, instruction: Instruction) -> None:
    """Jump to pc + imm; rd = the address of the next instruction."""
    # Operands
    pc = get_pc(state)
    # Operation
    target = (pc + instruction.imm) & WORD_MASK
    if target & 3:
        trap(state, Status.MISALIGNED_JUMP)
        return
    write(state, instruction.rd, pc + 4)
    # Program counter
    set_pc(state, target)


def jalr(state: MachineState, instruction: Instruction) -> None:
    """Jump to rs1 + imm, its last bit cleared; rd = the address of the next instruction."""
    # Operands
    pc = get_pc(state)
    left = read(state, instruction.rs1)
    # Operation
    target = (left + instruction.imm) & EVEN_MASK
    if target & 3:
        trap(state, Status.MISALIGNED_JUMP)
        return
    write(state, instruction.rd, pc + 4)
    # Program counter
    set_pc(state, target)


#: What each instruction does.
_TABLE: Final = {
    Op.BEQ: beq,
    Op.BNE: bne,
    Op.BLT: blt,
    Op.BGE: bge,
    Op.BLTU: bltu,
    Op.BGEU: bgeu,
    Op.JAL: jal,
    Op.JALR: jalr,
}


def execute(state: MachineState, instruction: Instruction) -> None:
    """Do one of these instructions."""
    _TABLE[instruction.op](state, instruction)
