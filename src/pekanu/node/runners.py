"""Which runner a job needs; loaded by the process that executes.

Not here: running programs (`guest_runner`) and searches (`search_runner`).
"""

from __future__ import annotations

from typing import Any

from pekanu.node import guest_runner
from pekanu.node.executors import Runner
from pekanu.node.guest_runner import warm

__all__ = ["load", "warm"]


def load(order: dict[str, Any]) -> Runner:
    """Return the runner for a job, as `child_process` describes it."""
    if order["is_search"]:
        # It brings the catalog, which programs do without.
        from pekanu.node import search_runner  # noqa: PLC0415

        return search_runner.load(order)
    return guest_runner.load(order)
