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
from pekanu.crypto.accumulator import accumulate, encode_residue, hash_accumulator
from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import region_root
from pekanu.market.claim import Result
from pekanu.node.executors import ItemRun
from pekanu.node.run_files import write_whole
from pekanu.ringers import encode_solutions
from pekanu.types import Hash32

#: The share of the progress that is the search; the rest is accumulating.
_SEARCH_SHARE: Final = 0.95
_NOTES: Final = "search.json"
_RESIDUE: Final = "accumulator"


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

        residue = accumulate(points, report)
        if self._notes is not None:
            self._notes.parent.mkdir(parents=True, exist_ok=True)
            write_whole(get_residue_path(self._notes.parent), [encode_residue(residue)])
        result = Result(
            output_root=region_root(output),
            output_size=len(output),
            evidence=hash_accumulator(residue),
        )
        return ItemRun(result=result, output=output, steps=0)


def get_residue_path(states: Path) -> Path:
    """Return the file in which an accumulator is kept for whoever is asked about it."""
    return states / _RESIDUE


def load_residue(states: Path, evidence: Hash32) -> int | None:
    """Return the accumulator that a result is about, None where it was not kept."""
    try:
        content = get_residue_path(states).read_bytes()
    except OSError:
        return None
    return int.from_bytes(content, "big") if keccak256(content) == evidence else None


def load(order: dict[str, Any]) -> SearchRunner:
    """Return the runner for a job, as `child_process` describes it."""
    notes = Path(order["states"]) / _NOTES if order["states"] else None
    return SearchRunner(catalog.get(order["name"]), notes)
