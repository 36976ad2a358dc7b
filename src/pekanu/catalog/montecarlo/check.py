"""Samples of paths, drawn after the claim: by number, and by what is claimed for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from pekanu.catalog.framing import Value
from pekanu.catalog.montecarlo.native import Words, get_payoffs
from pekanu.catalog.montecarlo.terms import get_terms
from pekanu.catalog.policy import draw_sample
from pekanu.catalog.verdict import RandomBytes, Verdict, accept, refuse

#: Paths that are followed again, of each of the two samples.
SAMPLE: Final = 4096
#: No payoff is as large.
_LIMIT: Final = 1 << 60


def check(values: Sequence[Value], output: Value, rng: RandomBytes) -> Verdict:
    """Return whether two samples of the output's payoffs are right.

    A share f of the paths wrong passes the first sample with probability at most (1 - f)^4096,
    a share f of the money claimed for paths that pay less passes the second with as much: so a
    few huge payoffs are found too. One wrong path among n passes with at most 1 - 4096 / n, which
    is the bound given.

    Args:
        values: The terms.
        output: The claimed payoffs; any value.
        rng: Randomness drawn after the output was fixed.
    """
    terms = get_terms(values)
    if isinstance(output, bytes) or output.dtype != np.int64 or output.shape != (terms.paths,):
        return refuse(f"the output is no int64 array of shape ({terms.paths},)")
    if output.min() < 0 or output.max() >= _LIMIT:
        return refuse("no path can pay what the output claims")
    places, miss = draw_sample(terms.paths, SAMPLE, rng)
    chosen = np.array(places, dtype=np.uint64)
    if miss:
        chosen = np.union1d(chosen, _draw_by_payoff(output.astype(np.float64), rng))
    wrong = np.flatnonzero(get_payoffs(terms, chosen) != output[chosen])
    if len(wrong):
        return refuse(f"the payoff of path {chosen[wrong[0]]} is wrong")
    return accept(f"{len(chosen)} of {terms.paths} paths were followed again", miss)


def _draw_by_payoff(claimed: npt.NDArray[np.float64], rng: RandomBytes) -> Words:
    sums = np.cumsum(claimed)
    if sums[-1] == 0:
        return np.zeros(0, dtype=np.uint64)
    places = np.frombuffer(rng(8 * SAMPLE), dtype="<u8") / float(1 << 64) * sums[-1]
    found = np.searchsorted(sums, places, side="right")
    return cast("Words", np.minimum(found, len(sums) - 1).astype(np.uint64))
