# pragma version 0.4.3
"""
@title Branches and jumps
@license MIT
@notice Instructions that choose where to go on. A jump, or a branch that is taken, to an address that
        is no multiple of 4 traps and writes nothing.
@dev Twin: pekanu.machine.instructions.control.
"""

from . import isa
from . import state as state_lib


@internal
@pure
def branch(state: state_lib.State, instruction: isa.Instruction, taken: bool) -> state_lib.State:
    """
    @notice Go on at pc + imm if the branch is taken, else behind it.
    """
    if not taken:
        return state_lib.advance(state)
    target: uint256 = unsafe_add(state_lib.get_pc(state), instruction.imm) & isa.WORD_MASK
    if target & 3 != 0:
        return state_lib.trap(state, state_lib.MISALIGNED_JUMP)
    return state_lib.set_pc(state, target)


@internal
@pure
def beq(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Branch if rs1 = rs2.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    taken: bool = left == right
    # Program counter
    return self.branch(state, instruction, taken)


@internal
@pure
def bne(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Branch if rs1 and rs2 differ.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    taken: bool = left != right
    # Program counter
    return self.branch(state, instruction, taken)


@internal
@pure
def blt(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Branch if rs1 < rs2, both signed.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    taken: bool = (left ^ isa.SIGN_BIT) < (right ^ isa.SIGN_BIT)
    # Program counter
    return self.branch(state, instruction, taken)


@internal
@pure
def bge(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Branch if rs1 >= rs2, both signed.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    taken: bool = (left ^ isa.SIGN_BIT) >= (right ^ isa.SIGN_BIT)
    # Program counter
    return self.branch(state, instruction, taken)


@internal
@pure
def bltu(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Branch if rs1 < rs2, both unsigned.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    taken: bool = left < right
    # Program counter
    return self.branch(state, instruction, taken)


@internal
@pure
def bgeu(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Branch if rs1 >= rs2, both unsigned.
    """
    # Operands
    left: uint256 = state_lib.read(state, instruction.rs1)
    right: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    taken: bool = left >= right
    # Program counter
    return self.branch(state, instruction, taken)


@internal
@pure
def jal(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Jump to pc + imm; rd = the address of the next instruction.
    """
    # Operands
    pc: uint256 = state_lib.get_pc(state)
    # Operation
    target: uint256 = unsafe_add(pc, instruction.imm) & isa.WORD_MASK
    if target & 3 != 0:
        return state_lib.trap(state, state_lib.MISALIGNED_JUMP)
    state = state_lib.write(state, instruction.rd, unsafe_add(pc, 4))
    # Program counter
    return state_lib.set_pc(state, target)


@internal
@pure
def jalr(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Jump to rs1 + imm, its last bit cleared; rd = the address of the next instruction.
    """
    # Operands
    pc: uint256 = state_lib.get_pc(state)
    left: uint256 = state_lib.read(state, instruction.rs1)
    # Operation
    target: uint256 = unsafe_add(left, instruction.imm) & isa.EVEN_MASK
    if target & 3 != 0:
        return state_lib.trap(state, state_lib.MISALIGNED_JUMP)
    state = state_lib.write(state, instruction.rd, unsafe_add(pc, 4))
    # Program counter
    return state_lib.set_pc(state, target)


@internal
@pure
def execute(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Do one of these instructions.
    """
    if instruction.op == isa.BEQ:
        return self.beq(state, instruction)
    if instruction.op == isa.BNE:
        return self.bne(state, instruction)
    if instruction.op == isa.BLT:
        return self.blt(state, instruction)
    if instruction.op == isa.BGE:
        return self.bge(state, instruction)
    if instruction.op == isa.BLTU:
        return self.bltu(state, instruction)
    if instruction.op == isa.BGEU:
        return self.bgeu(state, instruction)
    if instruction.op == isa.JAL:
        return self.jal(state, instruction)
    return self.jalr(state, instruction)
