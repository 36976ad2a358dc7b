"""The guest itself, run here: no library counts as it does, and the limit's answer depends on that.

What is not here: the search, which is guests/sat.c.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, cast

from pekanu.catalog.framing import Value, decode_value, frame
from pekanu.catalog.function import Progress
from pekanu.catalog.registry import get
from pekanu.catalog.sat.formula import Formula, parse_formula
from pekanu.catalog.values import get_integer
from pekanu.errors import ExecutionFailed
from pekanu.machine.executor import Run, run
from pekanu.machine.state import Status

#: Steps that may be taken to estimate them: some hundredths of a second.
_ESTIMATE_STEPS: Final = 40_000_000
#: What the guest takes for a byte of the formula, for a literal looked at, and to write one.
_STEPS_PER_BYTE: Final = 35
_STEPS_PER_LITERAL: Final = 20
_STEPS_PER_OUTPUT: Final = 500


def validate(values: Sequence[Value]) -> None:
    """Refuse what is no formula."""
    get_formula(values)


def execute(values: Sequence[Value], progress: Progress) -> Value:
    """Return the answer's text.

    Raises:
        ExecutionFailed: The program did not end as it should.
    """
    most = _get_most_steps(values)
    done = _run(values, progress=lambda steps: progress(min(1.0, steps / most)))
    if done.status is not Status.HALTED or done.exit_code:
        raise ExecutionFailed(f"the program of sat ended with code {done.exit_code}")
    return decode_value(done.output)


def solve_within(values: Sequence[Value], max_steps: int) -> Value | None:
    """Return the answer's text, or None when it takes more steps."""
    done = _run(values, max_steps)
    return decode_value(done.output) if done.status is Status.HALTED else None


def estimate_steps(values: Sequence[Value]) -> int:
    """Return the manifest's model: what the limit allows, unless a short run ends."""
    done = _run(values, _ESTIMATE_STEPS)
    return done.steps if done.status is Status.HALTED else _get_most_steps(values)


def estimate_output_size(values: Sequence[Value]) -> int:
    """Return a bound: every literal negative, each with its blank, and a `v` for each sixteen."""
    formula = get_formula(values)
    return 8 + 20 + formula.variables * (2 + len(str(formula.variables))) + formula.variables // 8


def get_formula(values: Sequence[Value]) -> Formula:
    """Return the formula among the inputs."""
    return parse_formula(cast("bytes", values[0]))


def _run(
    values: Sequence[Value],
    max_steps: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Run:
    return run(get("sat").program, frame(values), max_steps=max_steps, progress=progress)


def _get_most_steps(values: Sequence[Value]) -> int:
    return (
        _STEPS_PER_BYTE * len(values[0])
        + _STEPS_PER_LITERAL * get_integer(values[1])
        + _STEPS_PER_OUTPUT * get_formula(values).variables
        + 5000
    )
