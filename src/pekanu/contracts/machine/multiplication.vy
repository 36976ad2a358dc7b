# pragma version 0.4.3
"""
@title Products, quotients and remainders
@license MIT
@notice The M extension. Division by zero gives all ones and the dividend as remainder; the smallest
        number by -1 gives itself and 0. Nothing traps.
@dev Twin: pekanu.machine.instructions.multiplication.
"""

from . import isa
from . import state as state_lib


@internal
@pure
def get_magnitude(number: uint256) -> uint256:
    """
    @notice The absolute value of a signed word.
    """
    if number & isa.SIGN_BIT != 0:
        return isa.WORD_MASK + 1 - number
    return number


@internal
@pure
def mul(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Multiply: rd = the lower half of rs1 * rs2.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = unsafe_mul(left, right)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def mulh(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Multiply: rd = the upper half of rs1 * rs2, both signed.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    product: uint256 = unsafe_mul(isa.extend_sign(left, isa.SIGN_BIT), isa.extend_sign(right, isa.SIGN_BIT))
    result: uint256 = product >> 32
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def mulhsu(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Multiply: rd = the upper half of rs1 * rs2, rs1 signed, rs2 unsigned.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    product: uint256 = unsafe_mul(isa.extend_sign(left, isa.SIGN_BIT), right)
    result: uint256 = product >> 32
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def mulhu(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Multiply: rd = the upper half of rs1 * rs2, both unsigned.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    product: uint256 = unsafe_mul(left, right)
    result: uint256 = product >> 32
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def div(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Divide: rd = rs1 / rs2, both signed, towards zero.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = isa.WORD_MASK
    if right != 0:
        result = self.get_magnitude(left) // self.get_magnitude(right)
        if (left ^ right) & isa.SIGN_BIT != 0:
            result = unsafe_sub(0, result)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def divu(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Divide: rd = rs1 / rs2, both unsigned.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = isa.WORD_MASK
    if right != 0:
        result = left // right
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def rem(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Remainder of rs1 / rs2, both signed; it has the sign of rs1.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = left
    if right != 0:
        result = self.get_magnitude(left) % self.get_magnitude(right)
        if left & isa.SIGN_BIT != 0:
            result = unsafe_sub(0, result)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def remu(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Remainder of rs1 / rs2, both unsigned.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = left
    if right != 0:
        result = left % right
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def execute(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Do one of these instructions.
    """
    if instruction.op == isa.MUL:
        return self.mul(state, instruction)
    if instruction.op == isa.MULH:
        return self.mulh(state, instruction)
    if instruction.op == isa.MULHSU:
        return self.mulhsu(state, instruction)
    if instruction.op == isa.MULHU:
        return self.mulhu(state, instruction)
    if instruction.op == isa.DIV:
        return self.div(state, instruction)
    if instruction.op == isa.DIVU:
        return self.divu(state, instruction)
    if instruction.op == isa.REM:
        return self.rem(state, instruction)
    return self.remu(state, instruction)
