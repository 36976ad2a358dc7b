"""Instructions that compute a register from two others, without products.

Twin: contracts/machine/arithmetic.vy.
"""

from __future__ import annotations

from typing import Final

from pekanu.machine.isa import SIGN_BIT, Instruction, Op, extend_sign
from pekanu.machine.state import MachineState, advance, read, write


def add(state: MachineState, instruction: Instruction) -> None:
    """Add: rd = rs1 + rs2."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = left + right
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def sub(state: MachineState, instruction: Instruction) -> None:
    """Subtract: rd = rs1 - rs2."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = left - right
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def sll(state: MachineState, instruction: Instruction) -> None:
    """Shift left by the lower five bits of rs2."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = left << (right & 31)
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def slt(state: MachineState, instruction: Instruction) -> None:
    """Set rd to whether rs1 < rs2, both signed."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = int((left ^ SIGN_BIT) < (right ^ SIGN_BIT))
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def sltu(state: MachineState, instruction: Instruction) -> None:
    """Set rd to whether rs1 < rs2, both unsigned."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = int(left < right)
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def xor(state: MachineState, instruction: Instruction) -> None:
    """Exclusive or: rd = rs1 ^ rs2."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = left ^ right
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def srl(state: MachineState, instruction: Instruction) -> None:
    """Shift right by the lower five bits of rs2, zeros coming in."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = left >> (right & 31)
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def sra(state: MachineState, instruction: Instruction) -> None:
    """Shift right by the lower five bits of rs2, the sign coming in."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = extend_sign(left, SIGN_BIT) >> (right & 31)
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def or_(state: MachineState, instruction: Instruction) -> None:
    """Or: rd = rs1 | rs2."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = left | right
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def and_(state: MachineState, instruction: Instruction) -> None:
    """And: rd = rs1 & rs2."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = left & right
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


#: What each instruction does.
_TABLE: Final = {
    Op.ADD: add,
    Op.SUB: sub,
    Op.SLL: sll,
    Op.SLT: slt,
    Op.SLTU: sltu,
    Op.XOR: xor,
    Op.SRL: srl,
    Op.SRA: sra,
    Op.OR: or_,
    Op.AND: and_,
}


def execute(state: MachineState, instruction: Instruction) -> None:
    """Do one of these instructions."""
    _TABLE[instruction.op](state, instruction)
