"""One step of the machine: every state has exactly one successor.

Twin: contracts/MachineStep.vy, which is given leaves and their paths instead of program and memory.
Not here: fast execution (`executor`).
"""

from __future__ import annotations

from pekanu.machine.instructions import (
    arithmetic,
    control,
    immediates,
    loads,
    multiplication,
    stores,
    system,
)
from pekanu.machine.instructions.access import check_access, check_fetch, get_address, is_access
from pekanu.machine.isa import (
    BRANCHES,
    IMMEDIATES,
    LOADS,
    MULTIPLICATIONS,
    REGISTERS,
    STORES,
    Instruction,
    Op,
    decode,
)
from pekanu.machine.program import Program, get_initial_state
from pekanu.machine.state import MachineState, Status, get_pc, trap


def step(program: Program, state: MachineState) -> None:
    """Turn a state into its successor."""
    # A state that has ended is its own successor.
    if state.status != Status.RUNNING:
        return
    # Fetch
    cause = check_fetch(state)
    if cause != Status.RUNNING:
        trap(state, cause)
        return
    instruction = decode(program.get_word(get_pc(state)))
    if instruction is None:
        trap(state, Status.ILLEGAL)
        return
    # Registers alone
    if not (is_access(instruction, LOADS) or is_access(instruction, STORES)):
        execute(state, instruction)
        return
    # Memory
    cause = check_access(state, instruction)
    if cause != Status.RUNNING:
        trap(state, cause)
        return
    index = get_address(state, instruction) >> 5
    leaf = state.memory.get_leaf(index)
    if is_access(instruction, LOADS):
        loads.execute(state, instruction, leaf)
    else:
        state.memory.set_leaf(index, stores.execute(state, instruction, leaf))


def execute(state: MachineState, instruction: Instruction) -> None:
    """Do an instruction that leaves memory alone."""
    family = instruction.op & 0xF0
    if family == IMMEDIATES or instruction.op in (Op.LUI, Op.AUIPC):
        immediates.execute(state, instruction)
    elif family == REGISTERS:
        arithmetic.execute(state, instruction)
    elif family == MULTIPLICATIONS:
        multiplication.execute(state, instruction)
    elif family == BRANCHES or instruction.op in (Op.JAL, Op.JALR):
        control.execute(state, instruction)
    else:
        system.execute(state, instruction)


def run(program: Program, content: bytes, max_steps: int) -> tuple[MachineState, int]:
    """Return the state of a program on an input after at most `max_steps`, and its steps.

    The step that halts or traps counts; the ones after it, which change nothing, do not.

    Raises:
        InputTooLong: The input does not fit.
    """
    state = get_initial_state(program, content)
    steps = 0
    while steps < max_steps and state.status == Status.RUNNING:
        step(program, state)
        steps += 1
    return state, steps
