"""Payoffs as an estimate of the price, and as a histogram."""

from __future__ import annotations

from math import sqrt
from typing import Final, TypeAlias, TypedDict

import numpy as np
import numpy.typing as npt

from pekanu.catalog.framing import Value
from pekanu.catalog.montecarlo.terms import FRACTION_BITS
from pekanu.catalog.views import View, build_histogram, build_table
from pekanu.errors import InvalidInput

Payoffs: TypeAlias = npt.NDArray[np.float64]

#: Of a normal distribution, 95 % lie within so many standard deviations.
_QUANTILE: Final = 1.96


class Estimate(TypedDict):
    """What an option is worth."""

    #: The mean of the discounted payoffs.
    price: float
    #: The standard deviation of that mean.
    standard_error: float
    #: The discounted payoff of each path.
    payoffs: Payoffs


def decode(value: Value) -> Estimate:
    """Return the estimate as a dict."""
    if isinstance(value, bytes) or value.ndim != 1 or value.dtype != np.int64 or not len(value):
        raise InvalidInput("the output is no list of payoffs")
    payoffs = value / float(1 << FRACTION_BITS)
    error = float(payoffs.std()) / sqrt(len(payoffs))
    return Estimate(price=float(payoffs.mean()), standard_error=error, payoffs=payoffs)


def build_views(value: Value) -> list[View]:
    """Return a table of the estimate, and a histogram of the payoffs above zero."""
    estimate = decode(value)
    price, error, payoffs = estimate["price"], estimate["standard_error"], estimate["payoffs"]
    low, high = price - _QUANTILE * error, price + _QUANTILE * error
    paid = payoffs[payoffs > 0]
    facts = [
        ("price", f"{price:.6g}"),
        ("standard error", f"{error:.2g}"),
        ("95 % interval", f"{low:.6g} to {high:.6g}"),
        ("paths", str(len(payoffs))),
        ("paths that pay", f"{len(paid) / len(payoffs):.2%}"),
        ("greatest payoff", f"{payoffs.max():.6g}"),
    ]
    return [
        build_table("estimate", ("what", "value"), facts),
        build_histogram("paths by what they pay", paid),
    ]
