"""The seal once more, slowly and straight from its definition, as an oracle.

Not built on `pekanu.market.delivery`: the contract, the product and this model must agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from eth_abi.abi import encode

from pekanu.crypto.keccak import keccak256
from pekanu.market.claim import RESULT_ABI, Claim, Result

SEAL_TAG = keccak256(b"Pekanu seal v1")
P = 21888242871839275222246405745257275088696311157297823662689037894645226208583
ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
FULL_CELL_ABI = "(bytes32[],bytes32[],uint256,bytes32[])"
CELL_ABI = "(bytes32,bytes32[],uint256,bytes32[])"
#: (item, level, index) of an output tree.
Place = tuple[int, int, int]


def pair(left: bytes, right: bytes) -> bytes:
    return keccak256(left + right)


def zero(height: int) -> bytes:
    node = bytes(32)
    for _ in range(height):
        node = pair(node, node)
    return node


ZEROS = [zero(height) for height in range(33)]


def depth_of(count: int) -> int:
    return (count - 1).bit_length()


class Tree:
    """A full tree of which only some leaves are not zero."""

    def __init__(self, leaves: Mapping[int, bytes], depth: int) -> None:
        self.depth = depth
        self.levels = [dict(leaves)]
        for height in range(depth):
            below = self.levels[-1]
            parents = {index >> 1 for index in below}
            self.levels.append(
                {
                    i: pair(below.get(2 * i, ZEROS[height]), below.get(2 * i + 1, ZEROS[height]))
                    for i in parents
                }
            )

    def node(self, level: int, index: int) -> bytes:
        return self.levels[level].get(index, ZEROS[level])

    @property
    def root(self) -> bytes:
        return self.node(self.depth, 0)

    def path(self, index: int, level: int = 0) -> list[bytes]:
        return [self.node(k, (index >> (k - level)) ^ 1) for k in range(level, self.depth)]


def to_blocks(data: bytes) -> list[bytes]:
    padded = data + bytes(-len(data) % 32)
    return [padded[i : i + 32] for i in range(0, len(padded), 32)]


def output_tree(data: bytes) -> Tree:
    leaves = {0: len(data).to_bytes(4, "little") + bytes(28)}
    leaves |= dict(enumerate(to_blocks(data), start=1))
    return Tree(leaves, 21)


@dataclass(frozen=True, kw_only=True)
class SealedItem:
    """One output, sealed; `lies` replace what stands at a place before it is sealed."""

    task_id: bytes
    key: int
    item: int
    output: bytes
    lies: Mapping[Place, bytes] = field(default_factory=dict)

    @cached_property
    def tree(self) -> Tree:
        return output_tree(self.output)

    @property
    def blocks(self) -> int:
        return len(to_blocks(self.output))

    @property
    def chunks(self) -> int:
        return self.blocks // 32 + 1

    @property
    def top(self) -> int:
        return 5 + depth_of(self.chunks)

    def sealed(self, level: int, index: int) -> bytes:
        plain = self.lies.get((self.item, level, index), self.tree.node(level, index))
        words = [SEAL_TAG, self.task_id, self.key, self.item, level, index]
        pad = keccak256(encode(["bytes32", "bytes32", *["uint256"] * 4], words))
        return bytes(a ^ b for a, b in zip(plain, pad, strict=True))

    def data(self, chunk: int) -> list[bytes]:
        first, last = max(32 * chunk, 1), min(32 * chunk + 31, self.blocks)
        return [self.sealed(0, index) for index in range(first, last + 1)]

    def nodes(self, chunk: int) -> list[bytes]:
        found = []
        for level in range(5, self.top + 1):
            if chunk % (1 << (level - 5)):
                break
            found.append(self.sealed(level, chunk >> (level - 5)))
        return found

    @cached_property
    def ciphertext(self) -> Tree:
        leaves = {}
        for chunk in range(self.chunks):
            lead = 1 if chunk == 0 else 0
            for place, block in enumerate(self.data(chunk)):
                leaves[64 * chunk + lead + place] = block
            for slot, node in enumerate(self.nodes(chunk)):
                leaves[64 * chunk + 32 + slot] = node
        return Tree(leaves, 22)

    def result(self) -> Result:
        return Result(output_root=self.tree.root, output_size=len(self.output))


@dataclass(frozen=True, kw_only=True)
class SealedBatch:
    """All items of a claim."""

    items: Sequence[SealedItem]
    key: int
    blinding: int
    #: Results to claim instead of the right ones.
    claimed: Mapping[int, Result] = field(default_factory=dict)

    def result(self, item: int) -> Result:
        return self.claimed.get(item, self.items[item].result())

    @cached_property
    def results_tree(self) -> Tree:
        leaves = {i: self.result(i).leaf() for i in range(len(self.items))}
        return Tree(leaves, depth_of(len(self.items)))

    @cached_property
    def ciphertext_tree(self) -> Tree:
        leaves = {i: item.ciphertext.root for i, item in enumerate(self.items)}
        return Tree(leaves, depth_of(len(self.items)))

    @cached_property
    def claim(self) -> Claim:
        x, y = commit(self.key, self.blinding)
        return Claim(
            results_root=self.results_tree.root,
            ciphertext_root=self.ciphertext_tree.root,
            key_x=x,
            key_y=y,
        )

    def _path(self, item: int, chunk: int) -> tuple[int, list[bytes]]:
        mask, siblings = 0, []
        within = self.items[item].ciphertext.path(chunk, 6)
        above = self.ciphertext_tree.path(item)
        empty = ZEROS[6:22] + ZEROS[: len(above)]
        for level, (sibling, hole) in enumerate(zip(within + above, empty, strict=True)):
            if sibling != hole:
                mask |= 1 << level
                siblings.append(sibling)
        return mask, siblings

    def full_cell(self, item: int, chunk: int) -> tuple[object, ...]:
        sealed = self.items[item]
        return (sealed.data(chunk), sealed.nodes(chunk), *self._path(item, chunk))

    def cell(self, item: int, chunk: int) -> tuple[object, ...]:
        sealed = self.items[item]
        data_root = sealed.ciphertext.node(5, 2 * chunk)
        return (data_root, sealed.nodes(chunk), *self._path(item, chunk))

    def result_evidence(self, item: int) -> bytes:
        words = [self.result(item).to_abi(), self.results_tree.path(item)]
        return encode([RESULT_ABI, "bytes32[]"], words)

    def supply_evidence(self, item: int, first: int, count: int) -> bytes:
        cells = [self.full_cell(item, chunk) for chunk in range(first, first + count)]
        words = [self.result(item).to_abi(), self.results_tree.path(item), first, cells]
        return encode([RESULT_ABI, "bytes32[]", "uint256", f"{FULL_CELL_ABI}[]"], words)

    def complaint(self, item: int, level: int, index: int, /, **changes: object) -> bytes:
        """Return evidence about a place; `changes` replace its parts by name."""
        sealed = self.items[item]
        data: list[bytes] = []
        if level == 5:
            data, cells = sealed.data(index), [self.cell(item, index)]
        elif level > sealed.top:
            cells = [self.cell(item, 0)]
        else:
            below = level - 6
            places = [(2 * index) << below, (2 * index + 1) << below]
            cells = [self.cell(item, place) for place in places if place < sealed.chunks]
        parts: dict[str, object] = {
            "key": self.key,
            "blinding": self.blinding,
            "item": item,
            "result": self.result(item).to_abi(),
            "path": self.results_tree.path(item),
            "level": level,
            "index": index,
            "data": data,
            "cells": cells,
        }
        parts |= changes
        kinds = ["uint256"] * 3 + [RESULT_ABI, "bytes32[]", "uint256", "uint256", "bytes32[]"]
        return encode([*kinds, f"{CELL_ABI}[]"], list(parts.values()))


def seal_batch(
    task_id: bytes,
    outputs: Sequence[bytes],
    *,
    key: int = 0xC0FFEE,
    blinding: int = 0xB11D,
    lies: Mapping[Place, bytes] | None = None,
    claimed: Mapping[int, Result] | None = None,
) -> SealedBatch:
    """Return outputs sealed for a task, with whatever lies are asked for."""
    items = [
        SealedItem(task_id=task_id, key=key, item=i, output=output, lies=lies or {})
        for i, output in enumerate(outputs)
    ]
    return SealedBatch(items=items, key=key, blinding=blinding, claimed=claimed or {})


def derive_generator() -> tuple[int, int]:
    """Return the second generator as SECURITY.md describes it."""
    counter = 0
    while True:
        word = b"Pekanu Pedersen generator H v1" + counter.to_bytes(32, "big")
        x = int.from_bytes(keccak256(word), "big") % P
        square = (x**3 + 3) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            return x, min(y, P - y)
        counter += 1


def commit(key: int, blinding: int) -> tuple[int, int]:
    from py_ecc import bn128  # noqa: PLC0415 - slow to import

    x, y = derive_generator()
    second = (bn128.FQ(x), bn128.FQ(y))
    point = bn128.add(bn128.multiply(bn128.G1, key), bn128.multiply(second, blinding))
    return int(point[0]), int(point[1])
