"""Hash search as it is sold: candidates by their numbers, paid by ringers.

Not here: the search on this machine alone (`native`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Final

from pekanu.catalog.framing import Value
from pekanu.catalog.hash_search import native
from pekanu.catalog.hash_search.program import MAX_STEPS, build_program
from pekanu.catalog.hash_search.program_search import ProgramSearch
from pekanu.catalog.hash_search.search import HASHES, Search
from pekanu.catalog.hash_search.sweep import Notes
from pekanu.catalog.hash_search.targets import Kept
from pekanu.catalog.inversion import MAX_SOLUTIONS, SOLUTION_STEPS, Inversion
from pekanu.catalog.registry import get
from pekanu.catalog.verdict import RandomBytes
from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidInput
from pekanu.machine.program import Program
from pekanu.ringers import Domain
from pekanu.types import Hash32

#: Of a shorter beginning or end, too many candidates would be solutions of bogus targets alone.
MIN_DIGITS: Final = 4
_TARGETS: Final = 3
#: Solutions may be so many times, and more, as are to be expected.
_MARGIN: Final = 2
_FEW: Final = 64


@dataclass(frozen=True, kw_only=True)
class HashInversion:
    """A search of candidates for hashes, or for beginnings or ends of one length."""

    search: Search
    kept: Kept
    #: What the targets ask of the digits that matter.
    tokens: tuple[bytes, ...]

    def __post_init__(self) -> None:
        """Refuse what is better searched otherwise."""
        if self.kept.digits < MIN_DIGITS:
            raise InvalidInput(
                f"input targets: {self.kept.digits} digits are too few for a search that is bought",
                hint=f"give {MIN_DIGITS} or more, or search here with --local",
            )
        if self.most_solutions > MAX_SOLUTIONS:
            raise InvalidInput(
                f"there may be {self.most_solutions} solutions, more than {MAX_SOLUTIONS}",
                hint="search a part with first and count, or give more digits",
            )

    @cached_property
    def program(self) -> Program:
        """What the machine runs on a point: the guest with this search's tables."""
        guest = get("hash-search").program
        return build_program(guest, self.search.algorithm, self.search.space, self.kept)

    @property
    def max_steps(self) -> int:
        """Steps of the program on any point, a bound."""
        return MAX_STEPS

    @property
    def domain(self) -> Domain:
        """The candidates' numbers."""
        return Domain(low=self.search.first, high=self.search.first + self.search.count)

    @property
    def steps(self) -> int:
        """What the whole search takes, in the steps by which work is priced."""
        candidates = native.estimate_search_steps(self.search)
        return candidates + SOLUTION_STEPS * min(len(self.tokens), self.most_solutions)

    @property
    def most_solutions(self) -> int:
        """Of whole hashes, one a target and shape; of parts, twice what chance gives, and some."""
        count, wanted = self.search.count, len(self.tokens)
        if self.kept.digits == 2 * self.kept.size:
            return min(count, wanted * len(self.search.space.shapes))
        expected = count * wanted >> 4 * self.kept.digits
        return min(count, _MARGIN * expected + _FEW + wanted)

    def get_token(self, point: int) -> bytes | None:
        """Return the digits that matter of a candidate's hash; None if there is no such one."""
        if point not in self.domain:
            return None
        return self.kept.take(HASHES[self.search.algorithm](self.search.space.get(point)))

    def get_image(self, token: bytes) -> Hash32:
        """Return the Keccak-256 of the digits."""
        return keccak256(token)

    def draw_token(self, rng: RandomBytes) -> bytes:
        """Return digits that any hash could have."""
        return self.kept.draw(rng)

    def find(
        self, progress: Callable[[float], None], notes: Path | None, stop: Event | None = None
    ) -> list[int]:
        """Return all solutions, rising; goes on from what a file notes, and notes what is done."""
        kept = Notes.open(notes) if notes else None
        return self.search.find(progress, kept, stop, most=MAX_SOLUTIONS)


def build_inversion(values: Sequence[Value]) -> Inversion:
    """Return the search that some inputs ask for.

    Raises:
        InvalidInput: They make none, or none that can be sold.
    """
    search = native.parse(values)
    if isinstance(search, ProgramSearch):
        return search
    kept = search.targets.get_kept()
    tokens = tuple(sorted(set(search.targets.list_kept())))
    return HashInversion(search=search, kept=kept, tokens=tokens)


def with_tokens(values: Sequence[Value], tokens: Sequence[bytes]) -> list[Value]:
    """Return the inputs of the same search for other targets."""
    inversion = build_inversion(values)
    write = inversion.kept.write if isinstance(inversion, HashInversion) else bytes.hex
    lines = "".join(f"{write(token)}\n" for token in tokens)
    changed = list(values)
    changed[_TARGETS] = lines.encode()
    return changed


def format_points(values: Sequence[Value], points: Sequence[int]) -> Value:
    """Return a line for each point that solves what the inputs ask for."""
    search = native.parse(values)
    return native.format_solutions(
        [found for point in points if (found := search.solve(point)) is not None]
    )
