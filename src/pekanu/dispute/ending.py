"""First and last state of an item: what the contract derives, and what it is shown.

The output for the market is what the machine's output region holds if that is canonical: a length
of at most 2^26 - 32, 28 zero bytes, the bytes, zeros. Any other region counts as the empty output.
Twin: contracts/referees/endings.vy. Source: design/referees.md, "BisectionReferee", step 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import zero_root
from pekanu.dispute.errors import Refused, require
from pekanu.machine.isa import (
    CONTENT_OFFSET,
    LEAF_SIZE,
    MAX_CONTENT_SIZE,
    MEMORY_SIZE,
    OUTPUT_BASE,
    REGION_DEPTH,
    WORD_MASK,
)
from pekanu.machine.memory import PAGE_SIZE, Memory
from pekanu.machine.program import Program, hash_program
from pekanu.machine.state import MachineState, pack_registers
from pekanu.market.claim import Result
from pekanu.types import ZERO_HASH, Hash32

#: Root of an empty region, and of an empty output.
EMPTY_REGION: Final = zero_root(REGION_DEPTH)
#: Registers, roots of image and input and of scratch, length leaf, stray leaf with its index before
#: it, mask, siblings.
ENDING_ABI: Final = "(uint256[4],bytes32,bytes32,bytes32,uint256,bytes32,uint256,bytes32[])"
PROGRAM_ABI: Final = "(bytes32,bytes32,uint256)"

EndingWords: TypeAlias = tuple[
    tuple[int, int, int, int], Hash32, Hash32, Hash32, int, Hash32, int, tuple[Hash32, ...]
]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramParts:
    """What a program id commits to."""

    text_root: Hash32
    image_root: Hash32
    entry: int

    @classmethod
    def from_program(cls, program: Program) -> ProgramParts:
        """Return a program's."""
        return cls(text_root=program.text_root, image_root=program.image_root, entry=program.entry)

    @property
    def id(self) -> Hash32:
        """The program id that commits to them."""
        return hash_program(self.text_root, self.image_root, self.entry)

    def to_abi(self) -> tuple[Hash32, Hash32, int]:
        """Return the contract's struct."""
        return self.text_root, self.image_root, self.entry

    def get_first_root(self, input_root: Hash32) -> Hash32:
        """Return the state at step 0 on an input."""
        empty = keccak256(EMPTY_REGION + EMPTY_REGION)
        memory_root = keccak256(keccak256(self.image_root + input_root) + empty)
        entry = self.entry & WORD_MASK
        return keccak256(memory_root + entry.to_bytes(128, "big") + bytes(32))


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """What is shown of a final state beside the result."""

    registers: tuple[int, int, int, int]
    #: Of image and input.
    left_root: Hash32
    scratch_root: Hash32
    #: The first of the output region.
    length_leaf: Hash32
    #: A leaf that makes the region no output; 0 if there is none, or if the first leaf does.
    stray_index: int = 0
    stray_leaf: Hash32 = ZERO_HASH
    #: Which siblings are given: of the first leaf's path, from bit 21 on of the other's.
    mask: int
    siblings: tuple[Hash32, ...]

    def to_abi(self) -> EndingWords:
        """Return the contract's struct."""
        return (
            self.registers,
            self.left_root,
            self.scratch_root,
            self.length_leaf,
            self.stray_index,
            self.stray_leaf,
            self.mask,
            self.siblings,
        )


def get_output(memory: Memory) -> bytes:
    """Return what a final state's output is for the market."""
    length = get_length(memory.read(OUTPUT_BASE, LEAF_SIZE))
    if length is None or find_stray(memory) is not None:
        return b""
    return memory.read(OUTPUT_BASE + CONTENT_OFFSET, length)


def build_result(state: MachineState) -> Result:
    """Return the honest result of an item that ends in a state."""
    is_output = get_length(state.memory.read(OUTPUT_BASE, LEAF_SIZE)) is not None
    is_output = is_output and find_stray(state.memory) is None
    region = OUTPUT_BASE >> 26
    root = state.memory.get_region_root(region) if is_output else EMPTY_REGION
    return Result(
        status=int(state.status),
        exit_code=state.exit_code,
        output_root=root,
        output_size=len(get_output(state.memory)),
        evidence=state.root,
    )


def build_ending(state: MachineState) -> Ending:
    """Return what is shown of a final state."""
    memory = state.memory
    first = OUTPUT_BASE // LEAF_SIZE
    path = memory.get_path(first)
    mask, siblings = _omit_zeros(path[:REGION_DEPTH])
    leaf = memory.read(OUTPUT_BASE, LEAF_SIZE)
    stray = find_stray(memory) if get_length(leaf) is not None else None
    stray_leaf = ZERO_HASH
    if stray is not None:
        stray_leaf = Hash32(memory.read(OUTPUT_BASE + stray * LEAF_SIZE, LEAF_SIZE))
        other_mask, others = _omit_zeros(memory.get_path(first + stray)[:REGION_DEPTH])
        mask |= other_mask << REGION_DEPTH
        siblings += others
    return Ending(
        registers=pack_registers(state),
        left_root=path[REGION_DEPTH + 1],
        scratch_root=path[REGION_DEPTH],
        length_leaf=Hash32(leaf),
        stray_index=stray or 0,
        stray_leaf=stray_leaf,
        mask=mask,
        siblings=siblings,
    )


def check(result: Result, ending: Ending) -> None:
    """Check that a result is that of the final state which it names.

    Raises:
        Refused: It is not, or the ending shows more or less than that takes.
    """
    if ending.mask >> 2 * REGION_DEPTH or ending.mask.bit_count() != len(ending.siblings):
        raise Refused.by_merkle("other siblings")
    siblings = list(ending.siblings)
    output_root = _climb(ending.length_leaf, 0, ending.mask, siblings)
    length = get_length(ending.length_leaf)
    is_output = length is not None
    if ending.stray_index:
        other = _climb(ending.stray_leaf, ending.stray_index, ending.mask >> 21, siblings)
        require(other == output_root, "not in the output")
        require(
            length is not None and is_stray(length, ending.stray_index, ending.stray_leaf),
            "nothing stray",
        )
        is_output = False
    else:
        require(ending.stray_leaf == ZERO_HASH, "unused leaf")
        require(ending.mask >> REGION_DEPTH == 0, "unused siblings")
    require(result.output_root == (output_root if is_output else EMPTY_REGION), "other output")
    require(result.output_size == (length if is_output else 0), "other size")
    right = keccak256(ending.scratch_root + output_root)
    registers = b"".join(word.to_bytes(32, "big") for word in ending.registers)
    status = result.status << 32 | result.exit_code
    memory_root = keccak256(ending.left_root + right)
    shown = keccak256(memory_root + registers + status.to_bytes(32, "big"))
    require(shown == result.evidence, "other state")


def get_length(leaf: bytes) -> int | None:
    """Return the length that a region's first leaf states, or None if it states none."""
    length = int.from_bytes(leaf[:4], "little")
    return None if any(leaf[4:]) or length > MAX_CONTENT_SIZE else length


def is_stray(length: int, index: int, leaf: bytes) -> bool:
    """Say whether a leaf of a region, not its first, has a non-zero byte beyond the length."""
    return any(leaf[max(0, length - (index - 1) * LEAF_SIZE) :])


def find_stray(memory: Memory) -> int | None:
    """Return the first leaf of the output region, but its first, with a byte beyond the length."""
    length = int.from_bytes(memory.read(OUTPUT_BASE, 4), "little")
    end = OUTPUT_BASE + CONTENT_OFFSET + length
    for number in sorted(memory.pages):
        start = number * PAGE_SIZE
        if start + PAGE_SIZE <= end or start >= MEMORY_SIZE:
            continue
        page = np.frombuffer(bytes(memory.pages[number]), dtype=np.uint8)
        beyond = np.flatnonzero(page[max(0, end - start) :])
        if len(beyond):
            return (max(start, end) + int(beyond[0]) - OUTPUT_BASE) // LEAF_SIZE
    return None


def _omit_zeros(path: Sequence[Hash32]) -> tuple[int, tuple[Hash32, ...]]:
    mask = sum(1 << height for height, node in enumerate(path) if node != zero_root(height))
    return mask, tuple(node for height, node in enumerate(path) if mask >> height & 1)


def _climb(leaf: Hash32, index: int, mask: int, siblings: list[Hash32]) -> Hash32:
    """Return the root of a path; the siblings that it uses are taken from the list's front."""
    node = leaf
    for height in range(REGION_DEPTH):
        sibling = siblings.pop(0) if mask >> height & 1 else zero_root(height)
        is_left = (index >> height) & 1 == 0
        node = keccak256(node + sibling if is_left else sibling + node)
    if index >> REGION_DEPTH:
        raise Refused.by_merkle("index out of range")
    return node
