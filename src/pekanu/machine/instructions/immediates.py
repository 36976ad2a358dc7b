"""Instructions that compute a register from another, or from pc, and an immediate.

Twin: contracts/machine/immediates.vy.
"""

from __future__ import annotations

from typing import Final

from pekanu.machine.isa import SIGN_BIT, WORD_MASK, Instruction, Op, extend_sign
from pekanu.machine.state import MachineState, advance, get_pc, read, write


def addi(state: MachineState, instruction: Instruction) -> None:
    """Add: rd = rs1 + imm."""
    # Operands
    left = read(state, instruction.rs1)
    # Operation
    result = left + instruction.imm
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def slli(state: MachineState, instruction: Instruction) -> None:
    """Shift left by imm."""
    # Operands
    left = read(state, instruction.rs1)
    # Operation
    result = left << instruction.imm
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def slti(state: MachineState, instruction: Instruction) -> None:
    """Set rd to whether rs1 < imm, both signed."""
    # Operands
    left = read(state, instruction.rs1)
    # Operation
    right = instruction.imm & WORD_MASK
    result = int((left ^ SIGN_BIT) < (right ^ SIGN_BIT))
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def sltiu(state: MachineState, instruction: Instruction) -> None:
    """Set rd to whether rs1 < imm, its sign extended and then both unsigned."""
    # Operands
    left = read(state, instruction.rs1)
    # Operation
    result = int(left < (instruction.imm & WORD_MASK))
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def xori(state: MachineState, instruction: Instruction) -> None:
    """Exclusive or: rd = rs1 ^ imm."""
    # Operands
    left = read(state, instruction.rs1)
    # Operation
    result = left ^ instruction.imm
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def srli(state: MachineState, instruction: Instruction) -> None:
    """Shift right by imm, zeros coming in."""
    # Operands
    left = read(state, instruction.rs1)
    # Operation
    result = left >> instruction.imm
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def ori(state: MachineState, instruction: Instruction) -> None:
    """Or: rd = rs1 | imm."""
    # Operands
    left = read(state, instruction.rs1)
    # Operation
    result = left | instruction.imm
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def andi(state: MachineState, instruction: Instruction) -> None:
    """And: rd = rs1 & imm."""
    # Operands
    left = read(state, instruction.rs1)
    # Operation
    result = left & instruction.imm
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def srai(state: MachineState, instruction: Instruction) -> None:
    """Shift right by imm, the sign coming in."""
    # Operands
    left = read(state, instruction.rs1)
    # Operation
    result = extend_sign(left, SIGN_BIT) >> instruction.imm
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def lui(state: MachineState, instruction: Instruction) -> None:
    """Load the upper immediate: rd = imm."""
    # Operation
    result = instruction.imm
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def auipc(state: MachineState, instruction: Instruction) -> None:
    """Add the upper immediate to pc: rd = pc + imm."""
    # Operands
    pc = get_pc(state)
    # Operation
    result = pc + instruction.imm
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


#: What each instruction does.
_TABLE: Final = {
    Op.ADDI: addi,
    Op.SLLI: slli,
    Op.SLTI: slti,
    Op.SLTIU: sltiu,
    Op.XORI: xori,
    Op.SRLI: srli,
    Op.ORI: ori,
    Op.ANDI: andi,
    Op.SRAI: srai,
    Op.LUI: lui,
    Op.AUIPC: auipc,
}


def execute(state: MachineState, instruction: Instruction) -> None:
    """Do one of these instructions."""
    _TABLE[instruction.op](state, instruction)
