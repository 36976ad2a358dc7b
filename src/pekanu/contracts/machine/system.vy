# pragma version 0.4.3
"""
@title System instructions
@license MIT
@notice Instructions that speak to the surroundings; there is little to say.
@dev Twin: pekanu.machine.instructions.system.
"""

from . import isa
from . import state as state_lib


@internal
@pure
def fence(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Order memory accesses: they are in order.
    """
    # Program counter
    return state_lib.advance(state)


@internal
@pure
def ecall(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Halt with exit code a0 if a7 is EXIT_CALL, else trap.
    """
    # Operands
    number: uint256 = state_lib.read(state, isa.A7)
    exit_code: uint256 = state_lib.read(state, isa.A0)
    # Operation
    if number == isa.EXIT_CALL:
        return state_lib.halt(state, exit_code)
    return state_lib.trap(state, state_lib.ECALL)


@internal
@pure
def ebreak(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Trap.
    """
    # Operation
    return state_lib.trap(state, state_lib.BREAKPOINT)


@internal
@pure
def execute(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Do one of these instructions.
    """
    if instruction.op == isa.FENCE:
        return self.fence(state, instruction)
    if instruction.op == isa.ECALL:
        return self.ecall(state, instruction)
    return self.ebreak(state, instruction)
