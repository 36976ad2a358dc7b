"""Ringers and bogus images, drawn and mixed with the targets that a client wants.

The list of targets is sorted, and its length does not tell how many ringers are in it: a client
plants a fixed number of images, of which a secret number belong to ringers and the rest to nobody.
An image is a Keccak-256 hash and a bogus one 32 random bytes, so they look alike. Not here: how
many ringers are enough (`odds`).
Source: design/referees.md, "RingerReferee", ringers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, TypeAlias

from pekanu.errors import InvalidInput
from pekanu.ringers.odds import RingerCount
from pekanu.ringers.terms import Domain, hash_ringers
from pekanu.types import Hash32

#: Returns as many random bytes as it is asked for, fit for secrets.
RandomBytes: TypeAlias = Callable[[int], bytes]
#: Returns the image of a point.
Image: TypeAlias = Callable[[int], Hash32]

_IMAGE_SIZE: Final = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Planted:
    """What a client asks for, and its secret."""

    #: Wanted, planted and bogus images, strictly ascending; the worker sees them.
    targets: tuple[Hash32, ...]
    #: The client's secret: strictly ascending points of the domain whose images are among them.
    ringers: tuple[int, ...]
    #: Secret too; drawn afresh.
    salt: bytes

    @property
    def ringers_hash(self) -> Hash32:
        """The commitment to the ringers that the terms carry."""
        return hash_ringers(self.ringers, self.salt)


def plant(
    domain: Domain,
    wanted: Collection[Hash32],
    count: RingerCount,
    image: Image,
    rng: RandomBytes,
) -> Planted:
    """Return wanted targets mixed with those of fresh ringers and of nobody.

    Args:
        domain: Where the ringers are drawn, each point with the same chance, none twice.
        wanted: Images that the client wants to invert; 32 bytes each.
        count: How many ringers there may be.
        image: The function to be searched; called once a ringer.
        rng: Randomness that nobody else can know.

    Raises:
        InvalidInput: The domain is too small for so many ringers, or a target is no image.
    """
    if any(len(target) != _IMAGE_SIZE for target in wanted):
        raise InvalidInput("a target is the image of a point, 32 bytes")
    if domain.size < 2 * count.most:
        raise InvalidInput(
            f"a domain of {domain.size} points hides no {count.most} ringers",
            hint="search it yourself, or widen it",
        )
    ringers = _draw_points(domain, count.draw(rng), rng)
    targets = {*wanted, *map(image, ringers)}
    # As many images are planted whatever the number of ringers, and whatever collides.
    while len(targets) < len(set(wanted)) + count.most:
        targets.add(Hash32(rng(_IMAGE_SIZE)))
    return Planted(targets=tuple(sorted(targets)), ringers=tuple(ringers), salt=rng(32))


def draw_below(bound: int, rng: RandomBytes) -> int:
    """Return an integer of [0, bound), each with the same chance: larger ones are drawn again."""
    bits = (bound - 1).bit_length()
    while True:
        drawn = int.from_bytes(rng((bits + 7) // 8 or 1), "big") & ((1 << bits) - 1)
        if drawn < bound:
            return drawn


def _draw_points(domain: Domain, count: int, rng: RandomBytes) -> list[int]:
    """Return distinct points of a domain, rising."""
    points: set[int] = set()
    while len(points) < count:
        points.add(domain.low + draw_below(domain.size, rng))
    return sorted(points)
