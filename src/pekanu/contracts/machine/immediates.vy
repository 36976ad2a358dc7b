# pragma version 0.4.3
"""
@title Arithmetic with an immediate
@license MIT
@notice Instructions that compute a register from another, or from pc, and an immediate.
@dev Twin: pekanu.machine.instructions.immediates.
"""

from . import isa
from . import state as state_lib


@internal
@pure
def addi(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Add: rd = rs1 + imm.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    # Operation
    result: uint256 = unsafe_add(left, instruction.imm)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def slli(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Shift left by imm.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    # Operation
    result: uint256 = left << instruction.imm
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def slti(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Set rd to whether rs1 < imm, both signed.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    # Operation
    right: uint256 = instruction.imm & isa.WORD_MASK
    result: uint256 = convert((left ^ isa.SIGN_BIT) < (right ^ isa.SIGN_BIT), uint256)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def sltiu(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Set rd to whether rs1 < imm, its sign extended and then both unsigned.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    # Operation
    result: uint256 = convert(left < (instruction.imm & isa.WORD_MASK), uint256)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def xori(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Exclusive or: rd = rs1 ^ imm.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    # Operation
    result: uint256 = left ^ instruction.imm
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def srli(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Shift right by imm, zeros coming in.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    # Operation
    result: uint256 = left >> instruction.imm
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def ori(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Or: rd = rs1 | imm.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    # Operation
    result: uint256 = left | instruction.imm
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def andi(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice And: rd = rs1 & imm.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    # Operation
    result: uint256 = left & instruction.imm
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def srai(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Shift right by imm, the sign coming in.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    # Operation
    result: uint256 = isa.extend_sign(left, isa.SIGN_BIT) >> instruction.imm
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def lui(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Load the upper immediate: rd = imm.
    """
    # Operation
    result: uint256 = instruction.imm
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def auipc(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Add the upper immediate to pc: rd = pc + imm.
    """
    # Operands
    pc: uint256 = state_lib.get_pc(state)
    # Operation
    result: uint256 = unsafe_add(pc, instruction.imm)
    state = state_lib.write(state, instruction.rd, result)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def execute(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Do one of these instructions.
    """
    if instruction.op == isa.ADDI:
        return self.addi(state, instruction)
    if instruction.op == isa.SLLI:
        return self.slli(state, instruction)
    if instruction.op == isa.SLTI:
        return self.slti(state, instruction)
    if instruction.op == isa.SLTIU:
        return self.sltiu(state, instruction)
    if instruction.op == isa.XORI:
        return self.xori(state, instruction)
    if instruction.op == isa.SRLI:
        return self.srli(state, instruction)
    if instruction.op == isa.ORI:
        return self.ori(state, instruction)
    if instruction.op == isa.ANDI:
        return self.andi(state, instruction)
    if instruction.op == isa.SRAI:
        return self.srai(state, instruction)
    if instruction.op == isa.LUI:
        return self.lui(state, instruction)
    return self.auipc(state, instruction)
