"""A claimed model is put into the formula; a claim that there is none is computed again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from pekanu.catalog.framing import Value
from pekanu.catalog.sat.formula import Formula
from pekanu.catalog.sat.native import execute, get_formula, solve_within
from pekanu.catalog.sat.output import Bytes, parse_claim
from pekanu.catalog.verdict import RandomBytes, Verdict, accept, refuse
from pekanu.errors import InvalidInput

#: Steps that may be taken to compute an answer again before a model is only evaluated.
_SHORT_STEPS: Final = 400_000_000


def check(values: Sequence[Value], output: Value, _rng: RandomBytes) -> Verdict:
    """Return whether the output is right, as far as can be told cheaply.

    A short search is made again whole. Beyond it a model is accepted that satisfies every clause;
    that no other comes before it is not verified then, and the error given is 1. Claims without a
    model are computed again to the end.

    Args:
        values: The formula and the limit.
        output: The claimed answer; any value.
        _rng: Not needed.
    """
    try:
        claim = parse_claim(output)
    except InvalidInput as error:
        return refuse(error.message)
    if claim.model is None:
        answer: Value | None = execute(values, lambda _share: None)
    elif is_model(get_formula(values), claim.model):
        answer = solve_within(values, _SHORT_STEPS)
    else:
        return refuse("the claimed model does not satisfy every clause")
    if answer is None:
        return accept("every clause holds in the model; that it is the first was not verified", 1)
    if answer != output:
        return refuse("the answer differs from the one computed here")
    return accept("the answer is the one computed here")


def is_model(formula: Formula, model: Bytes) -> bool:
    """Return whether every clause holds in a model."""
    if len(model) != formula.variables:
        return False
    literals = formula.literals
    held = np.zeros(len(literals), dtype=np.int64)
    places = np.flatnonzero(literals)
    found = literals[places]
    held[places] = (model[np.abs(found) - 1] == 1) == (found > 0)
    ends = np.flatnonzero(literals == 0)
    sums = np.concatenate(([0], np.cumsum(held)[ends]))
    return bool((np.diff(sums) > 0).all())
