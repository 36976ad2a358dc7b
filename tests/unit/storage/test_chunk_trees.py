"""Fast trees are the trees of the definitions."""

from __future__ import annotations

import random

import pytest

from pekanu.errors import InvalidProof
from pekanu.storage import chunk_trees, trees
from pekanu.storage.ownership import ASKED_LEAVES, choose_leaves, prove_ownership

SIZES = [1, 255, 256, 257, 511, 512, 513, 768, 1024, 5 * 256 + 1, 70_000, 300_001]


def make_chunk(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("size", SIZES)
def test_get_chunk_entry__when_any_size__then_equals_the_definition(size: int) -> None:
    assert chunk_trees.get_chunk_entry(make_chunk(size)) == trees.get_entry(make_chunk(size))


def test_get_entries_root__when_any_count__then_equals_the_definition() -> None:
    entries = [trees.get_entry(make_chunk(size)) for size in SIZES]
    for count in range(1, len(entries) + 1):
        assert chunk_trees.get_entries_root(entries[:count]) == trees.get_root(entries[:count])
    with pytest.raises(ValueError, match="at least one"):
        chunk_trees.get_entries_root([])


@pytest.mark.parametrize("chunk", range(len(SIZES)))
def test_prove_leaves__when_checked__then_leads_to_the_root(chunk: int) -> None:
    data = [make_chunk(size) for size in SIZES]
    entries = [trees.get_entry(one) for one in data]
    levels, root = chunk_trees.get_entry_levels(entries), trees.get_root(entries)
    leaves = entries[chunk].leaf_count
    for first, count in {(0, 1), (leaves - 1, 1), (leaves // 2, min(3, leaves - leaves // 2))}:
        proof = chunk_trees.prove_leaves(levels, data[chunk], chunk=chunk, first=first, count=count)
        assert trees.get_proven_root(proof, len(entries)) == root
    with pytest.raises(ValueError, match="not an answer"):
        chunk_trees.prove_leaves(levels, data[chunk], chunk=chunk, first=leaves)


def test_prove_leaves__when_a_byte_is_lost__then_leads_elsewhere() -> None:
    data = make_chunk(5000)
    entries = [trees.get_entry(data)]
    damaged = bytes([data[0] ^ 1]) + data[1:]
    proof = chunk_trees.prove_leaves(
        chunk_trees.get_entry_levels(entries), damaged, chunk=0, first=0
    )
    assert trees.get_proven_root(proof, 1) != trees.get_root(entries)
    with pytest.raises(InvalidProof):
        trees.get_proven_root(proof, 0)


def test_prove_ownership__when_held__then_same_answer_else_another() -> None:
    data, nonce = make_chunk(300_001), b"n" * 32
    root = trees.get_entry(data).chunk_root
    answer = prove_ownership(nonce, root, data)
    assert answer == prove_ownership(nonce, root, data)
    assert answer != prove_ownership(b"m" * 32, root, data)
    asked = choose_leaves(nonce, root, trees.get_leaf_count(len(data)))
    assert len(asked) == ASKED_LEAVES
    lost = bytearray(data)
    lost[asked[3] * trees.LEAF_SIZE] ^= 1
    assert answer != prove_ownership(nonce, root, bytes(lost))
    assert choose_leaves(nonce, root, 3) == [0, 1, 2]


def test_prove_ownership__when_a_twentieth_is_missing__then_found_almost_always() -> None:
    leaves, missing = 2000, set(range(0, 2000, 20))
    passed = sum(
        not missing & set(choose_leaves(seed.to_bytes(32, "big"), b"r" * 32, leaves))
        for seed in range(1000)
    )
    assert passed < 35
