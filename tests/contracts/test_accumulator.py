"""The accumulator's contract side: equal to its twin, and deaf to forgeries."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from pekanu.crypto import accumulator as acc
from pekanu.crypto import exponentiation as poe
from pekanu.errors import TransactionReverted
from support.evm import Contract
from support.library_contract import deploy_harness

CONTEXT = bytes(range(32))
POINTS = [n * n for n in range(40)]
WHOLE = acc.accumulate(POINTS)
TOP = (1 << 256) - 1
EDGES = (0, 1, 2, acc.MODULUS - 2, acc.MODULUS - 1, acc.MODULUS, acc.MODULUS + 1, (1 << 2048) - 1)


def to_words(residue: int) -> list[int]:
    encoded = acc.encode_residue(residue)
    return [int.from_bytes(encoded[i : i + 32], "big") for i in range(0, 256, 32)]


def to_abi(proof: poe.MembershipProof) -> tuple[object, ...]:
    return to_words(proof.witness), to_words(proof.quotient), proof.nonce


@pytest.fixture(scope="module")
def contract() -> Contract:
    return deploy_harness("AccumulatorHarness")


@pytest.mark.parametrize("count", [1, 2, 8, 32])
def test_is_proof__when_honest__then_holds_for_any_number_of_points(
    contract: Contract, count: int
) -> None:
    shown = POINTS[3 : 3 + count]
    proof = poe.build_proof(CONTEXT, WHOLE, acc.build_witness(POINTS, shown), shown)
    assert contract.call("is_proof", CONTEXT, to_words(WHOLE), shown, to_abi(proof))


def test_is_proof__when_forged__then_refuses_as_its_twin(contract: Contract) -> None:
    shown = POINTS[3:6]
    proof = poe.build_proof(CONTEXT, WHOLE, acc.build_witness(POINTS, shown), shown)
    other = acc.accumulate(POINTS[1:])
    minus = acc.MODULUS - proof.quotient
    reduced = [n for n in EDGES if n < acc.MODULUS]
    tries = [(CONTEXT, WHOLE, shown, replace(proof, witness=edge)) for edge in EDGES]
    tries += [(CONTEXT, WHOLE, shown, replace(proof, quotient=edge)) for edge in EDGES]
    tries += [(CONTEXT, edge, shown, proof) for edge in reduced]
    tries += [
        (CONTEXT, WHOLE, shown, replace(proof, quotient=minus)),
        (CONTEXT, WHOLE, shown, replace(proof, witness=acc.BASE)),
        (CONTEXT, WHOLE, shown, replace(proof, nonce=proof.nonce + 1)),
        (CONTEXT, WHOLE, shown, replace(proof, nonce=(1 << 256) - 1)),
        (CONTEXT, WHOLE, shown[:2], proof),
        (CONTEXT, WHOLE, [], proof),
        (CONTEXT, WHOLE, shown[::-1], proof),
        (CONTEXT, WHOLE, [shown[0], *shown], proof),
        (CONTEXT, WHOLE, [*shown, TOP], proof),
        (CONTEXT, other, shown, proof),
        (CONTEXT, acc.MODULUS - WHOLE, shown, proof),
        (bytes(32), WHOLE, shown, proof),
    ]
    for context, residue, points, tried in tries:
        assert not poe.is_proof(context, residue, points, tried)
        assert not contract.call("is_proof", context, to_words(residue), points, to_abi(tried))


def test_is_proof__when_not_reduced__then_refuses(contract: Contract) -> None:
    shown = POINTS[3:6]
    proof = poe.build_proof(CONTEXT, WHOLE, acc.build_witness(POINTS, shown), shown)
    for name in ("witness", "quotient"):
        shifted = getattr(proof, name) + acc.MODULUS
        if shifted < 1 << 2048:
            tried = to_abi(replace(proof, **{name: shifted}))
            assert not contract.call("is_proof", CONTEXT, to_words(WHOLE), shown, tried)


def test_is_proof__when_points_are_more_than_fit__then_reverts(contract: Contract) -> None:
    proof = poe.MembershipProof(witness=5, quotient=5, nonce=0)
    with pytest.raises(TransactionReverted):
        contract.call("is_proof", CONTEXT, to_words(WHOLE), list(range(33)), to_abi(proof))


@pytest.mark.parametrize("residue", EDGES)
def test_is_canonical__when_at_an_edge__then_as_its_twin(contract: Contract, residue: int) -> None:
    assert contract.call("is_canonical", to_words(residue)) == acc.is_canonical(residue)


def test_product__when_reduced__then_as_its_twin(contract: Contract) -> None:
    for modulus in (3, 2**128 + 51, 2**255 - 19, TOP):
        for points in ([0], [TOP], POINTS[:32]):
            expected = acc.get_product(points) % modulus
            assert contract.call("product", points, modulus) == expected


def test_is_product__when_random_or_at_an_edge__then_tells(contract: Contract) -> None:
    rng = Random(7)
    values = [0, 1, 2, acc.MODULUS - 1, acc.MODULUS - 2, 1 << 2047, (1 << 256) - 1, 1 << 256]
    values += [rng.randrange(acc.MODULUS) for _ in range(6)]
    for left in values:
        for right in values[::2]:
            result = left * right % acc.MODULUS
            words = to_words(left), to_words(right)
            assert contract.call("is_product", *words, to_words(result))
            wrong = (result + 1 + rng.randrange(acc.MODULUS - 1)) % acc.MODULUS
            assert not contract.call("is_product", *words, to_words(wrong))


def test_is_probable_prime__when_compared__then_as_its_twin(contract: Contract) -> None:
    numbers = [poe.get_candidate(bytes(32), nonce) for nonce in range(120)]
    numbers += [3, 7, 11, 15, 2**127 - 1, (2**127 - 1) * (2**89 - 1), 3825123056546413051]
    for number in numbers:
        found = contract.call("is_probable_prime", number)
        assert found == poe.is_probable_prime(number)


def test_modulus__when_read_from_the_contract__then_is_the_products(contract: Contract) -> None:
    """The product's modulus is the least number that the contract finds too large."""
    assert contract.call("is_canonical", to_words(acc.MODULUS - 2))
    assert not contract.call("is_canonical", to_words(acc.MODULUS))
