"""Pedersen commitments to a seal's key, on alt_bn128.

commit(key, blinding) = key * G + blinding * H, with G = (1, 2) and H hashed to the curve so that
nobody knows its logarithm: hiding without condition, binding while logarithms are hard.
Not here: drawing keys. Running time depends on the scalars: a commitment is computed on the
committer's own machine, and checked only when the key is known.
Source: design/market.md, "Seal"; EIP-196 (curve); Pedersen, CRYPTO '91.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from pekanu.crypto.keccak import keccak256

#: An affine point (x, y), or (0, 0) for infinity as in EIP-196.
Point: TypeAlias = tuple[int, int]

#: The field's prime. The curve is y^2 = x^3 + 3.
FIELD: Final = 21888242871839275222246405745257275088696311157297823662689037894645226208583
#: The number of points, a prime: keys and blindings are in [0, ORDER).
ORDER: Final = 21888242871839275222246405745257275088548364400416034343698204186575808495617
INFINITY: Final[Point] = (0, 0)
GENERATOR: Final[Point] = (1, 2)
SECOND_TAG: Final = b"Pekanu Pedersen generator H v1"


def derive_generator(tag: bytes) -> Point:
    """Return the point that a tag hashes to, by try-and-increment.

    x = keccak256(tag || counter as 32 bytes) mod FIELD for the smallest counter from 0 on where
    x^3 + 3 is a square; y is the smaller root.
    """
    counter = 0
    while True:
        x = int.from_bytes(keccak256(tag + counter.to_bytes(32, "big")), "big") % FIELD
        square = (x**3 + 3) % FIELD
        # FIELD = 3 mod 4, so this power is a root where there is one.
        y = pow(square, (FIELD + 1) // 4, FIELD)
        if y * y % FIELD == square:
            return x, min(y, FIELD - y)
        counter += 1


#: `derive_generator(SECOND_TAG)`; a test derives it again.
SECOND_GENERATOR: Final[Point] = (
    4219226448975407493284532879960104847729342275678880748996271631325456239003,
    3337910828000548772389759588076080461065403671633828850728323935665601313490,
)


def is_on_curve(point: Point) -> bool:
    """Return whether a point is canonical and on the curve; infinity is not a commitment."""
    x, y = point
    return 0 <= x < FIELD and 0 <= y < FIELD and (y * y - x**3 - 3) % FIELD == 0


def commit(key: int, blinding: int) -> Point:
    """Return the commitment to a key.

    Args:
        key: In [0, ORDER).
        blinding: In [0, ORDER), drawn afresh for each key.

    Raises:
        ValueError: A scalar is out of range.
    """
    if not (0 <= key < ORDER and 0 <= blinding < ORDER):
        message = "a key and its blinding are below the curve's order"
        raise ValueError(message)
    return add(multiply(GENERATOR, key), multiply(SECOND_GENERATOR, blinding))


def is_opening(point: Point, key: int, blinding: int) -> bool:
    """Return whether canonical scalars open a commitment."""
    canonical = 0 <= key < ORDER and 0 <= blinding < ORDER
    return canonical and commit(key, blinding) == point


def add(left: Point, right: Point) -> Point:
    """Return the sum of two points of the curve."""
    if left == INFINITY:
        return right
    if right == INFINITY:
        return left
    (x1, y1), (x2, y2) = left, right
    if x1 == x2:
        if (y1 + y2) % FIELD == 0:
            return INFINITY
        slope = 3 * x1 * x1 * pow(2 * y1, -1, FIELD)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, FIELD)
    x = (slope * slope - x1 - x2) % FIELD
    return x, (slope * (x1 - x) - y1) % FIELD


def multiply(point: Point, scalar: int) -> Point:
    """Return scalar * point, for a scalar of at least 0."""
    result = INFINITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result
