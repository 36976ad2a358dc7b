"""The M extension: products, quotients and remainders.

Division by zero gives all ones and the dividend as remainder; the smallest number by -1 gives
itself and 0. Nothing traps.

Twin: contracts/machine/multiplication.vy.
"""

from __future__ import annotations

from typing import Final

from pekanu.machine.isa import SIGN_BIT, WORD_MASK, Instruction, Op, extend_sign
from pekanu.machine.state import MachineState, advance, read, write


def get_magnitude(number: int) -> int:
    """Return the absolute value of a signed word."""
    if number & SIGN_BIT:
        return WORD_MASK + 1 - number
    return number


def mul(state: MachineState, instruction: Instruction) -> None:
    """Multiply: rd = the lower half of rs1 * rs2."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = left * right
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def mulh(state: MachineState, instruction: Instruction) -> None:
    """Multiply: rd = the upper half of rs1 * rs2, both signed."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    product = extend_sign(left, SIGN_BIT) * extend_sign(right, SIGN_BIT)
    result = product >> 32
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def mulhsu(state: MachineState, instruction: Instruction) -> None:
    """Multiply: rd = the upper half of rs1 * rs2, rs1 signed, rs2 unsigned."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    product = extend_sign(left, SIGN_BIT) * right
    result = product >> 32
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def mulhu(state: MachineState, instruction: Instruction) -> None:
    """Multiply: rd = the upper half of rs1 * rs2, both unsigned."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    product = left * right
    result = product >> 32
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def div(state: MachineState, instruction: Instruction) -> None:
    """Divide: rd = rs1 / rs2, both signed, towards zero."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = WORD_MASK
    if right != 0:
        result = get_magnitude(left) // get_magnitude(right)
        if (left ^ right) & SIGN_BIT:
            result = -result
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def divu(state: MachineState, instruction: Instruction) -> None:
    """Divide: rd = rs1 / rs2, both unsigned."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = WORD_MASK
    if right != 0:
        result = left // right
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def rem(state: MachineState, instruction: Instruction) -> None:
    """Remainder of rs1 / rs2, both signed; it has the sign of rs1."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = left
    if right != 0:
        result = get_magnitude(left) % get_magnitude(right)
        if left & SIGN_BIT:
            result = -result
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


def remu(state: MachineState, instruction: Instruction) -> None:
    """Remainder of rs1 / rs2, both unsigned."""
    # Operands
    left = read(state, instruction.rs1)
    right = read(state, instruction.rs2)
    # Operation
    result = left
    if right != 0:
        result = left % right
    write(state, instruction.rd, result)
    # Program counter
    advance(state)


#: What each instruction does.
_TABLE: Final = {
    Op.MUL: mul,
    Op.MULH: mulh,
    Op.MULHSU: mulhsu,
    Op.MULHU: mulhu,
    Op.DIV: div,
    Op.DIVU: divu,
    Op.REM: rem,
    Op.REMU: remu,
}


def execute(state: MachineState, instruction: Instruction) -> None:
    """Do one of these instructions."""
    _TABLE[instruction.op](state, instruction)
