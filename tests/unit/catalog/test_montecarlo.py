"""Simulated option prices, against the definition in Python's integers and closed formulas."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from fractions import Fraction
from math import exp, log, sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from pekanu import catalog
from pekanu.catalog.framing import encode_value
from pekanu.catalog.montecarlo import native
from pekanu.catalog.montecarlo.check import SAMPLE
from pekanu.catalog.views import Histogram
from pekanu.errors import InvalidInput

Rng = Callable[[int], bytes]
ROOT = Path(__file__).parents[3]
TABLE = json.loads((ROOT / "src/pekanu/catalog/montecarlo/normal.json").read_text())
LOG2_E = 1586259972792


def philox(counter: tuple[int, int], key: int) -> list[int]:
    """Return the four words, as the paper defines them."""
    c, k = [*counter, 0, 0], [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        left, right = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        low = 0xFFFFFFFF
        c = [right >> 32 ^ c[1] ^ k[0], right & low, left >> 32 ^ c[3] ^ k[1], left & low]
        k = [(k[0] + 0x9E3779B9) & low, (k[1] + 0xBB67AE85) & low]
    return c


def deviate(word: int) -> int:
    tail, level = (word << 1 | 1) & 0xFFFFFFFF, 0
    while tail < 1 << 29:
        tail, level = tail << 3, level + 1
    place = 224 * (10 - level) + (tail >> 24) - 32
    gap = TABLE[place] - TABLE[place + 1]
    size = TABLE[place] - (gap * (tail % (1 << 24)) >> 24)
    return size if word >> 31 else -size


def grow(value: int, power: int) -> int:
    whole, fraction = power >> 32, power % (1 << 32)
    if whole >= 10:
        return value << 10
    total = 0
    for coefficient in (447061, 2725622, 20727931, 119176803, 515883993, 1488522215):
        total = coefficient + (total * fraction >> 32)
    product = value * ((1 << 31) + (total * fraction >> 32)) >> 31
    return product << whole if whole >= 0 else product >> -whole


def simulate(named: dict[str, Any]) -> list[int]:
    """Return the payoffs that the manifest's description defines."""
    spot, strike, rate, dividend, volatility, years = (
        Fraction(named[name]) * (1 << 24) // 1
        for name in ("spot", "strike", "rate", "dividend", "volatility", "years")
    )
    steps, kind = named["steps"], named["option"]
    drift = ((rate - dividend << 25) - volatility**2) * years * LOG2_E // (steps << 81)
    variance = (volatility**2 * years << 40) // steps
    deviation = int(variance**0.5)
    while deviation**2 > variance:
        deviation -= 1
    while (deviation + 1) ** 2 <= variance:
        deviation += 1
    deviation = deviation * LOG2_E >> 70
    payoffs = []
    for path in range(named["paths"]):
        power, prices = 0, []
        for step in range(steps):
            word = philox((path, step // 4), named["seed"] % (1 << 64))[step % 4]
            power += drift + (deviation * deviate(word) >> 22)
            prices.append(grow(spot, power))
        price = sum(prices) // steps if kind.startswith("average") else prices[-1]
        gain = strike - price if kind.endswith("put") else price - strike
        payoffs.append(grow(max(0, gain), -rate * years * LOG2_E >> 56))
    return payoffs


def black_scholes(kind: str, named: dict[str, Any]) -> float:
    spot, strike, rate, dividend, volatility, years = (
        float(named[name]) for name in ("spot", "strike", "rate", "dividend", "volatility", "years")
    )
    spread = volatility * sqrt(years)
    d1 = (log(spot / strike) + (rate - dividend + volatility**2 / 2) * years) / spread
    sign, normal = (1 if kind == "call" else -1), NormalDist()
    return sign * (
        spot * exp(-dividend * years) * normal.cdf(sign * d1)
        - strike * exp(-rate * years) * normal.cdf(sign * (d1 - spread))
    )


def test_table__of_normal_deviates__then_near_the_exact_ones_and_the_same_on_both_sides() -> None:
    header = (ROOT / "guests/normal-table.h").read_text().split("{")[1]
    assert list(map(int, re.findall(r"\d+", header))) == TABLE
    tails = [part / (512 * 8**level) for level in range(10, -1, -1) for part in range(32, 256)]
    normal = NormalDist()
    for tail, number in zip([*tails, 0.5], TABLE, strict=True):
        assert abs(number + normal.inv_cdf(tail) * 2**28) <= 1


def test_get_normal__of_any_word__then_near_the_exact_deviate() -> None:
    generator = random.Random(1)
    words = [0, 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
    words += [generator.getrandbits(generator.randrange(1, 33)) for _ in range(3000)]
    table, normal = np.array(TABLE, dtype=np.int64), NormalDist()
    for word in words:
        found = int(native.get_normal(np.uint64(word), table))
        tail = (word % (1 << 31) + 0.5) / (1 << 32)
        exact = -normal.inv_cdf(tail) * (1 if word >> 31 else -1)
        assert abs(found / 2**28 - exact) < 6e-5
        assert found == deviate(word)


def test_draw__of_zero__then_the_papers_known_answer() -> None:
    words = np.zeros(4, dtype=np.uint64)
    native.draw(np.uint64(0), np.uint64(0), np.zeros(2, dtype=np.uint64), words)
    assert [int(word) for word in words] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox((0, 0), 0) == words.tolist()


def test_grow__of_any_power__then_near_the_exact_one() -> None:
    for power in np.linspace(-40, 9.99, 997):
        found = int(native.grow(np.int64(1 << 44), np.int64(power * 2**32)))
        assert found == pytest.approx(2.0 ** (44 + power), rel=2e-8, abs=2)


@pytest.mark.parametrize("option", ["call", "put", "average-call", "average-put"])
@pytest.mark.parametrize(
    "named",
    [
        {"steps": 1, "paths": 40},
        {"steps": 7, "paths": 9, "rate": "-0.125", "years": "32", "volatility": "2"},
        {"steps": 365, "paths": 2, "spot": "0.0001", "strike": "0.0001", "seed": -5},
        {"steps": 6, "paths": 9, "volatility": "0", "dividend": "1", "rate": "0.3"},
    ],
)
def test_execute__of_an_option__then_the_definition(option: str, named: dict[str, Any]) -> None:
    montecarlo = catalog.get("montecarlo")
    defaults = {spec.name: spec.default for spec in montecarlo.inputs}
    named = defaults | named | {"option": option}
    output = montecarlo.execute(montecarlo.parse_inputs(named))
    assert output == encode_value(np.array(simulate(named), dtype=np.int64))


@pytest.mark.parametrize("kind", ["call", "put"])
@pytest.mark.parametrize(
    "named",
    [
        {"spot": "100", "strike": "100", "rate": "0.05", "volatility": "0.2", "years": "1"},
        {"spot": "90", "strike": "110", "rate": "-0.01", "volatility": "0.6", "years": "3"},
        {"spot": "1.08", "strike": "1.1", "rate": "0.03", "volatility": "0.08", "years": "0.25"},
    ],
)
@pytest.mark.parametrize("steps", [1, 8])
def test_execute__of_a_european_option__then_near_black_and_scholes(
    kind: str, named: dict[str, Any], steps: int
) -> None:
    montecarlo = catalog.get("montecarlo")
    terms = named | {"dividend": "0.02", "option": kind, "steps": steps, "paths": 1 << 18}
    estimate: Any = montecarlo.decode_output(montecarlo.execute(montecarlo.parse_inputs(terms)))
    exact = black_scholes(kind, terms)
    assert abs(estimate["price"] - exact) < 4 * estimate["standard_error"]
    assert estimate["standard_error"] < 0.01 * exact


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({"spot": 0}, "is not between"),
        ({"volatility": "2.5"}, "2.5 is not between 0 and 2"),
        ({"option": "straddle"}, "'straddle' is none of call, put, average-call, average-put"),
        ({"option": 1}, "int 1 is none of"),
        ({"steps": 366}, "366 is not between 1 and 365"),
        ({"paths": 1 << 23}, "is not between 1 and 4194304"),
        ({"seed": 1 << 63}, "is not between"),
        ({"years": "soon"}, "'soon' is not a number"),
    ],
)
def test_parse_inputs__of_what_does_not_fit__is_refused(
    named: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        catalog.get("montecarlo").parse_inputs(named)


@pytest.fixture(scope="module")
def claim() -> tuple[bytes, np.ndarray]:
    """Return the inputs of many paths, and the right payoffs."""
    montecarlo = catalog.get("montecarlo")
    data = montecarlo.parse_inputs({"paths": 200_000, "strike": "110"})
    return data, np.frombuffer(montecarlo.execute(data), dtype=np.int64, offset=8)


def is_accepted(data: bytes, payoffs: np.ndarray, rng: Rng) -> bool:
    verdict = catalog.get("montecarlo").check(data, encode_value(payoffs), rng)
    assert verdict is not None
    return verdict.ok


def test_check__of_the_right_payoffs__then_accepts_with_the_stated_odds(
    claim: tuple[bytes, np.ndarray], rng: Rng
) -> None:
    data, right = claim
    verdict = catalog.get("montecarlo").check(data, encode_value(right), rng)
    assert verdict is not None
    assert verdict.ok
    assert verdict.error_probability == 1 - Fraction(SAMPLE, 200_000)


def test_check__of_one_path_in_a_hundred_wrong__then_refuses(
    claim: tuple[bytes, np.ndarray], rng: Rng
) -> None:
    data, right = claim
    for start in range(20):
        wrong = right.copy()
        wrong[start::100] = 0
        assert not is_accepted(data, wrong, rng)


def test_check__of_one_huge_payoff__then_refuses_though_few_paths_are_wrong(
    claim: tuple[bytes, np.ndarray], rng: Rng
) -> None:
    """A single path that moves the price by a hundredth is found by the money claimed for it."""
    data, right = claim
    for path in range(20):
        wrong = right.copy()
        wrong[path] += int(right.sum()) // 100
        assert not is_accepted(data, wrong, rng)


def test_check__of_what_no_path_can_pay__then_refuses(
    claim: tuple[bytes, np.ndarray], rng: Rng
) -> None:
    data, right = claim
    for number in (-1, 1 << 60, (1 << 63) - 1):
        wrong = right.copy()
        wrong[7] = number
        assert not is_accepted(data, wrong, rng)
    assert not is_accepted(data, right[:-1], rng)


def test_check__of_an_option_that_never_pays__then_accepts(rng: Rng) -> None:
    montecarlo = catalog.get("montecarlo")
    data = montecarlo.parse_inputs({"strike": "1048576", "paths": 9000})
    assert is_accepted(data, np.zeros(9000, dtype=np.int64), rng)
    *_, histogram = montecarlo.show(montecarlo.execute(data))
    assert histogram == Histogram(title="paths by what they pay", edges=("0",), counts=())


def test_show__of_payoffs__then_every_paying_path_is_in_the_histogram(
    claim: tuple[bytes, np.ndarray],
) -> None:
    _, right = claim
    *_, histogram = catalog.get("montecarlo").show(encode_value(right))
    assert isinstance(histogram, Histogram)
    assert sum(histogram.counts) == np.count_nonzero(right)
    assert len(histogram.edges) == len(histogram.counts) + 1
