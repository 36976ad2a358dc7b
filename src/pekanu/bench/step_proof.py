"""The one-step proof that costs the most: a store with all siblings of both paths.

Source: design/engineering.md, "Benchmarks": one-step proof, worst instruction.
"""

from __future__ import annotations

from typing import Final

from pekanu.crypto.keccak import keccak256
from pekanu.machine.isa import LEAF_SIZE, MEMORY_DEPTH, TEXT_DEPTH, WORD_MASK
from pekanu.machine.memory import Memory
from pekanu.machine.program import Program
from pekanu.machine.state import MachineState
from pekanu.machine.witness import StepProof, build_proof

#: Leaves with a non-zero neighbour at every level; far from address 0.
_TEXT_LEAF: Final = 0x5_5555
_MEMORY_LEAF: Final = 0x55_5555
#: sw x2, 8(x1), in a leaf without a zero byte.
_STORE: Final = 0x0020_A423


def build_worst_proof() -> StepProof:
    """Return the proof, with hardly a zero byte, for those are cheap."""
    program, state = build_worst_state()
    return build_proof(program, state)


def build_worst_state() -> tuple[Program, MachineState]:
    """Return the program, and the state whose next step is to be proved."""
    text = {index: fill(index) for index in list_neighbours(_TEXT_LEAF, TEXT_DEPTH)}
    text[_TEXT_LEAF] = _STORE.to_bytes(4, "little") + fill(_TEXT_LEAF)[4:]
    program = Program(
        text=tuple((index * LEAF_SIZE, leaf) for index, leaf in sorted(text.items())),
        image=(),
        entry=_TEXT_LEAF * LEAF_SIZE,
    )
    memory = Memory()
    for index in (_MEMORY_LEAF, *list_neighbours(_MEMORY_LEAF, MEMORY_DEPTH)):
        memory.write(index * LEAF_SIZE, fill(index))
    registers = [0] + [read_word(index) for index in range(1, 32)]
    registers[1] = _MEMORY_LEAF * LEAF_SIZE & WORD_MASK
    return program, MachineState(pc=program.entry, registers=registers, memory=memory)


def list_neighbours(leaf: int, depth: int) -> list[int]:
    """Return a leaf below each sibling on the way up from one."""
    return [leaf ^ (1 << height) for height in range(depth)]


def read_word(index: int) -> int:
    """Return a word that looks random."""
    return int.from_bytes(fill(index)[:4], "big")


def fill(index: int) -> bytes:
    """Return 32 bytes that look random, none of them zero."""
    return bytes(byte | 1 for byte in keccak256(index.to_bytes(4, "big")))
