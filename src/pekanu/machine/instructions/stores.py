"""Instructions that write memory, and give the changed leaf.

Their address is known to be aligned and within memory. Twin: contracts/machine/stores.vy.
"""

from __future__ import annotations

from typing import Final

from pekanu.machine.instructions.access import get_start
from pekanu.machine.isa import WORD_MASK, Instruction, Op
from pekanu.machine.state import MachineState, advance, read


def replace(leaf: int, start: int, mask: int, number: int) -> int:
    """Return a leaf with the bits under a mask, from a place on, set to those of a number."""
    return leaf ^ ((((leaf >> start) ^ number) & mask) << start)


def sb(state: MachineState, instruction: Instruction, leaf: int) -> int:
    """Store the lower byte of rs2."""
    # Operands
    start = get_start(state, instruction)
    number = read(state, instruction.rs2)
    # Operation
    changed = replace(leaf, start, 0xFF, number)
    # Program counter
    advance(state)
    return changed


def sh(state: MachineState, instruction: Instruction, leaf: int) -> int:
    """Store the lower half-word of rs2."""
    # Operands
    start = get_start(state, instruction)
    number = read(state, instruction.rs2)
    # Operation
    changed = replace(leaf, start, 0xFFFF, number)
    # Program counter
    advance(state)
    return changed


def sw(state: MachineState, instruction: Instruction, leaf: int) -> int:
    """Store rs2."""
    # Operands
    start = get_start(state, instruction)
    number = read(state, instruction.rs2)
    # Operation
    changed = replace(leaf, start, WORD_MASK, number)
    # Program counter
    advance(state)
    return changed


#: What each instruction does.
_TABLE: Final = {
    Op.SB: sb,
    Op.SH: sh,
    Op.SW: sw,
}


def execute(state: MachineState, instruction: Instruction, leaf: int) -> int:
    """Do one of these instructions; the leaf is what it makes of it."""
    return _TABLE[instruction.op](state, instruction, leaf)
