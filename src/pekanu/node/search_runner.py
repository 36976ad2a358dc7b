"""Running a search on all processors; loaded by the process that executes.

It goes on where a former process was stopped or killed. Not here: the search itself
(`pekanu.catalog`), the accumulator (`pekanu.crypto.accumulator`).
Source: design/referees.md, "RingerReferee", step 1.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pekanu import catalog
from pekanu.crypto.accumulator import accumulate, hash_accumulator
from pekanu.crypto.merkle import region_root
from pekanu.market.claim import Result
from pekanu.node.executors import ItemRun
from pekanu.ringers import encode_solutions

#: The share of the progress that is the search; the rest is accumulating.
_SEARCH_SHARE: Final = 0.95
_NOTES: Final = "search.json"


class SearchRunner:
    """Finds all solutions of a search.

    Args:
        function: What is sold.
        notes: The file in which it is noted what is done; None notes nothing.
    """

    def __init__(self, function: catalog.Function, notes: Path | None) -> None:
        self._function, self._notes = function, notes

    def run(self, content: bytes, progress: Callable[[float], None]) -> ItemRun:
        """Return the list of solutions, and the hash of their accumulator as evidence.

        Raises:
            InvalidInput: The content is no search.
        """
        inversion = self._function.build_inversion(content)
        points = inversion.find(lambda share: progress(_SEARCH_SHARE * share), self._notes)
        output = encode_solutions(points)

        def report(done: int) -> None:
            progress(_SEARCH_SHARE + (1 - _SEARCH_SHARE) * done / len(points))

        result = Result(
            output_root=region_root(output),
            output_size=len(output),
            evidence=hash_accumulator(accumulate(points, report)),
        )
        return ItemRun(result=result, output=output, steps=0)


def load(order: dict[str, Any]) -> SearchRunner:
    """Return the runner for a job, as `child_process` describes it."""
    notes = Path(order["states"]) / _NOTES if order["states"] else None
    return SearchRunner(catalog.get(order["name"]), notes)
