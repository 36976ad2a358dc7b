"""Storage's trees, hashes and words are the same in Vyper, in the product and in the slow model."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pekanu.contracts import load
from pekanu.crypto.keccak import keccak256
from pekanu.errors import TransactionReverted
from pekanu.storage import money, trees
from pekanu.storage.state import AgreementState
from support import reference_storage as reference
from support import storage_vectors as vectors
from support.evm import Contract
from support.library_contract import deploy_harness
from support.storage_world import StorageWorld

TREES = vectors.load()["trees"]


@cache
def deploy() -> Contract:
    return deploy_harness("StorageLibrary")


def call_root(proof: trees.LeafProof, chunk_count: int) -> bytes:
    """Return the root that a proof gives on the contract."""
    leaves = proof.get_leaves()
    place = (proof.first, proof.leaf_count, proof.chunk, chunk_count, list(proof.siblings))
    found = deploy().call("root_of_leaves", leaves, *place)
    if len(leaves) == 1:
        assert deploy().call("root_of_leaf", leaves[0], *place) == found
    return found


@pytest.mark.parametrize("tree", TREES)
def test_root_of_leaves__of_the_vectors__then_theirs(tree: dict[str, Any]) -> None:
    count = len(tree["entries"])
    for proof in map(vectors.read_proof, tree["proofs"]):
        assert call_root(proof, count).hex() == tree["root"]


@pytest.mark.parametrize("tree", TREES)
def test_root_of_entry__of_the_vectors__then_theirs(tree: dict[str, Any]) -> None:
    entries = vectors.read_entries(tree)
    for place, entry in enumerate(entries):
        siblings = [bytes.fromhex(node) for node in tree["entries"][place]["siblings"]]
        found = deploy().call(
            "root_of_entry", entry.chunk_root, entry.leaf_count, place, len(entries), siblings
        )
        assert found.hex() == tree["root"]


def test_commit_root__of_the_vectors__then_theirs() -> None:
    for tree in TREES:
        pair = bytes.fromhex(tree["root"]), bytes.fromhex(tree["blind"])
        assert deploy().call("commit_root", *pair).hex() == tree["commitment"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_root_of_leaves__of_any_leaves__then_the_products_and_no_other_proof_passes(
    data: st.DataObject,
) -> None:
    sizes = data.draw(st.lists(st.integers(1, 12_000), min_size=1, max_size=6))
    chunks = [bytes((k * k + size) % 256 for k in range(size)) for size in sizes]
    entries = [trees.get_entry(chunk) for chunk in chunks]
    levels = trees.get_root_levels(entries)
    place = data.draw(st.integers(0, len(chunks) - 1))
    leaves = entries[place].leaf_count
    first = data.draw(st.integers(0, leaves - 1))
    count = data.draw(st.integers(1, min(trees.MAX_ANSWER, leaves - first)))
    proof = trees.build_leaf_proof(levels, chunks[place], chunk=place, first=first, count=count)
    root = reference.root(chunks)
    assert call_root(proof, len(chunks)) == root
    siblings = list(proof.siblings)
    where = (proof.first, proof.leaf_count, proof.chunk, len(chunks))
    for forged in (siblings[:-1], [*siblings, bytes(32)], siblings[1:]):
        if forged != siblings:
            try:
                found = deploy().call("root_of_leaves", proof.get_leaves(), *where, forged)
            except TransactionReverted:
                continue
            assert found != root


def test_quote_id__of_the_vector__then_as_the_slow_model_computes_it_here() -> None:
    quote, harness = vectors.read_quote(), deploy()
    hashed = reference.quote_hash(quote.content.to_abi(), quote.terms.to_abi())
    expected = reference.eip712(harness.chain.chain_id, harness.address, hashed)
    assert harness.call("quote_id", quote.to_abi()) == expected


def test_receipt_digest__of_the_vector__then_as_the_slow_model_computes_it_here() -> None:
    receipt, harness = vectors.read_signed("receipt"), deploy()
    hashed = reference.receipt_hash(receipt.to_abi())
    expected = reference.eip712(harness.chain.chain_id, harness.address, hashed)
    assert harness.call("receipt_digest", receipt.to_abi()) == expected


@given(st.integers(0, (1 << 240) - 1))
def test_word__when_unpacked__then_packs_to_the_same(word: int) -> None:
    assert deploy().call("repack", word) == word
    if word % 256 <= 7:
        assert AgreementState.from_word(word).to_word() == word


def test_agreement_id__when_computed_by_contract_and_product__then_equal() -> None:
    world = StorageWorld()
    assert world.server.call("agreement_id", world.quote.to_abi()) == world.id


@pytest.mark.parametrize("count", [1, 31, 32, 33, 1024])
def test_challenge_fee__when_computed_by_contract_and_product__then_equal(count: int) -> None:
    world = StorageWorld()
    assert world.server.call("challenge_fee", count) == money.get_challenge_fee(count, 0)


@pytest.mark.parametrize(("name", "limit"), [("StorageServer", 24_576), ("StorageClient", 24_576)])
def test_code__of_each_contract__then_it_can_be_deployed(name: str, limit: int) -> None:
    """EIP-170; the blueprint of the client adds a preamble to its creation code."""
    artifact = load(name)
    assert len(artifact.runtime_bytecode) < limit
    assert len(artifact.encode_blueprint()) < limit


def test_states__of_an_agreement__then_one_slot() -> None:
    """Where Vyper keeps a map's entry: the hash of its slot and key; nothing stands beside it."""
    world = StorageWorld()
    world.store()
    evm, server = world.chain.evm, world.server.address
    assert evm.storage(server, 0) == world.ledger.free
    place = int.from_bytes(keccak256((1).to_bytes(32, "big") + world.id), "big")
    assert evm.storage(server, place) == world.state.to_word()
    assert evm.storage(server, place + 1) == 0
