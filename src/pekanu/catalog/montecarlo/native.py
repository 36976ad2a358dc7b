"""Paths of a price, compiled; any of them can be followed alone.

Source: Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", 2011. What
is not here: what a step does (`terms`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pekanu.catalog.compiled import compiled
from pekanu.catalog.framing import Value, get_array_size
from pekanu.catalog.function import Progress
from pekanu.catalog.montecarlo.terms import Terms, get_terms

Words: TypeAlias = npt.NDArray[np.uint64]
Numbers: TypeAlias = npt.NDArray[np.int64]

#: Paths between two reports of progress.
_STRETCH: Final = 1 << 14
_MOST_DOUBLINGS: Final = 10
#: What the guest takes for a path, for four random words, for a step, and for a price.
_STEPS_PER_PATH: Final = 40
_STEPS_PER_DRAW: Final = 140
_STEPS_PER_STEP: Final = 36
_STEPS_PER_PRICE: Final = 70

_LOW: Final = np.uint64(0xFFFFFFFF)
_1: Final = np.uint64(1)
_3: Final = np.uint64(3)
_24: Final = np.uint64(24)
_31: Final = np.uint64(31)
_32: Final = np.uint64(32)
_MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS: Final = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_FIRST_LEVEL: Final = np.uint64(1 << 29)
_TAIL_FRACTION: Final = np.uint64((1 << 24) - 1)
#: Of the polynomial for 2^f - 1, the highest first, in units of 2^-31.
_COEFFICIENTS: Final = tuple(
    map(np.uint64, (447061, 2725622, 20727931, 119176803, 515883993, 1488522215))
)


def validate(_values: Sequence[Value]) -> None:
    """Refuse nothing beyond the ranges that the manifest gives."""


def execute(values: Sequence[Value], progress: Progress) -> Value:
    """Return the discounted payoff of each path."""
    terms = get_terms(values)
    payoffs = np.empty(terms.paths, dtype=np.int64)
    for start in range(0, terms.paths, _STRETCH):
        stop = min(terms.paths, start + _STRETCH)
        payoffs[start:stop] = get_payoffs(terms, np.arange(start, stop, dtype=np.uint64))
        progress(stop / terms.paths)
    return payoffs


def estimate_steps(values: Sequence[Value]) -> int:
    """Return the manifest's model."""
    terms = get_terms(values)
    draws, prices = -(-terms.steps // 4), terms.steps if terms.is_average else 1
    path = (
        _STEPS_PER_PATH
        + _STEPS_PER_DRAW * draws
        + _STEPS_PER_STEP * terms.steps
        + _STEPS_PER_PRICE * prices
    )
    return path * terms.paths + 10_000


def estimate_output_size(values: Sequence[Value]) -> int:
    """Return the output's exact size."""
    return get_array_size((get_terms(values).paths,), 8)


def get_payoffs(terms: Terms, paths: Words) -> Numbers:
    """Return the discounted payoffs of some paths by their numbers, in units of 2^-24."""
    rules = np.array(
        (
            *(terms.spot, terms.strike, terms.steps, terms.drift, terms.deviation),
            *(terms.discount, terms.is_average, terms.is_put),
        ),
        dtype=np.int64,
    )
    seed = terms.seed % (1 << 64)
    key = np.array((seed % (1 << 32), seed >> 32), dtype=np.uint64)
    return _follow_all(paths, rules, key, _load_table())


@cache
def _load_table() -> Numbers:
    path = resources.files(__package__ or "") / "normal.json"
    return np.array(json.loads(path.read_text()), dtype=np.int64)


@compiled
def draw(path: np.uint64, four: np.uint64, key: Words, words: Words) -> None:
    """Set four words of 32 bits (Philox4x32-10)."""
    first, second, third, fourth = path, four, np.uint64(0), np.uint64(0)
    low, high = key[0], key[1]
    for _ in range(10):
        left, right = first * _MULTIPLIERS[0], third * _MULTIPLIERS[1]
        first = (right >> _32) ^ second ^ low
        third = (left >> _32) ^ fourth ^ high
        second = right & _LOW
        fourth = left & _LOW
        low = (low + _KEY_STEPS[0]) & _LOW
        high = (high + _KEY_STEPS[1]) & _LOW
    words[0], words[1], words[2], words[3] = first, second, third, fourth


@compiled
def get_normal(word: np.uint64, table: Numbers) -> np.int64:
    """Return a normal deviate in units of 2^-28, by its sign and the tail that it leaves."""
    tail = ((word << _1) | _1) & _LOW
    base = 10 * 224
    while tail < _FIRST_LEVEL:
        tail <<= _3
        base -= 224
    place = base + np.int64(tail >> _24) - 32
    gap = table[place] - table[place + 1]
    size = table[place] - ((gap * np.int64(tail & _TAIL_FRACTION)) >> 24)
    return size if word >> _31 else np.int64(-size)


@compiled
def grow(value: np.int64, power: np.int64) -> np.int64:
    """Return a value times 2 to a power that counts 2^-32, rounded down; at most 2^10 times."""
    whole = power >> 32
    fraction = np.uint64(power & 0xFFFFFFFF)
    if whole >= _MOST_DOUBLINGS:
        return value << _MOST_DOUBLINGS
    if whole < -63:
        return np.int64(0)
    total = np.uint64(0)
    for coefficient in _COEFFICIENTS:
        total = coefficient + ((total * fraction) >> _32)
    factor = np.uint64(1 << 31) + ((total * fraction) >> _32)
    held = np.uint64(value)
    product = (((held >> _32) * factor) << _1) + (((held & _LOW) * factor) >> _31)
    if whole < 0:
        return np.int64(product >> np.uint64(-whole))
    return np.int64(product << np.uint64(whole))


@compiled
def _follow_all(paths: Words, rules: Numbers, key: Words, table: Numbers) -> Numbers:
    spot, strike, steps, drift, deviation, discount, is_average, is_put = rules
    payoffs = np.zeros(len(paths), dtype=np.int64)
    words = np.zeros(4, dtype=np.uint64)
    for index in range(len(paths)):
        power, total = np.int64(0), np.int64(0)
        for step in range(steps):
            if step % 4 == 0:
                draw(paths[index], np.uint64(step // 4), key, words)
            power += drift + ((deviation * get_normal(words[step % 4], table)) >> 22)
            if is_average:
                total += grow(spot, power)
        price = total // steps if is_average else grow(spot, power)
        gain = strike - price if is_put else price - strike
        if gain > 0:
            payoffs[index] = grow(gain, discount)
    return payoffs
