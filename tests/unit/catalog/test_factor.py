"""Prime factors, and the check of them."""

from collections.abc import Callable
from math import prod

import gmpy2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pekanu import catalog
from pekanu.catalog.factor.check import PROVED_BELOW, check
from pekanu.catalog.factor.curves import find_by_curves
from pekanu.catalog.factor.native import factor
from pekanu.catalog.framing import encode_value
from pekanu.errors import InvalidInput

Rng = Callable[[int], bytes]

TOP = (1 << 128) - 1


def divide(number: int) -> list[int]:
    """Return the prime factors by trial division."""
    primes, prime = [], 2
    while prime * prime <= number:
        while number % prime == 0:
            primes.append(prime)
            number //= prime
        prime += 1
    return primes + [number] * (number > 1)


@pytest.mark.parametrize(
    ("number", "primes"),
    [
        (1, []),
        (2, [2]),
        (1 << 127, [2] * 127),
        (TOP, [3, 5, 17, 257, 641, 65537, 274177, 6700417, 67280421310721]),
        (3**80, [3] * 80),
        (1009 * 1013, [1009, 1013]),
        (1009**2, [1009, 1009]),
        (1009**12, [1009] * 12),
        ((1 << 61) - 1, [(1 << 61) - 1]),
        ((1 << 127) - 1, [(1 << 127) - 1]),
        (((1 << 61) - 1) ** 2, [(1 << 61) - 1] * 2),
        (4294967291 * 4294967279, [4294967279, 4294967291]),
        (3825123056546413051, [149491, 747451, 34233211]),  # passes nine strong tests
        (1000003 * 1000003 * 1000033, [1000003, 1000003, 1000033]),
        (72057594037927931 * 72057594037928017, [72057594037927931, 72057594037928017]),
    ],
)
def test_factor__when_known__then_gives_the_primes_rising(number: int, primes: list[int]) -> None:
    assert factor(number) == primes


def test_factor__when_small__then_equals_trial_division() -> None:
    for number in [*range(1, 3000), *range(1000**2 - 50, 1000**2 + 50)]:
        assert factor(number) == divide(number)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(2, 1 << 40), min_size=1, max_size=3))
def test_factor__when_composed__then_multiplies_back_to_primes(parts: list[int]) -> None:
    number = prod(parts)
    primes = factor(number)
    assert prod(primes) == number
    assert primes == sorted(primes)
    assert all(gmpy2.is_prime(prime, 40) for prime in primes)


@pytest.mark.parametrize("bits", [20, 30, 40])
def test_find_by_curves__when_composite__then_gives_a_proper_divisor(bits: int) -> None:
    p = gmpy2.next_prime(1 << bits)
    q = gmpy2.next_prime(p + 1000)
    assert find_by_curves(p * q) in (p, q)


@pytest.mark.parametrize(
    "given_numbers",
    [[15, 97], ["15", "97"], "15\n97\n", b"15, 97", [[15], [97]], np.array([15, 97], np.uint8)],
)
def test_parse_inputs__when_given_in_any_form__then_gives_the_same_bytes(
    given_numbers: object,
) -> None:
    factoring = catalog.get("factor")
    data = factoring.parse_inputs({"numbers": given_numbers})
    assert data == factoring.parse_inputs({"numbers": [15, 97]})
    assert factoring.execute(data) == encode_value(b"15: 3 5\n97: 97\n")


@pytest.mark.parametrize("number", [0, -1, 1 << 128, "x", "1.5", 1.5, None, True, "1_000"])
def test_parse_inputs__when_not_an_integer_in_range__then_refuses(number: object) -> None:
    with pytest.raises(InvalidInput, match="input numbers"):
        catalog.get("factor").parse_inputs({"numbers": [number]})


@pytest.mark.parametrize(
    ("lie", "sentence"),
    [
        (b"60: 2 2 3 5\n", "not about the integers"),
        (b"7: 7\n60: 2 2 3 5\n", "not about the integers"),
        (b"60: 2 2 3 5\n7: 7\n7: 7\n", "not about the integers"),
        (b"60: 2 3 2 5\n7: 7\n", "do not rise"),
        (b"60: 2 2 3\n7: 7\n", "do not multiply"),
        (b"60: 1 2 2 3 5\n7: 7\n", "do not rise or do not multiply"),
        (b"60: 3 4 5\n7: 7\n", "factor 4 is not prime"),
        (b"60: 2 2 15\n7: 7\n", "factor 15 is not prime"),
        (b"60:\n7: 7\n", "do not multiply"),
        (b"60: 02 2 3 5\n7: 7\n", "not written as it must"),
        (b"060: 2 2 3 5\n7: 7\n", "not written as it must"),
        (b"60: 2 2 3 5\n7: 7\nrest", "not written as it must"),
        (b"60: 2 2 3 5\n7: 7", "not about the integers"),
        (b"60:  2 2 3 5\n7: 7\n", "no list of integers"),
        (b"60: 2 2 3 5 \n7: 7\n", "no list of integers"),
        (b"60: -2 -2 3 5\n7: 7\n", "no list of integers"),
    ],
)
def test_check__when_the_lie_is_structured__then_refuses(
    lie: bytes, sentence: str, rng: Rng
) -> None:
    factoring = catalog.get("factor")
    data = factoring.parse_inputs({"numbers": [60, 7]})
    verdict = factoring.check(data, encode_value(lie), rng)
    assert verdict is not None
    assert not verdict.ok
    assert sentence in verdict.what
    right = factoring.check(data, encode_value(b"60: 2 2 3 5\n7: 7\n"), rng)
    assert right is not None
    assert right.ok
    assert right.error_probability == 0


@pytest.mark.parametrize(
    "composite",
    [
        3825123056546413051,  # strong pseudoprime to 2 .. 23
        318665857834031151167461,  # to 2 .. 37
        PROVED_BELOW,  # to 2 .. 41, the least such
        561 * 1105,
        ((1 << 61) - 1) ** 2,
    ],
)
def test_check__when_a_pseudoprime_is_called_prime__then_refuses(composite: int, rng: Rng) -> None:
    factoring = catalog.get("factor")
    values = factoring.parse_frame(factoring.parse_inputs({"numbers": [composite]}))
    assert not check(values, b"%d: %d\n" % (composite, composite), rng).ok


def test_check__when_a_prime_is_large__then_states_its_error(rng: Rng) -> None:
    factoring = catalog.get("factor")
    data = factoring.parse_inputs({"numbers": [(1 << 127) - 1]})
    verdict = factoring.check(data, factoring.execute(data), rng)
    assert verdict is not None
    assert verdict.ok
    assert verdict.error_probability * (1 << 66) == 1
