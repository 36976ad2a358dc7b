# pragma version 0.4.3
"""
@title Loads
@license MIT
@notice Instructions that read memory. Their address is known to be aligned and within memory.
@dev Twin: pekanu.machine.instructions.loads.
"""

from . import access
from . import isa
from . import state as state_lib


@internal
@pure
def lb(state: state_lib.State, instruction: isa.Instruction, leaf: uint256) -> state_lib.State:
    """
    @notice Load a byte, its sign extended.
    """
    # Operands
    start: uint256 = access.get_start(state, instruction)
    # Operation
    state = state_lib.write(state, instruction.rd, isa.extend_sign((leaf >> start) & 255, 128))
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def lh(state: state_lib.State, instruction: isa.Instruction, leaf: uint256) -> state_lib.State:
    """
    @notice Load a half-word, its sign extended.
    """
    # Operands
    start: uint256 = access.get_start(state, instruction)
    # Operation
    state = state_lib.write(state, instruction.rd, isa.extend_sign((leaf >> start) & 65535, 32768))
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def lw(state: state_lib.State, instruction: isa.Instruction, leaf: uint256) -> state_lib.State:
    """
    @notice Load a word.
    """
    # Operands
    start: uint256 = access.get_start(state, instruction)
    # Operation
    state = state_lib.write(state, instruction.rd, (leaf >> start) & isa.WORD_MASK)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def lbu(state: state_lib.State, instruction: isa.Instruction, leaf: uint256) -> state_lib.State:
    """
    @notice Load a byte.
    """
    # Operands
    start: uint256 = access.get_start(state, instruction)
    # Operation
    state = state_lib.write(state, instruction.rd, (leaf >> start) & 255)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def lhu(state: state_lib.State, instruction: isa.Instruction, leaf: uint256) -> state_lib.State:
    """
    @notice Load a half-word.
    """
    # Operands
    start: uint256 = access.get_start(state, instruction)
    # Operation
    state = state_lib.write(state, instruction.rd, (leaf >> start) & 65535)
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def execute(
    state: state_lib.State, instruction: isa.Instruction, leaf: uint256
) -> state_lib.State:
    """
    @notice Do one of these instructions.
    """
    if instruction.op == isa.LB:
        return self.lb(state, instruction, leaf)
    if instruction.op == isa.LH:
        return self.lh(state, instruction, leaf)
    if instruction.op == isa.LW:
        return self.lw(state, instruction, leaf)
    if instruction.op == isa.LBU:
        return self.lbu(state, instruction, leaf)
    return self.lhu(state, instruction, leaf)
