"""Trees by their definition, and the attacks on trees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import (
    MAX_REGION_SIZE,
    build_proof,
    get_depth,
    get_root,
    region_root,
    verify_proof,
    zero_root,
)
from support.reference_seal import Tree, depth_of, output_tree

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "merkle.json").read_text())
SIZES = [0, 1, 31, 32, 33, 992, 993, 1024, 5000, 100_000, (1 << 20) - 32, (1 << 20) - 31, 3 << 20]


def make_leaves(count: int) -> list[bytes]:
    return [keccak256(index.to_bytes(4, "big")) for index in range(count)]


def make_bytes(size: int) -> bytes:
    return (b"".join(make_leaves(64)) * (size // 2048 + 1))[:size]


@given(st.integers(1, 70))
def test_get_root__of_any_number__then_as_defined(count: int) -> None:
    leaves = make_leaves(count)
    assert get_root(leaves) == Tree(dict(enumerate(leaves)), depth_of(count)).root


def test_get_root__of_one_leaf__then_the_leaf() -> None:
    assert get_root([b"\x07" * 32]) == b"\x07" * 32


def test_get_root__of_nothing__then_refused() -> None:
    with pytest.raises(ValueError, match="at least one leaf"):
        get_root([])


def test_get_root__when_a_leaf_is_not_32_bytes__then_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        get_root([bytes(31)])


def test_get_root__of_three__then_padded_with_zero_and_not_with_the_last() -> None:
    leaves = make_leaves(3)
    assert get_root(leaves) == get_root([*leaves, bytes(32)])
    assert get_root(leaves) != get_root([*leaves, leaves[-1]])


@pytest.mark.parametrize(("count", "depth"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (2**32, 32)])
def test_get_depth__of_a_count__then_the_logarithm_rounded_up(count: int, depth: int) -> None:
    assert get_depth(count) == depth


@pytest.mark.parametrize("height", [0, 1, 5, 21])
def test_zero_root__at_a_height__then_the_hash_of_two_below(height: int) -> None:
    below = zero_root(height)
    assert zero_root(height + 1) == keccak256(below + below)


@given(st.integers(1, 40), st.data())
def test_verify_proof__of_each_leaf__then_it_holds(count: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, count - 1))
    leaves = make_leaves(count)
    proof = build_proof(leaves, index)
    root = get_root(leaves)
    assert verify_proof(root, leaves[index], index, count, proof)
    for other in set(range(count)) - {index}:
        assert not verify_proof(root, leaves[index], other, count, proof)


def test_verify_proof__of_an_inner_node_passed_for_a_leaf__then_refused() -> None:
    leaves = make_leaves(8)
    inner = keccak256(leaves[0] + leaves[1])
    proof = build_proof(leaves, 0)[1:]
    assert not verify_proof(get_root(leaves), inner, 0, 8, proof)


def test_verify_proof__of_a_leaf_that_is_a_pair_of_a_deeper_tree__then_refused() -> None:
    leaves = make_leaves(4)
    shallow = [keccak256(leaves[0] + leaves[1]), keccak256(leaves[2] + leaves[3])]
    assert get_root(shallow) == get_root(leaves)
    assert not verify_proof(get_root(shallow), leaves[0], 0, 2, build_proof(leaves, 0))


def test_verify_proof__of_the_padding_beyond_the_count__then_refused() -> None:
    leaves = make_leaves(3)
    proof = build_proof([*leaves, bytes(32)], 3)
    assert verify_proof(get_root(leaves), bytes(32), 3, 4, proof)
    assert not verify_proof(get_root(leaves), bytes(32), 3, 3, proof)


@pytest.mark.parametrize("index", [-1, 4, 2**40])
def test_verify_proof__at_an_index_out_of_range__then_refused(index: int) -> None:
    leaves = make_leaves(4)
    assert not verify_proof(get_root(leaves), leaves[0], index, 4, build_proof(leaves, 0))


@pytest.mark.parametrize("length", [31, 33])
def test_verify_proof__when_a_sibling_has_another_length__then_refused(length: int) -> None:
    leaves = make_leaves(2)
    assert not verify_proof(get_root(leaves), leaves[0], 0, 2, [bytes(length)])


def test_build_proof__of_no_leaf__then_refused() -> None:
    with pytest.raises(ValueError, match="not among"):
        build_proof(make_leaves(3), 3)


@pytest.mark.parametrize("size", SIZES)
def test_region_root__of_some_bytes__then_as_defined(size: int) -> None:
    data = make_bytes(size)
    assert region_root(data) == output_tree(data).root


def test_region_root__of_bytes_that_differ_in_length_alone__then_different() -> None:
    assert region_root(b"\0") != region_root(b"\0\0")


def test_region_root__at_the_limit__then_fits_and_one_more_does_not() -> None:
    assert region_root(bytes(96), depth=2) == region_root(bytearray(96), depth=2)
    with pytest.raises(ValueError, match="do not fit"):
        region_root(bytes(97), depth=2)


def test_max_region_size__by_definition__then_all_leaves_but_the_length() -> None:
    assert MAX_REGION_SIZE == 2**26 - 32


@pytest.mark.parametrize("case", VECTORS["trees"])
def test_get_root__of_a_vector__then_root_and_proof(case: dict[str, list[str]]) -> None:
    leaves = [bytes.fromhex(leaf) for leaf in case["leaves"]]
    assert get_root(leaves).hex() == case["root"]
    for index, proof in enumerate(case["proofs"]):
        assert [item.hex() for item in build_proof(leaves, index)] == proof


@pytest.mark.parametrize("case", VECTORS["regions"])
def test_region_root__of_a_vector__then_its_root(case: dict[str, str]) -> None:
    assert region_root(bytes.fromhex(case["data"])).hex() == case["root"]


def test_zero_root__of_the_vectors__then_each() -> None:
    assert [zero_root(height).hex() for height in range(33)] == VECTORS["zero_roots"]
