"""Trees and proofs against their definition, and the attacks on them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pekanu.errors import InvalidProof
from pekanu.storage import trees
from support import reference_storage as reference
from support import storage_vectors as vectors

TREES = vectors.load()["trees"]


def make_chunk(size: int, seed: int = 0) -> bytes:
    return bytes((seed + 7 * k + k // 256) % 256 for k in range(size))


@pytest.mark.parametrize("tree", TREES)
def test_get_root__of_the_vectors__then_theirs(tree: dict[str, object]) -> None:
    entries = [trees.get_entry(bytes.fromhex(entry["data"])) for entry in tree["entries"]]
    assert entries == vectors.read_entries(tree)
    assert [entry.hash().hex() for entry in entries] == [e["hash"] for e in tree["entries"]]
    root = trees.get_root(entries)
    assert root.hex() == tree["root"]
    assert trees.commit_root(root, bytes.fromhex(tree["blind"])).hex() == tree["commitment"]


@pytest.mark.parametrize("tree", TREES)
def test_build_leaf_proof__of_the_vectors__then_theirs_and_it_holds(
    tree: dict[str, object],
) -> None:
    entries = vectors.read_entries(tree)
    levels = trees.get_root_levels(entries)
    for expected in map(vectors.read_proof, tree["proofs"]):
        proof = trees.build_leaf_proof(
            levels,
            bytes.fromhex(tree["entries"][expected.chunk]["data"]),
            chunk=expected.chunk,
            first=expected.first,
            count=trees.get_leaf_count(len(expected.data)),
        )
        assert proof == expected
        assert trees.get_proven_root(proof, len(entries)).hex() == tree["root"]


@pytest.mark.parametrize("tree", TREES)
def test_build_count_proof__of_the_vectors__then_theirs_and_it_holds(
    tree: dict[str, object],
) -> None:
    entries = vectors.read_entries(tree)
    levels = trees.get_root_levels(entries)
    for place, entry in enumerate(entries):
        proof = trees.build_count_proof(levels, entry, place)
        assert [node.hex() for node in proof.siblings] == tree["entries"][place]["siblings"]
        assert trees.get_proven_root(proof, len(entries)).hex() == tree["root"]


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=9), st.data())
def test_get_proven_root__of_any_leaves_of_any_chunk__then_the_root(
    sizes: list[int], data: st.DataObject
) -> None:
    chunks = [make_chunk(size, seed) for seed, size in enumerate(sizes)]
    entries = [trees.get_entry(chunk) for chunk in chunks]
    levels = trees.get_root_levels(entries)
    place = data.draw(st.integers(0, len(chunks) - 1))
    leaves = entries[place].leaf_count
    first = data.draw(st.integers(0, leaves - 1))
    count = data.draw(st.integers(1, min(trees.MAX_ANSWER, leaves - first)))
    proof = trees.build_leaf_proof(levels, chunks[place], chunk=place, first=first, count=count)
    assert list(proof.siblings) == reference.leaf_path(chunks, place, first, count)
    assert trees.get_proven_root(proof, len(chunks)) == reference.root(chunks)
    assert len(proof.siblings) <= trees.MAX_SIBLINGS


@given(st.binary(min_size=1, max_size=4000))
def test_get_entry__of_any_chunk__then_as_defined(chunk: bytes) -> None:
    assert trees.get_entry(chunk).hash() == reference.entry(chunk)


@pytest.mark.parametrize("size", [0, trees.LEAF_SIZE * trees.MAX_LEAVES + 1])
def test_hash_leaves__when_empty_or_too_long__then_refused(size: int) -> None:
    with pytest.raises(ValueError, match="a chunk has 1 to"):
        trees.hash_leaves(bytes(size))


def test_get_root__of_no_chunk__then_refused() -> None:
    with pytest.raises(ValueError, match="at least one chunk"):
        trees.get_root([])


# --- attacks --------------------------------------------------------------------------------------

CHUNKS = [make_chunk(size, size) for size in (5000, 256, 700)]
ENTRIES = [trees.get_entry(chunk) for chunk in CHUNKS]
LEVELS = trees.get_root_levels(ENTRIES)
PROOF = trees.build_leaf_proof(LEVELS, CHUNKS[0], chunk=0, first=4, count=2)


def is_accepted(proof: trees.LeafProof, chunk_count: int = 3) -> bool:
    try:
        return trees.get_proven_root(proof, chunk_count) == trees.get_root(ENTRIES)
    except InvalidProof:
        return False


def test_get_proven_root__of_the_proof_that_is_attacked__then_accepted() -> None:
    assert is_accepted(PROOF)


@pytest.mark.parametrize(
    "change",
    [
        {"chunk": 1},
        {"chunk": 3},
        {"chunk": -1},
        {"first": 5},
        {"first": -1},
        {"leaf_count": 19},
        {"leaf_count": 21},
        {"leaf_count": 0},
        {"data": PROOF.data[:-1] + b"x"},
        {"data": PROOF.data[:-1]},
        {"data": b""},
        {"siblings": PROOF.siblings[:-1]},
        {"siblings": (*PROOF.siblings, bytes(32))},
        {"siblings": (PROOF.siblings[0][:31], *PROOF.siblings[1:])},
        {"siblings": ()},
    ],
)
def test_get_proven_root__when_something_is_changed__then_not_accepted(
    change: dict[str, object],
) -> None:
    assert not is_accepted(replace(PROOF, **change))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_get_proven_root__under_another_chunk_count__then_not_accepted(count: int) -> None:
    assert not is_accepted(PROOF, count)


def test_get_proven_root__when_an_inner_node_is_passed_for_a_leaf__then_not_accepted() -> None:
    """Two leaf hashes, 64 bytes, as if they were a leaf's data one level up."""
    levels = trees.get_chunk_levels(CHUNKS[0])
    below = trees.get_siblings(levels[1:], 2)
    forged = replace(
        PROOF,
        first=2,
        leaf_count=len(levels[1]),
        data=levels[0][4] + levels[0][5],
        siblings=(*below, *trees.get_siblings(LEVELS, 0)),
    )
    assert not is_accepted(forged)
    assert not is_accepted(replace(forged, first=9))


def test_get_proven_root__when_an_entry_is_passed_for_a_leaf__then_not_accepted() -> None:
    entry = ENTRIES[1]
    data = b"\x02" + entry.chunk_root + entry.leaf_count.to_bytes(32, "big")
    for proof in (
        trees.LeafProof(chunk=1, first=0, leaf_count=1, data=data, siblings=tuple(LEVELS[0][:1])),
        trees.LeafProof(chunk=0, first=1, leaf_count=3, data=data, siblings=tuple(LEVELS[0][::2])),
    ):
        assert not is_accepted(proof)
        assert not is_accepted(replace(proof, data=data[1:]), 1)


def test_get_proven_root__of_a_count_that_is_not_the_entrys__then_another_root() -> None:
    proof = trees.build_count_proof(LEVELS, ENTRIES[0], 0)
    shorter = replace(proof, entry=replace(ENTRIES[0], leaf_count=4))
    assert trees.get_proven_root(shorter, 3) != trees.get_root(ENTRIES)
