"""Factoring: trial division, then Pollard's rho, then elliptic curves (`curves`).

The factorisation is unique, so a guest may find it in another way. A factor is taken for prime
when it passes the Baillie-PSW test, which has no exception below 2^64 and none known above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import gmpy2
from gmpy2 import mpz

from pekanu.catalog.factor.curves import find_by_curves
from pekanu.catalog.framing import Value
from pekanu.catalog.function import Progress
from pekanu.catalog.values import get_integers

_TRIAL_LIMIT: Final = 1000
_SMALL_PRIMES: Final = gmpy2.primorial(_TRIAL_LIMIT)
#: Iterations of rho before curves: finds most factors below 2^28.
_RHO_ITERATIONS: Final = 1 << 15
_RHO_BATCH: Final = 128
#: What the guest takes about for a composite of so many bits without small factors: it depends on
#: the second largest factor, which nobody knows beforehand; it is taken to have half the bits.
_STEPS: Final = (
    (64, 3 * 10**6),
    (88, 2 * 10**8),
    (112, 10**9),
    (120, 4 * 10**9),
    (128, 2 * 10**10),
)
#: A line of 2^128 - 1 and its factors: "n:", the factors with a space each, a newline.
_LINE_BYTES: Final = 39 + 2 + 2 * 128


def validate(_values: Sequence[Value]) -> None:
    """Refuse nothing beyond the range that the manifest gives."""


def execute(values: Sequence[Value], progress: Progress) -> Value:
    """Return a line an integer."""
    numbers = get_integers(values[0])
    factored: list[tuple[int, list[int]]] = []
    for number in numbers:
        factored.append((number, factor(number)))
        progress(len(factored) / len(numbers))
    return format_lines(factored)


def estimate_steps(values: Sequence[Value]) -> int:
    """Return the manifest's model."""
    total = 2000
    for number in get_integers(values[0]):
        rest = _strip_small(mpz(number))
        total += 2_500_000
        if rest > 1 and not gmpy2.is_prime(rest):
            total += next(steps for bits, steps in _STEPS if rest.bit_length() <= bits)
    return total


def estimate_output_size(values: Sequence[Value]) -> int:
    """Return a bound: 2^128 - 1 and 127 factors of one digit would be the longest line."""
    return 8 + _LINE_BYTES * len(values[0])


def format_lines(factored: Sequence[tuple[int, Sequence[int]]]) -> bytes:
    """Return the output's text for integers and their factors."""
    return "".join(
        f"{number}:{''.join(f' {prime}' for prime in primes)}\n" for number, primes in factored
    ).encode()


def factor(number: int) -> list[int]:
    """Return the prime factors of a positive integer, rising, with multiplicity."""
    small, rest = _divide_small(mpz(number))
    primes = small + _factor_rest(rest)
    return sorted(map(int, primes))


def _divide_small(number: mpz) -> tuple[list[mpz], mpz]:
    primes: list[mpz] = []
    prime = mpz(2)
    while prime < _TRIAL_LIMIT and number > 1:
        while number % prime == 0:
            primes.append(prime)
            number //= prime
        prime = gmpy2.next_prime(prime)
    return primes, number


def _strip_small(number: mpz) -> mpz:
    """Return the number without its small prime factors."""
    while (common := gmpy2.gcd(number, _SMALL_PRIMES)) != 1:
        number //= common
    return number


def _factor_rest(number: mpz) -> list[mpz]:
    if number == 1:
        return []
    if gmpy2.is_strong_bpsw_prp(number):
        return [number]
    divisor = _find_root(number) or _find_by_rho(number) or find_by_curves(number)
    return _factor_rest(divisor) + _factor_rest(number // divisor)


def _find_root(number: mpz) -> mpz | None:
    for degree in range(2, number.bit_length() // 9 + 1):
        root, is_exact = gmpy2.iroot(number, degree)
        if is_exact:
            return root
    return None


def _find_by_rho(number: mpz) -> mpz | None:
    """Return a proper divisor, or None. Source: R. Brent, "An improved Monte Carlo..." (1980)."""
    for increment in range(1, 4):
        y, product, divisor, length = mpz(2), mpz(1), mpz(1), 1
        while divisor == 1 and length <= _RHO_ITERATIONS:
            x = y
            for _ in range(length):
                y = (y * y + increment) % number
            done = 0
            while done < length and divisor == 1:
                saved = y
                for _ in range(min(_RHO_BATCH, length - done)):
                    y = (y * y + increment) % number
                    product = product * (x - y) % number
                divisor = gmpy2.gcd(product, number)
                done += _RHO_BATCH
            length *= 2
        if divisor == 1:
            return None
        if divisor == number:
            divisor = _retrace(saved, x, increment, number)
        if divisor != number:
            return divisor
    return None


def _retrace(y: mpz, x: mpz, increment: int, number: mpz) -> mpz:
    divisor = mpz(1)
    while divisor == 1:
        y = (y * y + increment) % number
        divisor = gmpy2.gcd(x - y, number)
    return divisor
