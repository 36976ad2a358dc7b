"""What a verification says about an output.

What is not here: the checks themselves (`check` of each function) and who chooses among them
(`policy`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

#: Gives that many random bytes; drawn only after the worker's claim is fixed.
RandomBytes: TypeAlias = Callable[[int], bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether an output is accepted, what was looked at, and how sure that is."""

    ok: bool
    #: One sentence: what was found, or what was verified and how.
    what: str
    #: Bound on the probability that the least wrong output is accepted; 0 is certain, and
    #: 1 says that nothing was verified. A refusal is always certain.
    error_probability: Fraction = Fraction(0)


def accept(what: str, error_probability: Fraction | int = 0) -> Verdict:
    """Return an acceptance with the bound on its error."""
    return Verdict(ok=True, what=what, error_probability=Fraction(error_probability))


def refuse(what: str) -> Verdict:
    """Return a refusal."""
    return Verdict(ok=False, what=what)


def format_probability(probability: Fraction) -> str:
    """Return a probability for people: exact at the ends, else the power of two above it."""
    if probability in (0, 1):
        return str(probability)
    if probability > Fraction(1, 1000):
        return f"{float(probability):.3g}"
    inverse = probability.denominator // probability.numerator
    return f"2^-{inverse.bit_length() - 1}"
