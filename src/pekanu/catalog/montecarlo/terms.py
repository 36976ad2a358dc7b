"""What is simulated, in fixed-point numbers, and what a step does to a price.

Exact integer arithmetic, the same as the guest's. What is not here: the paths (`native`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import isqrt
from typing import Final

from pekanu.catalog.framing import Value
from pekanu.catalog.values import get_integer

#: Prices, rates and years count 2^-24.
FRACTION_BITS: Final = 24
#: The logarithm of e to base 2, in units of 2^-40.
_LOG2_E: Final = 1586259972792


class Kind(IntEnum):
    """What an option pays, in the manifest's order."""

    #: What the last price is above the strike.
    CALL = 0
    #: What it is below the strike.
    PUT = 1
    #: What the average of the prices is above the strike.
    AVERAGE_CALL = 2
    #: What it is below the strike.
    AVERAGE_PUT = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """An option, and how its price moves."""

    spot: int
    strike: int
    kind: Kind
    steps: int
    paths: int
    seed: int
    #: What each step adds to the price's logarithm to base 2, in units of 2^-32.
    drift: int
    #: What it adds for a normal deviate of 1, in units of 2^-26.
    deviation: int
    #: The logarithm of what money at the end is worth today, in units of 2^-32.
    discount: int

    @property
    def is_average(self) -> bool:
        """Whether the whole path decides."""
        return self.kind in (Kind.AVERAGE_CALL, Kind.AVERAGE_PUT)

    @property
    def is_put(self) -> bool:
        """Whether it pays for prices below the strike."""
        return self.kind in (Kind.PUT, Kind.AVERAGE_PUT)


def get_terms(values: Sequence[Value]) -> Terms:
    """Return what the inputs describe; every intermediate fits 128 bits."""
    spot, strike, rate, dividend, volatility, years, kind, steps, paths, seed = map(
        get_integer, values
    )
    growth = ((rate - dividend) << 25) - volatility**2
    variance = (volatility**2 * years << 40) // steps
    return Terms(
        spot=spot,
        strike=strike,
        kind=Kind(kind),
        steps=steps,
        paths=paths,
        seed=seed,
        drift=growth * years * _LOG2_E // (steps << 81),
        deviation=isqrt(variance) * _LOG2_E >> 70,
        discount=-(rate * years * _LOG2_E) >> 56,
    )
