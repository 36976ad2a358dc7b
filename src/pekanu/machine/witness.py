"""What the contract is shown for one step: the leaves that it reads, with their paths.

Not here: the step (`step`), and the contract (contracts/MachineStep.vy).
Source: design/machine.md, "One-step proof".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pekanu.crypto.merkle import zero_root
from pekanu.machine.instructions.access import check_access, check_fetch, get_address, is_access
from pekanu.machine.isa import LEAF_SIZE, LOADS, STORES, TEXT_DEPTH, decode
from pekanu.machine.program import Program
from pekanu.machine.state import MachineState, Status, get_pc, pack_registers, pack_status
from pekanu.types import ZERO_HASH, Hash32

#: The arguments of `MachineStep.step`: root of the state before, root of text, state, witness.
STATE_ABI: Final = "(bytes32,uint256[4],uint256)"
WITNESS_ABI: Final = "(bytes32,bytes32,uint256,bytes32[])"
STEP_ABI: Final = ("bytes32", "bytes32", STATE_ABI, WITNESS_ABI)

StateWords: TypeAlias = tuple[Hash32, tuple[int, int, int, int], int]
WitnessWords: TypeAlias = tuple[Hash32, Hash32, int, tuple[Hash32, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Witness:
    """What a step reads beside the state, and nothing else."""

    #: The leaf of text that holds the instruction; zero if the state ended or pc is no address.
    text_leaf: Hash32 = ZERO_HASH
    #: The leaf of memory that a load or store accesses; zero if none is.
    memory_leaf: Hash32 = ZERO_HASH
    #: Which siblings are given: bit i that at height i of text, bit 19 + i that of memory.
    mask: int = 0
    #: Of the text's path, then of memory's, each lowest first.
    siblings: tuple[Hash32, ...] = ()

    def to_abi(self) -> WitnessWords:
        """Return the contract's struct."""
        return self.text_leaf, self.memory_leaf, self.mask, self.siblings


@dataclass(frozen=True, kw_only=True, slots=True)
class StepProof:
    """The arguments of `MachineStep.step`, which then returns the root of the next state."""

    before_root: Hash32
    text_root: Hash32
    state: StateWords
    witness: Witness

    def to_abi(self) -> tuple[Hash32, Hash32, StateWords, WitnessWords]:
        """Return the arguments; their types are STEP_ABI."""
        return self.before_root, self.text_root, self.state, self.witness.to_abi()


def build_proof(program: Program, state: MachineState) -> StepProof:
    """Return the proof of the step that a state takes next; the state stays."""
    return StepProof(
        before_root=state.root,
        text_root=program.text_root,
        state=(state.memory.root, pack_registers(state), pack_status(state)),
        witness=build_witness(program, state),
    )


def build_witness(program: Program, state: MachineState) -> Witness:
    """Return what the step that a state takes next reads; the state stays."""
    if state.status != Status.RUNNING or check_fetch(state) != Status.RUNNING:
        return Witness()
    pc = get_pc(state)
    text_leaf = _to_leaf(program.text_memory.get_leaf(pc >> 5))
    mask, siblings = _omit_zeros(program.text_memory.get_path(pc >> 5))
    instruction = decode(program.get_word(pc))
    if (
        instruction is None
        or not (is_access(instruction, LOADS) or is_access(instruction, STORES))
        or check_access(state, instruction) != Status.RUNNING
    ):
        return Witness(text_leaf=text_leaf, mask=mask, siblings=siblings)
    index = get_address(state, instruction) >> 5
    memory_mask, memory_siblings = _omit_zeros(state.memory.get_path(index))
    return Witness(
        text_leaf=text_leaf,
        memory_leaf=_to_leaf(state.memory.get_leaf(index)),
        mask=mask | memory_mask << TEXT_DEPTH,
        siblings=siblings + memory_siblings,
    )


def _omit_zeros(path: Sequence[Hash32]) -> tuple[int, tuple[Hash32, ...]]:
    """Return which siblings are no roots of zeros, as a mask, and those."""
    mask = sum(1 << height for height, node in enumerate(path) if node != zero_root(height))
    return mask, tuple(node for height, node in enumerate(path) if mask >> height & 1)


def _to_leaf(number: int) -> Hash32:
    return Hash32(number.to_bytes(LEAF_SIZE, "little"))
