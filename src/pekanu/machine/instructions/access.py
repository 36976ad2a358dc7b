"""Whether an address can be fetched from, loaded from or stored to, and where in its leaf it is.

Alignment is checked before bounds; both also where the result goes to register 0.
Twin: contracts/machine/access.vy.
"""

from __future__ import annotations

from pekanu.machine.isa import MEMORY_SIZE, STORES, TEXT_SIZE, WORD_MASK, Instruction
from pekanu.machine.state import MachineState, Status, get_pc, read


def check_fetch(state: MachineState) -> int:
    """Return the cause for which an instruction cannot be fetched from pc, or RUNNING."""
    pc = get_pc(state)
    if pc & 3:
        return Status.MISALIGNED_JUMP
    if pc >= TEXT_SIZE:
        return Status.FETCH_FAULT
    return Status.RUNNING


def check_access(state: MachineState, instruction: Instruction) -> int:
    """Return the cause for which a load or store traps, or RUNNING."""
    address = get_address(state, instruction)
    is_store = is_access(instruction, STORES)
    # The last two bits of an access's funct3 are the logarithm of its size.
    if address & ((1 << (instruction.op & 3)) - 1):
        return Status.MISALIGNED_STORE if is_store else Status.MISALIGNED_LOAD
    if address >= MEMORY_SIZE:
        return Status.STORE_FAULT if is_store else Status.LOAD_FAULT
    return Status.RUNNING


def is_access(instruction: Instruction, family: int) -> bool:
    """Return whether an instruction is of a family: LOADS or STORES."""
    return instruction.op >> 4 == family >> 4


def get_address(state: MachineState, instruction: Instruction) -> int:
    """Return the address of a load or store: rs1 + imm, modulo 2^32."""
    return (read(state, instruction.rs1) + instruction.imm) & WORD_MASK


def get_start(state: MachineState, instruction: Instruction) -> int:
    """Return the bit at which a load or store begins in its leaf, a little-endian number."""
    return (get_address(state, instruction) & 31) << 3
