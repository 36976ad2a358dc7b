# pragma version 0.4.3
"""
@title Access to memory
@license MIT
@notice Whether an address can be fetched from, loaded from or stored to, and where in its leaf it is.
        Alignment is checked before bounds; both also where the result goes to register 0.
@dev Twin: pekanu.machine.instructions.access.
"""

from . import isa
from . import state as state_lib

#: Typed, since a literal before a shift is taken for a small integer.
ONE: constant(uint256) = 1


@internal
@pure
def check_fetch(state: state_lib.State) -> uint256:
    """
    @notice The cause for which an instruction cannot be fetched from pc, or RUNNING.
    """
    pc: uint256 = state_lib.get_pc(state)
    if pc & 3 != 0:
        return state_lib.MISALIGNED_JUMP
    if pc >= isa.TEXT_SIZE:
        return state_lib.FETCH_FAULT
    return state_lib.RUNNING


@internal
@pure
def check_access(state: state_lib.State, instruction: isa.Instruction) -> uint256:
    """
    @notice The cause for which a load or store traps, or RUNNING.
    """
    address_: uint256 = self.get_address(state, instruction)
    is_store: bool = self.is_access(instruction, isa.STORES)
    # The last two bits of an access's funct3 are the logarithm of its size.
    if address_ & ((ONE << (instruction.op & 3)) - 1) != 0:
        return state_lib.MISALIGNED_STORE if is_store else state_lib.MISALIGNED_LOAD
    if address_ >= isa.MEMORY_SIZE:
        return state_lib.STORE_FAULT if is_store else state_lib.LOAD_FAULT
    return state_lib.RUNNING


@internal
@pure
def is_access(instruction: isa.Instruction, family: uint256) -> bool:
    """
    @notice Whether an instruction is of a family: LOADS or STORES.
    """
    return instruction.op >> 4 == family >> 4


@internal
@pure
def get_address(state: state_lib.State, instruction: isa.Instruction) -> uint256:
    """
    @notice The address of a load or store: rs1 + imm, modulo 2^32.
    """
    return unsafe_add(state_lib.read(state, instruction.rs1), instruction.imm) & isa.WORD_MASK


@internal
@pure
def get_start(state: state_lib.State, instruction: isa.Instruction) -> uint256:
    """
    @notice The bit at which a load or store begins in its leaf, a little-endian number.
    """
    return (self.get_address(state, instruction) & 31) << 3
