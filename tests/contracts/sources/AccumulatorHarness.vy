# pragma version 0.4.3
"""
@title What the accumulator's library says, for tests.
"""

from libraries import accumulator


@external
@view
def is_proof(
    context: bytes32,
    residue: uint256[8],
    points: DynArray[uint256, 32],
    proof: accumulator.Proof,
) -> bool:
    return accumulator.is_proof(context, residue, points, proof)


@external
@view
def is_product(left: uint256[8], right: uint256[8], result: uint256[8]) -> bool:
    return accumulator.is_product(left, right, result)


@external
@pure
def is_canonical(residue: uint256[8]) -> bool:
    return accumulator.is_canonical(residue)


@external
@pure
def product(points: DynArray[uint256, 32], modulus: uint256) -> uint256:
    return accumulator.product(points, modulus)


@external
@view
def is_probable_prime(number: uint256) -> bool:
    return accumulator.is_probable_prime(number)
