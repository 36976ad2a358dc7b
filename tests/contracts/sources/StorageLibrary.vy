# pragma version 0.4.3
"""
@title StorageLibrary
@notice Opens the libraries of storage to tests.
"""

from libraries import agreements
from libraries import chunk_trees
from libraries import signatures

initializes: agreements


@deploy
def __init__():
    agreements.__init__()


@external
@pure
def commit_root(root: bytes32, blind: bytes32) -> bytes32:
    return chunk_trees.commit_root(root, blind)


@external
@pure
def root_of_entry(
    chunk_root: bytes32,
    leaf_count: uint256,
    chunk: uint256,
    chunk_count: uint256,
    siblings: DynArray[bytes32, chunk_trees.MAX_SIBLINGS],
) -> bytes32:
    return chunk_trees.root_of_entry(chunk_root, leaf_count, chunk, chunk_count, siblings, 0)


@external
@pure
def root_of_leaf(
    leaf: Bytes[chunk_trees.LEAF_SIZE],
    place: uint256,
    leaf_count: uint256,
    chunk: uint256,
    chunk_count: uint256,
    siblings: DynArray[bytes32, chunk_trees.MAX_SIBLINGS],
) -> bytes32:
    return chunk_trees.root_of_leaf(leaf, place, leaf_count, chunk, chunk_count, siblings)


@external
@pure
def root_of_leaves(
    leaves: DynArray[Bytes[chunk_trees.LEAF_SIZE], chunk_trees.MAX_ANSWER],
    first: uint256,
    leaf_count: uint256,
    chunk: uint256,
    chunk_count: uint256,
    siblings: DynArray[bytes32, chunk_trees.MAX_SIBLINGS],
) -> bytes32:
    return chunk_trees.root_of_leaves(leaves, first, leaf_count, chunk, chunk_count, siblings)


@external
@view
def quote_id(quote: agreements.Quote) -> bytes32:
    return agreements.quote_id(quote)


@external
@view
def receipt_digest(receipt: agreements.Receipt) -> bytes32:
    return agreements.receipt_digest(receipt)


@external
@pure
def repack(word: uint256) -> uint256:
    return agreements.pack(agreements.unpack(word))


@external
@view
def is_signed_by_account(signer: address, digest: bytes32, r: bytes32, vs: bytes32) -> bool:
    return signatures.is_signed_by_account(signer, digest, r, vs)
