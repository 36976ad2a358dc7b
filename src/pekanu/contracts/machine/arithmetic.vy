# pragma version 0.4.3
"""
@title Arithmetic on two registers
@license MIT
@notice Instructions that compute a register from two others, without products.
@dev Twin: pekanu.machine.instructions.arithmetic.
"""

from . import isa
from . import state as state_lib


@internal
@pure
def add(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Add: rd = rs1 + rs2.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = unsafe_add(left, right)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def sub(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Subtract: rd = rs1 - rs2.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = unsafe_sub(left, right)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def sll(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Shift left by the lower five bits of rs2.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = left << (right & 31)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def slt(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Set rd to whether rs1 < rs2, both signed.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = convert((left ^ isa.SIGN_BIT) < (right ^ isa.SIGN_BIT), uint256)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def sltu(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Set rd to whether rs1 < rs2, both unsigned.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = convert(left < right, uint256)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def xor(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Exclusive or: rd = rs1 ^ rs2.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = left ^ right
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def srl(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Shift right by the lower five bits of rs2, zeros coming in.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = left >> (right & 31)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def sra(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Shift right by the lower five bits of rs2, the sign coming in.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = isa.extend_sign(left, isa.SIGN_BIT) >> (right & 31)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def or_(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Or: rd = rs1 | rs2.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = left | right
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def and_(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice And: rd = rs1 & rs2.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    result: uint256 = left & right
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def execute(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Do one of these instructions.
    """
    if instruction.op == isa.ADD:
        return self.add(state, instruction)
    if instruction.op == isa.SUB:
        return self.sub(state, instruction)
    if instruction.op == isa.SLL:
        return self.sll(state, instruction)
    if instruction.op == isa.SLT:
        return self.slt(state, instruction)
    if instruction.op == isa.SLTU:
        return self.sltu(state, instruction)
    if instruction.op == isa.XOR:
        return self.xor(state, instruction)
    if instruction.op == isa.SRL:
        return self.srl(state, instruction)
    if instruction.op == isa.SRA:
        return self.sra(state, instruction)
    if instruction.op == isa.OR_:
        return self.or_(state, instruction)
    return self.and_(state, instruction)
