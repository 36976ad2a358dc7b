"""Ringers and bogus images, drawn and mixed with the targets that a client wants.

The list of targets is sorted, and its length does not tell how many ringers are in it: a client
plants a fixed number of images, of which a secret number belong to ringers and the rest to nobody.
An image is a Keccak-256 hash and a bogus one 32 random bytes, so they look alike. Where a target
is written as something else that stands for its image, such as a hash by itself, ringers, bogus
and wanted ones are all written so. Not here: how many ringers are enough (`odds`).
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
#: Returns the image of a point, or what is written for it; None where the function gives none.
Image: TypeAlias = Callable[[int], bytes | None]

_IMAGE_SIZE: Final = 32
#: Points that are tried for each ringer, where the function gives nothing on many.
_TRIES: Final = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Planted:
    """What a client asks for, and its secret."""

    #: Wanted, planted and bogus images, strictly ascending; the worker sees them.
    targets: tuple[bytes, ...]
    #: The client's secret: strictly ascending points of the domain whose images are among them.
    ringers: tuple[int, ...]
    #: Secret too; drawn afresh.
    salt: bytes

    @property
    def ringers_hash(self) -> Hash32:
        """The commitment to the ringers that the terms carry."""
        return hash_ringers(self.ringers, self.salt)


def draw_image(rng: RandomBytes) -> bytes:
    """Return an image of nobody's."""
    return rng(_IMAGE_SIZE)


def plant(
    domain: Domain,
    wanted: Collection[bytes],
    count: RingerCount,
    image: Image,
    rng: RandomBytes,
    bogus: Callable[[RandomBytes], bytes] = draw_image,
) -> Planted:
    """Return wanted targets mixed with those of fresh ringers and of nobody.

    Args:
        domain: Where the ringers are drawn, each point with the same chance, none twice; points
            without an image are passed over.
        wanted: Images that the client wants to invert; as long as bogus ones.
        count: How many ringers there may be.
        image: The function to be searched; called about once a ringer.
        rng: Randomness that nobody else can know.
        bogus: Draws what nobody can tell from an image.

    Raises:
        InvalidInput: The domain is too small for so many ringers, a target is no image, or hardly
            any point has one.
    """
    size = len(bogus(rng))
    if any(len(target) != size for target in wanted):
        raise InvalidInput(f"a target is the image of a point, {size} bytes")
    if domain.size < 2 * count.most:
        raise InvalidInput(
            f"a domain of {domain.size} points hides no {count.most} ringers",
            hint="search it yourself, or widen it",
        )
    found = _draw_ringers(domain, count.draw(rng), image, rng)
    targets = {*wanted, *found.values()}
    # As many images are planted whatever the number of ringers, and whatever collides.
    while len(targets) < len(set(wanted)) + count.most:
        targets.add(bogus(rng))
    return Planted(targets=tuple(sorted(targets)), ringers=tuple(sorted(found)), salt=rng(32))


def draw_below(bound: int, rng: RandomBytes) -> int:
    """Return an integer of [0, bound), each with the same chance: larger ones are drawn again."""
    bits = (bound - 1).bit_length()
    while True:
        drawn = int.from_bytes(rng((bits + 7) // 8 or 1), "big") & ((1 << bits) - 1)
        if drawn < bound:
            return drawn


def _draw_ringers(domain: Domain, count: int, image: Image, rng: RandomBytes) -> dict[int, bytes]:
    """Return distinct points of a domain with their images."""
    found: dict[int, bytes] = {}
    for _ in range(_TRIES * count):
        point = domain.low + draw_below(domain.size, rng)
        if point not in found and (drawn := image(point)) is not None:
            found[point] = drawn
        if len(found) == count:
            return found
    raise InvalidInput(
        f"the function gives nothing on most of the {domain.size} points",
        hint="try it on some of them, and allow it enough steps",
    )
