"""Proof of exponentiation: witness^X = accumulator, for an exponent X too long to take on chain.

Wesolowski's proof, made non-interactive. The challenge is a prime l, drawn by hashing everything
that the statement is about; the prover gives Q = witness^(X div l), and the verifier, who knows
X mod l, checks Q^l * witness^(X mod l) = accumulator. Not here: what X is made of (`accumulator`).

Soundness, each part by itself:
- a false statement that passes gives an l-th root of a number fixed before l: the adaptive root
  assumption in the group modulo {1, -1}. A cheat who has prepared for m challenges and hashes T
  times wins with m * T / 2^247.5, there being that many primes = 3 mod 4 below 2^256: about 2^123
  steps, and they must fit between the question and the answer, since X is not known before.
  That an honest prover takes the least of many primes changes nothing: a cheat's tries all count.
- the challenge passes `ROUNDS` Miller-Rabin rounds with bases hashed from it. A random 256-bit
  number that does so is composite with a probability below 2^-76 (Damgård, Landrock, Pomerance
  1993, for ten rounds); to help, it must besides split into primes of which each was prepared for,
  where numbers that pass are rarer still by the chance to be so smooth and to pass at all.
- -1 is no root to care about: X is odd, so (-w)^X = -(w^X), and whoever has a root of minus the
  accumulator has one of the accumulator.
Source: Wesolowski, EUROCRYPT 2019; Boneh, Bünz, Fisch, CRYPTO 2019, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import gmpy2
import numpy as np
from eth_abi.abi import encode

from pekanu.crypto.accumulator import (
    MODULUS,
    get_product,
    hash_accumulator,
    is_canonical,
)
from pekanu.crypto.keccak import hash_pairs, keccak256
from pekanu.errors import InvalidProof
from pekanu.types import Hash32

CHALLENGE_TAG: Final = keccak256(b"Pekanu accumulator challenge v1")
#: Miller-Rabin rounds that the verifier makes.
ROUNDS: Final = 10
#: Candidates among which the prover takes the least prime, as a power of two. One in 88 is a prime,
#: so the challenge has about twelve bits less than 256, and each bit is 4,096 gas.
EFFORT_BITS: Final = 18


@dataclass(frozen=True, kw_only=True, slots=True)
class MembershipProof:
    """That points are in an accumulator: one witness for all, and why its power is right."""

    witness: int
    #: witness^(product div challenge).
    quotient: int
    #: Which candidate is the challenge.
    nonce: int


def build_proof(
    context: bytes,
    accumulator: int,
    witness: int,
    points: Sequence[int],
    *,
    effort_bits: int = EFFORT_BITS,
) -> MembershipProof:
    """Return the proof that a witness shows points to be in an accumulator.

    Args:
        context: 32 bytes that the proof is bound to: the task's id.
        accumulator: Of which the points are.
        witness: As `accumulator.build_witness` gives it.
        points: In the order in which they will be shown.
        effort_bits: Of how many candidates, as a power of two, the least prime is the challenge.

    Raises:
        InvalidProof: The witness does not show them, or no candidate is a prime.
    """
    product = get_product(points)
    if gmpy2.powmod(witness, product, MODULUS) != accumulator:
        raise InvalidProof("the witness does not show the points")
    transcript = hash_transcript(context, accumulator, witness, points)
    for nonce in _sort_candidates(transcript, 1 << effort_bits):
        challenge = get_candidate(transcript, nonce)
        if gmpy2.is_strong_bpsw_prp(challenge):
            quotient = int(gmpy2.powmod(witness, product // challenge, MODULUS))
            return MembershipProof(witness=witness, quotient=quotient, nonce=nonce)
    raise InvalidProof("no candidate for the challenge is prime")


def _sort_candidates(transcript: bytes, count: int) -> list[int]:
    """Return the first nonces, least candidate first as far as its leading eight bytes tell."""
    pairs = np.zeros((count, 2, 32), dtype=np.uint8)
    pairs[:, 0] = np.frombuffer(transcript, dtype=np.uint8)
    pairs[:, 1, 24:] = np.arange(count, dtype=">u8").view(np.uint8).reshape(-1, 8)
    leading = np.ascontiguousarray(hash_pairs(pairs.reshape(-1, 32))[:, :8]).view(">u8")[:, 0]
    return [int(nonce) for nonce in np.argsort(leading, kind="stable")]


def is_proof(
    context: bytes, accumulator: int, points: Sequence[int], proof: MembershipProof
) -> bool:
    """Return whether a proof holds, as the contract sees it."""
    residues = (accumulator, proof.witness, proof.quotient)
    if not points or not all(map(is_canonical, residues)) or not 0 <= proof.nonce < 1 << 256:
        return False
    transcript = hash_transcript(context, accumulator, proof.witness, points)
    challenge = get_candidate(transcript, proof.nonce)
    if not is_probable_prime(challenge):
        return False
    rest = get_product(points) % challenge
    left = gmpy2.powmod(proof.quotient, challenge, MODULUS)
    right = gmpy2.powmod(proof.witness, rest, MODULUS)
    return bool(left * right % MODULUS == accumulator)


def hash_transcript(
    context: bytes, accumulator: int, witness: int, points: Sequence[int]
) -> Hash32:
    """Return the hash of everything that a statement is about."""
    return keccak256(
        encode(
            ["bytes32", "bytes32", "bytes32", "bytes32", "bytes32"],
            [
                CHALLENGE_TAG,
                context,
                hash_accumulator(accumulator),
                hash_accumulator(witness),
                keccak256(b"".join(point.to_bytes(32, "big") for point in points)),
            ],
        )
    )


def get_candidate(transcript: bytes, nonce: int) -> int:
    """Return a candidate for the challenge: 256 bits of hash, made 3 modulo 4.

    Then one power settles a Miller-Rabin round, since half of l - 1 is odd.
    """
    return int.from_bytes(keccak256(transcript + nonce.to_bytes(32, "big")), "big") | 3


def is_probable_prime(candidate: int) -> bool:
    """Return whether a number = 3 mod 4 passes `ROUNDS` Miller-Rabin rounds, as the contract does.

    The base of a round is hashed from the candidate and the round's number.
    """
    for index in range(ROUNDS):
        hashed = keccak256(candidate.to_bytes(32, "big") + index.to_bytes(32, "big"))
        power = gmpy2.powmod(int.from_bytes(hashed, "big"), candidate >> 1, candidate)
        if power not in (1, candidate - 1):
            return False
    return True
