"""What a function is that its buyers want inverted: a domain, a program on each point, targets.

Such a search is paid by ringers (`pekanu.ringers`). A target is written as a token, which is as
good as its image and as easily searched for: of a hash the digits that matter, of a program the
image itself. Not here: any search (`hash_search`), ringers.
Source: design/referees.md, "RingerReferee".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final, Protocol

from pekanu.catalog.framing import Value
from pekanu.catalog.verdict import RandomBytes
from pekanu.machine.program import Program
from pekanu.types import Hash32

if TYPE_CHECKING:
    # It brings the library of long integers, which listing the catalog does without.
    from pekanu.ringers import Domain

#: Solutions that a search that is sold may have: a witness for ringers among so many takes some
#: four minutes, and must be there within the window for an answer.
MAX_SOLUTIONS: Final = 100_000
#: What accumulating a solution takes, in the steps by which work is priced: two milliseconds.
SOLUTION_STEPS: Final = 2_000_000


class Inversion(Protocol):
    """A search: the function, where, and what for."""

    @property
    def program(self) -> Program:
        """What the machine runs on a point, 32 bytes big endian: its output decides."""

    @property
    def max_steps(self) -> int:
        """Steps of the program on any point, a bound."""

    @property
    def domain(self) -> Domain:
        """The points that are searched."""

    @property
    def tokens(self) -> Sequence[bytes]:
        """The targets, as they are written; each once, rising."""

    @property
    def steps(self) -> int:
        """What the whole search takes, in the steps by which work is priced."""

    @property
    def most_solutions(self) -> int:
        """A bound, near or sure, on the solutions' number."""

    def get_token(self, point: int) -> bytes | None:
        """Return the token of a point's image, or None where the program gives none."""

    def get_image(self, token: bytes) -> Hash32:
        """Return the image that a token stands for."""

    def draw_token(self, rng: RandomBytes) -> bytes:
        """Return a token that nobody can tell from that of a point."""

    def find(
        self, progress: Callable[[float], None], notes: Path | None, stop: Event | None = None
    ) -> list[int]:
        """Return all solutions, rising; goes on from what a file notes, and notes what is done."""


class InversionModule(Protocol):
    """What `inversion.py` of a function's package offers."""

    def build_inversion(self, values: Sequence[Value]) -> Inversion:
        """Return the search that some inputs ask for; refuses what cannot be sold."""

    def with_tokens(self, values: Sequence[Value], tokens: Sequence[bytes]) -> list[Value]:
        """Return the inputs of the same search for other targets."""

    def format_points(self, values: Sequence[Value], points: Sequence[int]) -> Value:
        """Return the function's output for some points, those that are no solutions left out."""


def list_images(inversion: Inversion) -> list[Hash32]:
    """Return the images that a search is for, each once, rising."""
    return sorted({inversion.get_image(token) for token in inversion.tokens})


def get_image_of(inversion: Inversion, point: int) -> Hash32 | None:
    """Return a point's image, or None where the program gives none."""
    token = inversion.get_token(point)
    return None if token is None else inversion.get_image(token)
