"""Multiplication and primality of claimed factors.

Source: J. Sorenson, J. Webster, "Strong pseudoprimes to twelve prime bases" (2017) for the
proved bound; M. Rabin, "Probabilistic algorithm for testing primality" (1980) for random bases.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Final

import gmpy2

from pekanu.catalog.factor.native import format_lines
from pekanu.catalog.factor.show import decode
from pekanu.catalog.framing import Value
from pekanu.catalog.policy import draw_below
from pekanu.catalog.values import get_integers
from pekanu.catalog.verdict import RandomBytes, Verdict, accept, refuse
from pekanu.errors import InvalidInput

#: Below this, a number that passes the strong tests to the bases is prime.
PROVED_BELOW: Final = 3_317_044_064_679_887_385_961_981
_BASES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
#: Random bases for larger factors; a composite passes each with probability at most 1/4.
ROUNDS: Final = 33


def check(values: Sequence[Value], output: Value, rng: RandomBytes) -> Verdict:
    """Return whether the output has the prime factors of each integer.

    A wrong output either fails a comparison or holds a composite; the least such one passes
    with probability at most 4^-33, or never below `PROVED_BELOW`.

    Args:
        values: The integers.
        output: The claimed lines; any value.
        rng: Randomness drawn after the output was fixed.
    """
    numbers = get_integers(values[0])
    try:
        factored = [(line["number"], line["factors"]) for line in decode(output)]
    except InvalidInput as malformed:
        return refuse(malformed.message)
    if [number for number, _factors in factored] != numbers:
        return refuse("the output is not about the integers given, in their order")
    for number, factors in factored:
        if factors != sorted(factors) or 1 in factors or prod(factors) != number:
            return refuse(f"the factors of {number} do not rise or do not multiply to it")
    if output != format_lines(factored):
        return refuse("the output is not written as it must be")
    primes = {prime for _number, factors in factored for prime in factors}
    for prime in primes:
        if not _is_prime(prime, rng):
            return refuse(f"the factor {prime} is not prime")
    largest = max(primes, default=1)
    error = Fraction(0) if largest < PROVED_BELOW else Fraction(1, 4**ROUNDS)
    return accept("the factors multiply to the integers and pass tests of primality", error)


def _is_prime(number: int, rng: RandomBytes) -> bool:
    if number in _BASES:
        return True
    if number % 2 == 0 or not all(gmpy2.is_strong_prp(number, base) for base in _BASES):
        return False
    return number < PROVED_BELOW or all(
        gmpy2.is_strong_prp(number, 2 + draw_below(number - 3, rng)) for _ in range(ROUNDS)
    )
