"""An answer as a dict, and as tables."""

from __future__ import annotations

from typing import TypedDict

from pekanu.catalog.framing import Value
from pekanu.catalog.sat.output import parse_claim
from pekanu.catalog.views import View, build_table


class Found(TypedDict):
    """What is known of a formula."""

    #: "satisfiable", "unsatisfiable", or "unknown" when the limit was reached.
    answer: str
    #: The first model: each variable, negative if it is false; None without one.
    model: list[int] | None


def decode(value: Value) -> Found:
    """Return the answer as a dict."""
    claim = parse_claim(value)
    model = None
    if claim.model is not None:
        signs = enumerate(claim.model.tolist(), start=1)
        model = [number if is_true else -number for number, is_true in signs]
    return Found(answer=claim.answer.value, model=model)


def build_views(value: Value) -> list[View]:
    """Return the answer, then the model."""
    answer = decode(value)
    views: list[View] = [build_table("formula", ("answer",), [(answer["answer"],)])]
    if answer["model"] is not None:
        rows = [(abs(literal), "true" if literal > 0 else "false") for literal in answer["model"]]
        views.append(build_table("first model", ("variable", "value"), rows))
    return views
