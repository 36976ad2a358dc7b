"""What a client finds when it opens the seal: all in order, or a fault that the referee can see.

Not here: how a fault is shown to the contract (`evidence`).
Source: design/referees.md, "RingerReferee", steps 2 to 5.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from pekanu.crypto.accumulator import accumulate, hash_accumulator
from pekanu.errors import InvalidInput
from pekanu.ringers.planting import Image
from pekanu.ringers.solutions import decode_solutions
from pekanu.ringers.terms import Domain
from pekanu.types import Hash32


class Finding(Enum):
    """What an audit finds first."""

    #: Nothing wrong: approve.
    IN_ORDER = auto()
    #: The output is no whole number of points.
    NO_LIST = auto()
    #: Two neighbours do not rise: refuted by showing them.
    DISORDERED = auto()
    #: A ringer is not listed: refuted by showing its neighbours.
    RINGER_MISSING = auto()
    #: A listed point lies outside the domain.
    OUTSIDE = auto()
    #: A listed point's image is not among the targets.
    NO_SOLUTION = auto()
    #: The accumulator is not that of the list: the ringers or a point are asked for.
    OTHER_ACCUMULATOR = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What was found, and where."""

    finding: Finding
    #: The list as far as it could be read.
    points: tuple[int, ...] = ()
    #: Place in the list: of the second neighbour, where a missing ringer would stand, or of the
    #: wrong point; None where no place is at fault.
    place: int | None = None
    #: The missing ringer.
    ringer: int | None = None

    @property
    def is_in_order(self) -> bool:
        """Whether to approve."""
        return self.finding is Finding.IN_ORDER


def audit(
    output: bytes,
    domain: Domain,
    targets: Collection[Hash32],
    ringers: Sequence[int],
    evidence: Hash32 | None,
    image: Image,
) -> Audit:
    """Return what a client finds in an opened output; the first fault, the cheapest to show first.

    Args:
        output: The opened seal; any bytes.
        domain: Where the search was.
        targets: All images that were asked for, the planted ones too.
        ringers: The client's secret.
        evidence: What the claimed result says of the accumulator; None to leave that alone: the
            list decides, and a client that has it loses nothing by another accumulator.
        image: The function; called once a listed point.
    """
    try:
        points = decode_solutions(output)
    except InvalidInput:
        return Audit(finding=Finding.NO_LIST)
    found = _check_places(points, ringers) or _check_points(points, domain, targets, image)
    if found is not None:
        return found
    if evidence is not None and hash_accumulator(accumulate(points)) != evidence:
        return Audit(finding=Finding.OTHER_ACCUMULATOR, points=tuple(points))
    return Audit(finding=Finding.IN_ORDER, points=tuple(points))


def _check_places(points: list[int], ringers: Sequence[int]) -> Audit | None:
    listed = tuple(points)
    for place in range(1, len(points)):
        if points[place - 1] >= points[place]:
            return Audit(finding=Finding.DISORDERED, points=listed, place=place)
    for ringer in ringers:
        place = bisect_left(points, ringer)
        if place == len(points) or points[place] != ringer:
            return Audit(finding=Finding.RINGER_MISSING, points=listed, place=place, ringer=ringer)
    return None


def _check_points(
    points: list[int], domain: Domain, targets: Collection[Hash32], image: Image
) -> Audit | None:
    wanted = frozenset(targets)
    for place, point in enumerate(points):
        if point not in domain:
            return Audit(finding=Finding.OUTSIDE, points=tuple(points), place=place)
        if image(point) not in wanted:
            return Audit(finding=Finding.NO_SOLUTION, points=tuple(points), place=place)
    return None
