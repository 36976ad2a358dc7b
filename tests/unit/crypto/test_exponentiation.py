"""Proofs of exponentiation, honest and forged."""

from dataclasses import replace

import gmpy2
import pytest

from pekanu.crypto import accumulator as acc
from pekanu.crypto import exponentiation as poe
from pekanu.errors import InvalidProof

CONTEXT = bytes(range(32))
POINTS = [5, 17, 99, 1 << 200]
SHOWN = POINTS[1:3]
WHOLE = acc.accumulate(POINTS)
WITNESS = acc.build_witness(POINTS, SHOWN)
PROOF = poe.build_proof(CONTEXT, WHOLE, WITNESS, SHOWN)


def get_challenge() -> int:
    return poe.get_candidate(poe.hash_transcript(CONTEXT, WHOLE, WITNESS, SHOWN), PROOF.nonce)


def test_is_proof__when_honest__then_holds() -> None:
    assert poe.is_proof(CONTEXT, WHOLE, SHOWN, PROOF)


def test_challenge__when_built__then_is_a_prime_of_256_bits_of_hash() -> None:
    challenge = get_challenge()
    assert challenge % 4 == 3
    assert gmpy2.is_prime(challenge, 40)


@pytest.mark.parametrize("name", ["witness", "quotient"])
@pytest.mark.parametrize(
    "value", [0, 1, acc.MODULUS - 1, acc.MODULUS, acc.MODULUS + PROOF.witness, 12345]
)
def test_is_proof__when_a_residue_is_another__then_refuses(name: str, value: int) -> None:
    assert not poe.is_proof(CONTEXT, WHOLE, SHOWN, replace(PROOF, **{name: value}))


def test_is_proof__when_a_residue_is_not_reduced__then_refuses() -> None:
    for name in ("witness", "quotient"):
        shifted = replace(PROOF, **{name: getattr(PROOF, name) + acc.MODULUS})
        assert not poe.is_proof(CONTEXT, WHOLE, SHOWN, shifted)
    assert not poe.is_proof(CONTEXT, WHOLE + acc.MODULUS, SHOWN, PROOF)


@pytest.mark.parametrize("points", [[], [17], [99, 17], [17, 17, 99], [5, 17], [17, 98]])
def test_is_proof__when_for_other_points__then_refuses(points: list[int]) -> None:
    assert not poe.is_proof(CONTEXT, WHOLE, points, PROOF)


def test_is_proof__when_bound_to_another_task_or_accumulator__then_refuses() -> None:
    assert not poe.is_proof(bytes(32), WHOLE, SHOWN, PROOF)
    assert not poe.is_proof(CONTEXT, acc.accumulate(POINTS[:3]), SHOWN, PROOF)


@pytest.mark.parametrize("step", [1, -1, 2])
def test_is_proof__when_the_challenge_is_another_candidate__then_refuses(step: int) -> None:
    assert not poe.is_proof(CONTEXT, WHOLE, SHOWN, replace(PROOF, nonce=PROOF.nonce + step))


def test_is_proof__when_the_nonce_is_out_of_range__then_refuses() -> None:
    assert not poe.is_proof(CONTEXT, WHOLE, SHOWN, replace(PROOF, nonce=1 << 256))
    assert not poe.is_proof(CONTEXT, WHOLE, SHOWN, replace(PROOF, nonce=-1))


def test_is_proof__when_the_challenge_is_known_beforehand__then_a_forgery_would_pass() -> None:
    """The challenge must come last: with it known, anything is proved; bound to it, nothing is."""
    # A cheat solves Q^l * w^r = accumulator for an l that it chose, with w = u^l: it needs an l-th
    # root of the accumulator, which it has when it made the accumulator as a power of l.
    chosen, root = 2**255 - 19, 7
    fake = pow(root, chosen, acc.MODULUS)
    rest = acc.get_product(SHOWN) % chosen
    inverse = gmpy2.invert(pow(11, rest, acc.MODULUS), acc.MODULUS)
    witness = pow(11, chosen, acc.MODULUS)
    quotient = int(root * inverse % acc.MODULUS)
    left = pow(quotient, chosen, acc.MODULUS) * pow(witness, rest, acc.MODULUS)
    assert left % acc.MODULUS == fake
    for nonce in range(300):
        forged = poe.MembershipProof(witness=witness, quotient=quotient, nonce=nonce)
        assert not poe.is_proof(CONTEXT, fake, SHOWN, forged)


def test_is_proof__when_prepared_for_a_smooth_exponent__then_refuses() -> None:
    """An accumulator of all small primes holds no element: they are too large to be smooth."""
    smooth = gmpy2.primorial(20_000)
    fake = int(gmpy2.powmod(acc.BASE, smooth, acc.MODULUS))
    product = acc.get_product(SHOWN)
    assert smooth % product
    assert gmpy2.gcd(smooth, product).bit_length() < 100
    with pytest.raises(InvalidProof):
        poe.build_proof(CONTEXT, fake, acc.BASE, SHOWN)


def test_is_proof__when_signs_are_changed__then_only_an_even_number_passes() -> None:
    """Modulo {1, -1} they are the same; the accumulator's own sign is not free."""
    minus = replace(PROOF, quotient=acc.MODULUS - PROOF.quotient)
    assert not poe.is_proof(CONTEXT, WHOLE, SHOWN, minus)
    assert not poe.is_proof(CONTEXT, acc.MODULUS - WHOLE, SHOWN, PROOF)
    turned = poe.build_proof(CONTEXT, acc.MODULUS - WHOLE, acc.MODULUS - WITNESS, SHOWN)
    assert poe.is_proof(CONTEXT, acc.MODULUS - WHOLE, SHOWN, turned)


def test_build_proof__when_the_witness_is_wrong__then_refuses() -> None:
    with pytest.raises(InvalidProof, match="does not show"):
        poe.build_proof(CONTEXT, WHOLE, WITNESS, [17])


@pytest.mark.parametrize(
    "number",
    [
        2**127 - 1,
        (1 << 256) - 189,
        (2**61 - 1) * (2**90 + 1),
        3825123056546413051,
        1000003 * 1000033,
        (2**64 + 4311) * (2 * (2**64 + 4311) - 1),
    ],
)
def test_is_probable_prime__when_prime_or_a_known_pseudoprime__then_tells(number: int) -> None:
    assert number % 4 == 3
    assert poe.is_probable_prime(number) == bool(gmpy2.is_prime(number, 40))


def test_is_probable_prime__when_random__then_agrees_with_another_test() -> None:
    candidates = [poe.get_candidate(bytes(32), nonce) for nonce in range(600)]
    found = [poe.is_probable_prime(candidate) for candidate in candidates]
    assert found == [gmpy2.is_prime(candidate, 40) for candidate in candidates]
    assert any(found)
