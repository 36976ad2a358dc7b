"""A slow model of the machine's commitments, written from the design; it executes nothing.

A memory is a mapping from addresses to bytes, none of them crossing a leaf of 32 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pekanu.crypto.keccak import keccak256
from support.reference_seal import ZEROS, Tree

Contents = Mapping[int, bytes]


def make_tree(contents: Contents, depth: int) -> Tree:
    leaves: dict[int, bytes] = {}
    for address, data in contents.items():
        offset = address % 32
        leaf = leaves.get(address // 32, bytes(32))
        leaves[address // 32] = leaf[:offset] + data + leaf[offset + len(data) :]
        assert len(leaves[address // 32]) == 32
    return Tree(leaves, depth)


@dataclass(kw_only=True)
class ModelState:
    """A state as the design describes it."""

    pc: int
    registers: dict[int, int] = field(default_factory=dict)
    status: int = 0
    exit_code: int = 0
    memory: dict[int, bytes] = field(default_factory=dict)

    @property
    def memory_root(self) -> bytes:
        return make_tree(self.memory, 23).root

    @property
    def packed_registers(self) -> bytes:
        words = [self.registers.get(index, 0) for index in range(1, 32)]
        return b"".join(word.to_bytes(4, "big") for word in (*words, self.pc))

    @property
    def status_word(self) -> bytes:
        return bytes(24) + self.status.to_bytes(4, "big") + self.exit_code.to_bytes(4, "big")

    @property
    def root(self) -> bytes:
        return keccak256(self.memory_root + self.packed_registers + self.status_word)


def get_program_id(text: Contents, image: Contents, entry: int) -> bytes:
    roots = make_tree(text, 19).root + make_tree(image, 21).root
    return keccak256(keccak256(b"Pekanu machine v1") + roots + entry.to_bytes(32, "big"))


def make_witness(
    text: Contents, state: ModelState, fetch: int | None, access: int | None
) -> tuple[bytes, bytes, int, list[bytes]]:
    """Return leaf of text, leaf of memory, mask and siblings.

    Args:
        text: The program's.
        state: Before the step.
        fetch: The address of the instruction, or None if none is fetched.
        access: The address that it loads from or stores to, or None.
    """
    leaves, siblings, mask = [bytes(32)] * 2, [], 0
    reads = (
        (0, fetch, 0, lambda: make_tree(text, 19)),
        (1, access, 19, lambda: make_tree(state.memory, 23)),
    )
    for place, address, shift, make in reads:
        if address is None:
            continue
        tree = make()
        leaves[place] = tree.node(0, address // 32)
        for height, node in enumerate(tree.path(address // 32)):
            if node != ZEROS[height]:
                mask |= 1 << (shift + height)
                siblings.append(node)
    return leaves[0], leaves[1], mask, siblings
