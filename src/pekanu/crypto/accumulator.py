"""RSA accumulator of words of 32 bytes, modulo the RSA-2048 challenge number.

The accumulator of a list is BASE^(product of its elements) mod MODULUS; the witness that points
are in it is the same without their elements, one number whatever their count. A list may be long:
10^5 points are 10^8 squarings. Not here: how a witness is proved on chain (`exponentiation`).

Elements. A point is mapped to an odd integer of 1,024 bits, four Keccak words, and not to a prime:
a prime would have to be proved prime on chain, at 4,080 gas (EIP-7883) each, against 1,000 for
hashing. What has to be hard instead is to make, before the points to be shown are known, an
exponent that their elements divide although they were not put in. Such an exponent of T bits
covers about the elements whose primes are all below 0.7 T: a share rho(1024 / log2(0.7 T)) of
them (Dickman). T / rho, the work for a forgery, is at least 2^130 for any T (least near T = 2^77);
for T = 2^50, which would take years, the share is 2^-100. Who finds collisions or chooses both
points gains nothing, for a worker is asked for points that others chose, and an honest worker's
exponent holds each of its points as a factor of its own.

Forging otherwise means a root modulo MODULUS: the strong RSA assumption. RSA-2048 itself is
rated at 112 bits (NIST SP 800-57), and whoever knows its factors can forge every witness.
Source: design/referees.md, "RingerReferee"; Barić and Pfitzmann, EUROCRYPT '97; Boneh, Bünz,
Fisch, CRYPTO 2019.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import gmpy2
from gmpy2 import mpz

from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidProof
from pekanu.types import Hash32

#: RSA-2048 of the RSA Factoring Challenge, 1991 to 2007: 617 digits, whose sum is 2738.
MODULUS: Final = int(
    "25195908475657893494027183240048398571429282126204032027777137836043662020707595556264018525"
    "88078440691829064124951508218929855914917618450280848912007284499268739280728777673597141834"
    "72702618963750149718246911650776133798590957000973304597488084284017974291006424586918171951"
    "18746121515172654632282216869987549182422433637259085141865462043576798423387184774447920739"
    "93423658482382428119816381501067481045166037730605620161967625613384414360383390441495263443"
    "21901146575444541784240209246165157233507787077498171257724679629263863563732899121548314381"
    "67899885040445364023527381951378636564391212010397122822120720357"
)
#: Bytes of a residue, big endian, wherever one is hashed or sent.
RESIDUE_SIZE: Final = 256
BASE_TAG: Final = b"Pekanu accumulator base v1"
ELEMENT_TAG: Final = keccak256(b"Pekanu accumulator element v1")
#: Keccak words of an element.
ELEMENT_WORDS: Final = 4
ELEMENT_BITS: Final = 256 * ELEMENT_WORDS
#: Elements multiplied before each power, so that progress can be told.
_BATCH: Final = 256

#: Told how many of the points are done.
Progress = Callable[[int], None]


def derive_base() -> int:
    """Return the base: the square of eight Keccak words of `BASE_TAG` and their numbers."""
    words = [keccak256(BASE_TAG + index.to_bytes(32, "big")) for index in range(8)]
    return pow(int.from_bytes(b"".join(words), "big"), 2, MODULUS)


#: A square, so that it has no part of order two. Whatever is accumulated, this is below it.
BASE: Final = derive_base()


def get_element(point: int) -> int:
    """Return the odd integer of 1,024 bits that stands for a point.

    Args:
        point: In [0, 2^256).
    """
    tail = point.to_bytes(32, "big")
    words = [
        keccak256(ELEMENT_TAG + tail + index.to_bytes(32, "big")) for index in range(ELEMENT_WORDS)
    ]
    return int.from_bytes(b"".join(words), "big") | 1 | 1 << (ELEMENT_BITS - 1)


def get_product(points: Sequence[int]) -> int:
    """Return the product of some points' elements, 1 of none, by halves."""
    return int(_multiply([mpz(get_element(point)) for point in points]))


def accumulate(points: Sequence[int], progress: Progress | None = None) -> int:
    """Return the accumulator of some points, in any order; of none, the base.

    Args:
        points: Each in [0, 2^256). One given twice is in twice.
        progress: Called after each few hundred points.
    """
    residue = mpz(BASE)
    for start in range(0, len(points), _BATCH):
        elements = [mpz(get_element(point)) for point in points[start : start + _BATCH]]
        residue = gmpy2.powmod(residue, _multiply(elements), MODULUS)
        if progress is not None:
            progress(min(start + _BATCH, len(points)))
    return int(residue)


def build_witness(
    points: Sequence[int], shown: Sequence[int], progress: Progress | None = None
) -> int:
    """Return the one witness that all of `shown` are in the accumulator of `points`.

    Raises:
        InvalidProof: One of them is not there, or not as often as it is shown.
    """
    others = Counter(points)
    others.subtract(shown)
    if any(count < 0 for count in others.values()):
        raise InvalidProof("a point to be shown is not in the accumulator")
    return accumulate(list(others.elements()), progress)


def is_witness(accumulator: int, witness: int, shown: Sequence[int]) -> bool:
    """Return whether a witness shows points to be in an accumulator, by taking the power itself."""
    if not (is_canonical(accumulator) and is_canonical(witness)):
        return False
    return bool(gmpy2.powmod(witness, get_product(shown), MODULUS) == accumulator)


def is_canonical(residue: int) -> bool:
    """Return whether a residue is in range and not one whose powers are trivial: 0, 1 or -1."""
    return 1 < residue < MODULUS - 1


def encode_residue(residue: int) -> bytes:
    """Return a residue's 256 bytes, big endian."""
    return residue.to_bytes(RESIDUE_SIZE, "big")


def hash_accumulator(accumulator: int) -> Hash32:
    """Return what a result carries as evidence of an accumulator."""
    return keccak256(encode_residue(accumulator))


def _multiply(factors: list[mpz]) -> mpz:
    """Return the product by a tree, whose halves are alike in size: quasi-linear in its length."""
    while len(factors) > 1:
        pairs = [left * right for left, right in zip(factors[::2], factors[1::2], strict=False)]
        factors = pairs + factors[len(pairs) * 2 :]
    return factors[0] if factors else mpz(1)
