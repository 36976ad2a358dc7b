"""Lenstra's elliptic-curve method on Montgomery curves, with a second stage, deterministic.

Source: P. Montgomery, "Speeding the Pollard and elliptic curve methods of factorization"
(1987); curves by Suyama's parameter 6, 7, 8 and so on.
"""

from __future__ import annotations

from functools import cache
from itertools import count
from math import gcd
from typing import Final, NamedTuple

import gmpy2
from gmpy2 import mpz

#: Bound of the first stage and how many curves it is given; the last bound is kept.
_SCHEDULE: Final = ((500, 16), (2_000, 30), (11_000, 90), (50_000, 1 << 60))
#: The second stage goes this many times as far as the first.
_SECOND_STAGE: Final = 60
#: Step of the second stage; primes above it are this times m, plus or minus one of `_BABY_STEPS`.
_WHEEL: Final = 210
_BABY_STEPS: Final = tuple(j for j in range(1, _WHEEL // 2, 2) if gcd(j, _WHEEL) == 1)


class _Point(NamedTuple):
    """X : Z on a Montgomery curve."""

    x: mpz
    z: mpz


class _Curve(NamedTuple):
    """A curve modulo the number to be split, by (A + 2) / 4."""

    modulus: mpz
    a24: mpz

    def double(self, point: _Point) -> _Point:
        n = self.modulus
        plus = (point.x + point.z) ** 2 % n
        minus = (point.x - point.z) ** 2 % n
        difference = plus - minus
        return _Point(plus * minus % n, difference * (minus + self.a24 * difference) % n)

    def add(self, p: _Point, q: _Point, difference: _Point) -> _Point:
        n = self.modulus
        u = (p.x - p.z) * (q.x + q.z)
        v = (p.x + p.z) * (q.x - q.z)
        return _Point(difference.z * ((u + v) ** 2 % n) % n, difference.x * ((u - v) ** 2 % n) % n)

    def multiply(self, scalar: mpz | int, point: _Point) -> _Point:
        if scalar == 1:
            return point
        low, high = point, self.double(point)
        for bit in bin(scalar)[3:]:
            middle = self.add(high, low, point)
            if bit == "1":
                low, high = middle, self.double(high)
            else:
                low, high = self.double(low), middle
        return low


def find_by_curves(number: mpz) -> mpz:
    """Return a proper divisor of an odd composite number that is no power."""
    parameters = count(6)
    for bound, curves in _SCHEDULE:
        for _ in range(curves):
            divisor = _try_curve(number, next(parameters), bound)
            if 1 < divisor < number:
                return divisor
    raise AssertionError  # the last entry of the schedule does not end


def _try_curve(number: mpz, parameter: int, bound: int) -> mpz:
    """Return a divisor of the number, perhaps 1 or the number itself."""
    u, v = mpz(parameter) ** 2 - 5, mpz(4 * parameter)
    denominator = 16 * u**3 * v % number
    common = gmpy2.gcd(denominator, number)
    if common != 1:
        return common
    a24 = (v - u) ** 3 * (3 * u + v) * gmpy2.invert(denominator, number) % number
    curve = _Curve(number, a24)
    point = curve.multiply(_get_exponent(bound), _Point(u**3 % number, v**3 % number))
    common = gmpy2.gcd(point.z, number)
    return common if common != 1 else _continue(curve, point, bound)


def _continue(curve: _Curve, point: _Point, bound: int) -> mpz:
    """Return a divisor that one prime of the order above the bound gives away.

    The multiples (m·210)P and jP have the same x modulo p when the order modulo p divides
    m·210 - j or m·210 + j.
    """
    n = curve.modulus
    babies: list[mpz] = []
    for step in _BABY_STEPS:
        baby = curve.multiply(step, point)
        common = gmpy2.gcd(baby.z, n)
        if common != 1:
            return common
        babies.append(baby.x * gmpy2.invert(baby.z, n) % n)
    giant = curve.multiply(_WHEEL, point)
    first = bound // _WHEEL + 1
    before, here = curve.multiply(first, giant), curve.multiply(first + 1, giant)
    product = mpz(1)
    for _ in range(bound * _SECOND_STAGE // _WHEEL):
        for baby_x in babies:
            product = product * (before.x - baby_x * before.z) % n
        before, here = here, curve.add(here, giant, before)
    return gmpy2.gcd(product, n)


@cache
def _get_exponent(bound: int) -> mpz:
    """Return the product of all prime powers up to the bound."""
    product = mpz(1)
    prime = mpz(2)
    while prime <= bound:
        power = prime
        while power * prime <= bound:
            power *= prime
        product *= power
        prime = gmpy2.next_prime(prime)
    return product
