"""A solution as a dict and as tables."""

from __future__ import annotations

from typing import Final, TypedDict

from pekanu.catalog.framing import IntegerArray, Value
from pekanu.catalog.views import View, build_table
from pekanu.errors import InvalidInput

#: Numbers before the solution: solvable, rank, determinant.
HEADER: Final = 3
NO_SOLUTION: Final = 0
SOLVED: Final = 1


class Solution(TypedDict):
    """What is known of a linear system."""

    #: "unique", "many" (then x has zeros for the free variables) or "none".
    solutions: str
    rank: int
    determinant: int
    #: The canonical solution, or None.
    x: IntegerArray | None


def decode(value: Value) -> Solution:
    """Return the solution as a dict."""
    if isinstance(value, bytes) or value.ndim != 1 or len(value) < HEADER:
        raise InvalidInput("the output is no solution")
    solvable, rank, determinant = map(int, value[:HEADER])
    x = value[HEADER:]
    if not solvable:
        return Solution(solutions="none", rank=rank, determinant=determinant, x=None)
    solutions = "unique" if rank == len(x) else "many"
    return Solution(solutions=solutions, rank=rank, determinant=determinant, x=x)


def build_views(value: Value) -> list[View]:
    """Return what is known of the system, then the solution."""
    solution = decode(value)
    facts = [(name, solution[name]) for name in ("solutions", "rank", "determinant")]
    views: list[View] = [build_table("system", ("what", "value"), facts)]
    if solution["x"] is not None:
        rows = list(enumerate(solution["x"].tolist()))
        views.append(build_table("solution", ("variable", "value"), rows))
    return views
