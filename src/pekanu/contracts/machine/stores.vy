# pragma version 0.4.3
"""
@title Stores
@license MIT
@notice Instructions that write memory, and give the changed leaf. Their address is known to be aligned
        and within memory.
@dev Twin: pekanu.machine.instructions.stores.
"""

from . import access
from . import isa
from . import state as state_lib


@internal
@pure
def replace(leaf: uint256, start: uint256, mask: uint256, number: uint256) -> uint256:
    """
    @notice A leaf with the bits under a mask, from a place on, set to those of a number.
    """
    return leaf ^ ((((leaf >> start) ^ number) & mask) << start)


@internal
@pure
def sb(
    state: state_lib.State, instruction: isa.Instruction, leaf: uint256
) -> (state_lib.State, uint256):
    """
    @notice Store the lower byte of rs2.
    """
    # Operands
    start: uint256 = access.get_start(state, instruction)
    number: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    changed: uint256 = self.replace(leaf, start, 255, number)
    # Program counter
    return state_lib.advance(state), changed


@internal
@pure
def sh(
    state: state_lib.State, instruction: isa.Instruction, leaf: uint256
) -> (state_lib.State, uint256):
    """
    @notice Store the lower half-word of rs2.
    """
    # Operands
    start: uint256 = access.get_start(state, instruction)
    number: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    changed: uint256 = self.replace(leaf, start, 65535, number)
    # Program counter
    return state_lib.advance(state), changed


@internal
@pure
def sw(
    state: state_lib.State, instruction: isa.Instruction, leaf: uint256
) -> (state_lib.State, uint256):
    """
    @notice Store rs2.
    """
    # Operands
    start: uint256 = access.get_start(state, instruction)
    number: uint256 = state_lib.read(state, instruction.rs2)
    # Operation
    changed: uint256 = self.replace(leaf, start, isa.WORD_MASK, number)
    # Program counter
    return state_lib.advance(state), changed


@internal
@pure
def execute(
    state: state_lib.State, instruction: isa.Instruction, leaf: uint256
) -> (state_lib.State, uint256):
    """
    @notice Do one of these instructions; the leaf is what it makes of it.
    """
    if instruction.op == isa.SB:
        return self.sb(state, instruction, leaf)
    if instruction.op == isa.SH:
        return self.sh(state, instruction, leaf)
    return self.sw(state, instruction, leaf)
