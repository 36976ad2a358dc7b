"""What a provider signs that it keeps: Merkle trees over chunks, and the proofs of a challenge.

SHA-256 throughout, every kind of node under its own first byte:

    leaf    H(0 | up to 256 bytes of a chunk)           all but a chunk's last leaf are full
    node    H(1 | left | right)                         within a chunk
    entry   H(2 | chunk root | leaf count, 32 bytes)    one a chunk, in order
    above   H(3 | left | right)                         over the entries, up to the root

A level's lone last node goes up as it is, so nothing is padded; the shape follows from the leaf
count in the entry and the chunk count in the quote, and every proof is held to it. A quote carries
H(root | blind): nobody who knows a file finds it on the chain. Not here: how files become chunks
(`chunking`), the fast hashing of many chunks, who asks for a proof when (`lifecycle`).
Twin: contracts/libraries/chunk_trees.vy. Vectors: tests/vectors/storage.json.
Source: design/storage.md, "Data".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeAlias

from pekanu.errors import InvalidProof
from pekanu.types import Hash32

#: Bytes of a leaf; a chunk's last may be shorter, none is empty.
LEAF_SIZE: Final = 256
#: Leaves of the largest chunk: 256 MiB.
MAX_LEAVES: Final = 1 << 20
#: Chunks of the largest agreement.
MAX_CHUNKS: Final = (1 << 32) - 1
#: Leaves that one answer can carry.
MAX_ANSWER: Final = 32
#: Siblings of the longest proof: two a level within a chunk, one a level above.
MAX_SIBLINGS: Final = 72

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"
_ENTRY: Final = b"\x02"
_ABOVE: Final = b"\x03"

#: A tree's levels, lowest first; the last holds the root alone.
Levels: TypeAlias = Sequence[Sequence[bytes]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One chunk as the root counts it."""

    chunk_root: Hash32
    #: 1 to `MAX_LEAVES`.
    leaf_count: int

    def hash(self) -> Hash32:
        """Return the node that stands for the chunk below the root."""
        return _digest(_ENTRY + self.chunk_root + self.leaf_count.to_bytes(32, "big"))


@dataclass(frozen=True, kw_only=True, slots=True)
class LeafProof:
    """Leaves [first, first + n) of one chunk, and what leads from them to the root."""

    chunk: int
    first: int
    leaf_count: int
    #: The leaves' bytes, one behind the other.
    data: bytes
    #: Within the chunk, a level at a time, left before right; then the entry's, lowest first.
    siblings: tuple[Hash32, ...]

    def get_leaves(self) -> list[bytes]:
        """Return the leaves one by one."""
        starts = range(0, len(self.data), LEAF_SIZE)
        return [self.data[start : start + LEAF_SIZE] for start in starts]


@dataclass(frozen=True, kw_only=True, slots=True)
class CountProof:
    """How many leaves a chunk has: the answer to a challenge beyond its end."""

    chunk: int
    entry: Entry
    #: The entry's siblings, lowest first.
    siblings: tuple[Hash32, ...]


def _digest(data: bytes) -> Hash32:
    return Hash32(sha256(data).digest())


def get_leaf_count(size_bytes: int) -> int:
    """Return how many leaves a chunk of at least one byte has."""
    return -(-size_bytes // LEAF_SIZE)


def hash_leaves(data: bytes | memoryview) -> list[bytes]:
    """Return the hashes of a chunk's leaves.

    Raises:
        ValueError: The chunk is empty or has more than `MAX_LEAVES` leaves.
    """
    view = memoryview(data)
    if not 1 <= get_leaf_count(len(view)) <= MAX_LEAVES:
        message = f"a chunk has 1 to {MAX_LEAVES * LEAF_SIZE} bytes, not {len(view)}"
        raise ValueError(message)
    return [
        sha256(_LEAF + view[start : start + LEAF_SIZE]).digest()
        for start in range(0, len(view), LEAF_SIZE)
    ]


def _get_parents(nodes: Sequence[bytes], prefix: bytes) -> list[bytes]:
    """Return the level above; a lone last node goes up as it is."""
    parents = [
        sha256(prefix + nodes[index] + nodes[index + 1]).digest()
        for index in range(0, len(nodes) - 1, 2)
    ]
    if len(nodes) % 2:
        parents.append(nodes[-1])
    return parents


def _get_levels(nodes: Sequence[bytes], prefix: bytes) -> list[Sequence[bytes]]:
    levels = [nodes]
    while len(levels[-1]) > 1:
        levels.append(_get_parents(levels[-1], prefix))
    return levels


def get_chunk_levels(data: bytes | memoryview) -> list[Sequence[bytes]]:
    """Return the tree over a chunk, leaf hashes first."""
    return _get_levels(hash_leaves(data), _NODE)


def get_entry(data: bytes | memoryview) -> Entry:
    """Return a chunk's root and leaf count."""
    levels = get_chunk_levels(data)
    return Entry(chunk_root=Hash32(levels[-1][0]), leaf_count=len(levels[0]))


def get_root_levels(entries: Sequence[Entry]) -> list[Sequence[bytes]]:
    """Return the tree over chunks in their order, entry hashes first.

    Raises:
        ValueError: There is no chunk.
    """
    if not entries:
        message = "a root is over at least one chunk"
        raise ValueError(message)
    return _get_levels([entry.hash() for entry in entries], _ABOVE)


def get_root(entries: Sequence[Entry]) -> Hash32:
    """Return the root over chunks in their order."""
    return Hash32(get_root_levels(entries)[-1][0])


def commit_root(root: bytes, blind: bytes) -> Hash32:
    """Return what a quote carries in place of a root.

    Args:
        root: 32 bytes.
        blind: 32 random bytes, fresh for every quote; opened only by the answer to a challenge.
    """
    return _digest(root + blind)


def get_siblings(levels: Levels, first: int, count: int = 1) -> list[Hash32]:
    """Return what a verifier lacks on the way up from nodes [first, first + count)."""
    last = first + count - 1
    siblings = []
    for nodes in levels[:-1]:
        if first % 2:
            siblings.append(Hash32(nodes[first - 1]))
        if not last % 2 and last + 1 < len(nodes):
            siblings.append(Hash32(nodes[last + 1]))
        first, last = first // 2, last // 2
    return siblings


def build_leaf_proof(
    root_levels: Levels, data: bytes | memoryview, *, chunk: int, first: int, count: int = 1
) -> LeafProof:
    """Return the proof of some leaves.

    Args:
        root_levels: As `get_root_levels` gives them.
        data: The whole chunk.
        chunk: Its place in the order.
        first: The first leaf; it and all of `count` exist.
        count: 1 to `MAX_ANSWER`.
    """
    view = memoryview(data)
    levels = get_chunk_levels(view)
    if not 0 <= first < first + count <= len(levels[0]) or count > MAX_ANSWER:
        message = f"leaves {first} to {first + count - 1} are not an answer from {len(levels[0])}"
        raise ValueError(message)
    below = get_siblings(levels, first, count)
    return LeafProof(
        chunk=chunk,
        first=first,
        leaf_count=len(levels[0]),
        data=bytes(view[first * LEAF_SIZE : (first + count) * LEAF_SIZE]),
        siblings=(*below, *get_siblings(root_levels, chunk)),
    )


def build_count_proof(root_levels: Levels, entry: Entry, chunk: int) -> CountProof:
    """Return the proof of a chunk's leaf count."""
    return CountProof(chunk=chunk, entry=entry, siblings=tuple(get_siblings(root_levels, chunk)))


def _climb(
    nodes: list[bytes], first: int, width: int, siblings: Iterator[bytes], prefix: bytes
) -> bytes:
    """Return the root above neighbouring nodes of a level that is `width` wide."""
    while width > 1:
        if first % 2:
            nodes = [next(siblings), *nodes]
            first -= 1
        if len(nodes) % 2 and first + len(nodes) < width:
            nodes = [*nodes, next(siblings)]
        nodes = _get_parents(nodes, prefix)
        first, width = first // 2, -(-width // 2)
    return nodes[0]


def _climb_entry(entry: Entry, chunk: int, chunk_count: int, siblings: Iterator[bytes]) -> Hash32:
    if not 0 <= chunk < chunk_count or not 1 <= entry.leaf_count <= MAX_LEAVES:
        message = f"there is no chunk {chunk} of {entry.leaf_count} leaves among {chunk_count}"
        raise InvalidProof(message)
    root = _climb([entry.hash()], chunk, chunk_count, siblings, _ABOVE)
    if next(siblings, None) is not None:
        message = "the proof has too many siblings"
        raise InvalidProof(message)
    return Hash32(root)


def get_proven_root(proof: LeafProof | CountProof, chunk_count: int) -> Hash32:
    """Return the root that a proof leads to; the caller compares it.

    Raises:
        InvalidProof: It does not have the shape that its own leaf count and `chunk_count` demand.
    """
    if any(len(node) != len(Hash32(bytes(32))) for node in proof.siblings):
        message = "a proof's sibling has 32 bytes"
        raise InvalidProof(message)
    siblings = iter(proof.siblings)
    try:
        if isinstance(proof, CountProof):
            return _climb_entry(proof.entry, proof.chunk, chunk_count, siblings)
        validate_leaves(proof.data, proof.first, proof.leaf_count)
        leaves = hash_leaves(proof.data)
        top = _climb(leaves, proof.first, proof.leaf_count, siblings, _NODE)
        entry = Entry(chunk_root=Hash32(top), leaf_count=proof.leaf_count)
        return _climb_entry(entry, proof.chunk, chunk_count, siblings)
    except StopIteration:
        message = f"the proof of chunk {proof.chunk} has too few siblings"
        raise InvalidProof(message) from None


def validate_leaves(data: bytes, first: int, leaf_count: int) -> None:
    """Refuse bytes that are not whole leaves of a chunk; only its last one may be short.

    Raises:
        InvalidProof: None or too many, beyond the end, or a short leaf before it.
    """
    count = get_leaf_count(len(data))
    if not 1 <= count <= MAX_ANSWER or first < 0 or first + count > leaf_count:
        message = f"leaves from {first} on, {len(data)} bytes, are not an answer from {leaf_count}"
        raise InvalidProof(message)
    if len(data) % LEAF_SIZE and first + count != leaf_count:
        message = "only the last leaf of a chunk is short"
        raise InvalidProof(message)
