"""A search with somebody's own program as the function, executed on every point of a range.

The program's input is the point, 32 bytes big endian; its output's Keccak-256 is the image. A run
that does not halt with exit code 0 in the steps that it may take gives none.
Not here: hashes (`search`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from threading import Event, local
from typing import Final

from pekanu.catalog.hash_search.search import MAX_SOLUTIONS as MOST_LISTED
from pekanu.catalog.hash_search.search import Solution
from pekanu.catalog.hash_search.sweep import Notes, Piece, Sweep
from pekanu.catalog.inversion import MAX_SOLUTIONS, SOLUTION_STEPS
from pekanu.catalog.verdict import RandomBytes
from pekanu.crypto.keccak import keccak256
from pekanu.dispute.ending import get_output
from pekanu.errors import InvalidInput
from pekanu.machine.evaluator import Evaluator
from pekanu.machine.executor import run
from pekanu.machine.program import Program
from pekanu.machine.state import Status
from pekanu.ringers import Domain
from pekanu.types import Hash32

#: What a run takes beside its steps, in the steps by which work is priced.
_RUN_STEPS: Final = 100_000
#: Points of a piece.
PIECE: Final = 1 << 8
_IMAGE_SIZE: Final = 32
#: The longest output that can be shown to the referee. Source: contracts/referees/searches.vy.
MAX_OUTPUT: Final = 992
_EMPTY: Final = keccak256(b"")


@dataclass(frozen=True, kw_only=True)
class ProgramSearch:
    """A search of some points for images of a program."""

    program: Program
    domain: Domain
    #: Images.
    tokens: tuple[bytes, ...]
    #: That the program may take on a point; all of them are paid for.
    max_steps: int

    def __post_init__(self) -> None:
        """Refuse what could have too many solutions, for any point may be one."""
        if self.domain.size > MAX_SOLUTIONS:
            raise InvalidInput(
                f"{self.domain.size} points are more than the {MAX_SOLUTIONS} that a program is "
                "searched on",
                hint="search them in parts",
            )

    @property
    def steps(self) -> int:
        """What the whole search takes, in the steps by which work is priced."""
        return self.domain.size * (self.max_steps + _RUN_STEPS + SOLUTION_STEPS)

    @property
    def most_solutions(self) -> int:
        """All points may be solutions."""
        return self.domain.size

    def get_token(self, point: int) -> bytes | None:
        """Return a point's image, or None where the program gives none."""
        done = run(self.program, point.to_bytes(32, "big"), max_steps=self.max_steps)
        if done.status is not Status.HALTED or done.exit_code != 0:
            return None
        output = get_output(done.state.memory)
        return None if len(output) > MAX_OUTPUT else keccak256(output)

    def get_image(self, token: bytes) -> Hash32:
        """Return the image that a token stands for: itself."""
        return Hash32(token)

    def draw_token(self, rng: RandomBytes) -> bytes:
        """Return an image that nobody can tell from a point's."""
        return rng(_IMAGE_SIZE)

    def find(
        self, progress: Callable[[float], None], notes: Path | None, stop: Event | None = None
    ) -> list[int]:
        """Return all solutions, rising; goes on from what a file notes, and notes what is done."""
        kept = Notes.open(notes) if notes else Notes()
        return self._sweep(Sweep(progress=progress, notes=kept, stop=stop, most=MAX_SOLUTIONS))

    def run(self, progress: Callable[[float], None], notes: Notes | None = None) -> list[Solution]:
        """Return the solutions, rising; as many at most as a search for hashes lists."""
        sweep = Sweep(progress=progress, notes=notes or Notes(), most=MOST_LISTED)
        return [solution for point in self._sweep(sweep) if (solution := self.solve(point))]

    def solve(self, point: int) -> Solution | None:
        """Return a point as a solution, or None if it is none."""
        token = self.get_token(point) if point in self.domain else None
        if token is None or token not in self._wanted:
            return None
        return Solution(point, point.to_bytes(32, "big"), token)

    @cached_property
    def _wanted(self) -> frozenset[bytes]:
        return frozenset(self.tokens)

    def _sweep(self, sweep: Sweep) -> list[int]:
        domain = self.domain
        return sweep.run(
            self._cut, domain.low, domain.size, lambda one: self.solve(one) is not None
        )

    def _cut(self, start: int) -> Iterator[Piece]:
        threads = local()
        for first in range(start, self.domain.high, PIECE):
            end = min(first + PIECE, self.domain.high)
            yield Piece(end, partial(self._search, threads, first, end))

    def _search(self, threads: local, first: int, end: int) -> list[int]:
        if not hasattr(threads, "evaluator"):
            threads.evaluator = Evaluator(self.program, self.max_steps)
        found, wanted = [], self._wanted
        for point in range(first, end):
            output = threads.evaluator.run(point.to_bytes(32, "big"))
            if output is None:
                continue
            # An output that is not canonical counts as empty, which only a whole run tells.
            is_suspect = keccak256(output) in wanted or _EMPTY in wanted
            if is_suspect and self.solve(point) is not None:
                found.append(point)
        return found
