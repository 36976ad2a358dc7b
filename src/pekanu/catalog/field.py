"""Compiled arithmetic in prime fields whose moduli are below 2^31, or 2^61 - 1.

What is not here: elimination (`linsolve`) and fingerprints (`sort`), which are built of it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pekanu.catalog.compiled import compiled

#: The Mersenne prime 2^61 - 1.
M61: Final = (1 << 61) - 1

_M61: Final = np.uint64(M61)
_LOW32: Final = np.uint64(0xFFFFFFFF)
_3: Final = np.uint64(3)
_29: Final = np.uint64(29)
_32: Final = np.uint64(32)
_61: Final = np.uint64(61)


@compiled
def multiply_m61(a: np.uint64, b: np.uint64) -> np.uint64:
    """Return a·b modulo 2^61 - 1 for a and b below it.

    With 32-bit halves, 2^64 = 8 and the middle sum m < 2^62 weighs 2^32, so that
    m·2^32 = (m >> 29) + (m mod 2^29)·2^32; each term is below 2^61 and there are four.
    """
    a_low, a_high = a & _LOW32, a >> _32
    b_low, b_high = b & _LOW32, b >> _32
    low = a_low * b_low
    middle = a_low * b_high + a_high * b_low
    high = a_high * b_high
    total = (low & _M61) + (low >> _61) + (high << _3) + (middle >> _29)
    total += (middle << _32) & _M61
    total = (total & _M61) + (total >> _61)
    return total - _M61 if total >= _M61 else total


@compiled
def multiply(a: np.uint64, b: np.uint64, modulus: np.uint64) -> np.uint64:
    """Return a·b modulo a prime below 2^31, or 2^61 - 1, for a and b below it."""
    if modulus == _M61:
        return multiply_m61(a, b)
    return (a * b) % modulus


@compiled
def subtract(a: np.uint64, b: np.uint64, modulus: np.uint64) -> np.uint64:
    """Return a - b modulo the modulus for a and b below it."""
    return a - b if a >= b else a + (modulus - b)


@compiled
def add(a: np.uint64, b: np.uint64, modulus: np.uint64) -> np.uint64:
    """Return a + b modulo the modulus for a and b below it, which is below 2^63."""
    total = a + b
    return total - modulus if total >= modulus else total
