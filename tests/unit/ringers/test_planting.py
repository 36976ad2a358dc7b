"""Ringers are in the domain, fresh, and cannot be told from anything else."""

import random
from collections.abc import Callable

import pytest

from pekanu.errors import InvalidInput
from pekanu.ringers import Domain, Planted, RingerCount, hash_ringers, plant
from pekanu.ringers.planting import draw_below
from pekanu.types import Hash32

Rng = Callable[[int], bytes]
Image = Callable[[int], Hash32]

DOMAIN = Domain(low=1000, high=3000)
COUNT = RingerCount(least=3, most=12)


def make(image: Image, rng: Rng, wanted: int = 5) -> Planted:
    targets = [image(DOMAIN.high + n) for n in range(wanted)]
    return plant(DOMAIN, targets, COUNT, image, rng)


def test_plant__when_drawn__then_ringers_rise_in_the_domain_and_their_images_are_targets(
    image: Image, rng: Rng
) -> None:
    for _ in range(50):
        planted = make(image, rng)
        assert COUNT.least <= len(planted.ringers) <= COUNT.most
        assert list(planted.ringers) == sorted(set(planted.ringers))
        assert all(ringer in DOMAIN for ringer in planted.ringers)
        assert {image(ringer) for ringer in planted.ringers} <= set(planted.targets)
        assert list(planted.targets) == sorted(set(planted.targets))


def test_plant__when_repeated__then_the_length_tells_nothing(image: Image, rng: Rng) -> None:
    planted = [make(image, rng) for _ in range(60)]
    assert {len(one.targets) for one in planted} == {5 + COUNT.most}
    assert len({len(one.ringers) for one in planted}) > 3
    assert len({one.ringers for one in planted}) == len({one.salt for one in planted}) == 60


def test_plant__when_repeated__then_ringers_are_uniform_among_targets(image: Image) -> None:
    """Each place of the sorted list holds a ringer, a wanted or a bogus image as often."""
    rng, size, rounds = random.Random(11).randbytes, 5 + COUNT.most, 2000
    counts = {"ringer": [0] * size, "wanted": [0] * size, "bogus": [0] * size}
    wanted_images = {image(DOMAIN.high + n) for n in range(5)}
    seeded = random.Random(12)
    for _ in range(rounds):
        # Fresh wanted targets each time, for those of `make` lie where they lie.
        wanted = {Hash32(seeded.randbytes(32)) for _ in wanted_images}
        planted = plant(DOMAIN, wanted, COUNT, image, rng)
        secret = {image(ringer) for ringer in planted.ringers}
        for place, target in enumerate(planted.targets):
            kind = "ringer" if target in secret else "wanted" if target in wanted else "bogus"
            counts[kind][place] += 1
    for places in counts.values():
        expected = sum(places) / size
        chi_square = sum((found - expected) ** 2 / expected for found in places)
        # 16 degrees of freedom: a uniform list exceeds this once in 10^4.
        assert chi_square < 45.9


def test_plant__when_repeated__then_ringers_are_uniform_in_the_domain(image: Image) -> None:
    rng, bins = random.Random(13).randbytes, [0] * 20
    for _ in range(1500):
        for ringer in make(image, rng, wanted=0).ringers:
            bins[(ringer - DOMAIN.low) * 20 // DOMAIN.size] += 1
    expected = sum(bins) / 20
    # 19 degrees of freedom, once in 10^4.
    assert sum((found - expected) ** 2 / expected for found in bins) < 50.8


def test_plant__when_bits_of_images_are_counted__then_bogus_ones_look_alike(image: Image) -> None:
    rng = random.Random(14).randbytes
    ones = {True: 0, False: 0}
    seen = {True: 0, False: 0}
    for _ in range(400):
        planted = make(image, rng, wanted=0)
        secret = {image(ringer) for ringer in planted.ringers}
        for target in planted.targets:
            ones[target in secret] += int.from_bytes(target, "big").bit_count()
            seen[target in secret] += 256
    for is_ringer in (True, False):
        deviation = (seen[is_ringer] * 0.25) ** 0.5
        assert abs(ones[is_ringer] - seen[is_ringer] / 2) < 4 * deviation


def test_plant__when_a_wanted_image_is_a_ringers__then_as_many_are_planted(rng: Rng) -> None:
    """A function with a single image: all targets but one are bogus."""
    planted = plant(DOMAIN, [], COUNT, lambda _point: Hash32(bytes(32)), rng)
    assert len(planted.targets) == COUNT.most


def test_plant__when_the_domain_is_small__then_refuses(image: Image, rng: Rng) -> None:
    with pytest.raises(InvalidInput, match="a domain of 23 points hides no 12 ringers"):
        plant(Domain(low=0, high=23), [], COUNT, image, rng)
    assert plant(Domain(low=0, high=24), [], COUNT, image, rng).ringers


def test_plant__when_a_target_is_no_image__then_refuses(image: Image, rng: Rng) -> None:
    with pytest.raises(InvalidInput, match="32 bytes"):
        plant(DOMAIN, [Hash32(b"short")], COUNT, image, rng)


@pytest.mark.parametrize("bounds", [(5, 5), (6, 5), (-1, 5), (0, 1 << 256)])
def test_domain__when_empty_or_too_large__then_refuses(bounds: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput, match="nothing to search"):
        Domain(low=bounds[0], high=bounds[1])


@pytest.mark.parametrize("bound", [1, 2, 3, 256, 257, 1 << 255])
def test_draw_below__when_drawn__then_is_in_range(bound: int, rng: Rng) -> None:
    assert all(0 <= draw_below(bound, rng) < bound for _ in range(50))


def test_hash_ringers__when_anything_changes__then_changes() -> None:
    hashes = [
        hash_ringers([1, 2], bytes(32)),
        hash_ringers([1, 3], bytes(32)),
        hash_ringers([1, 2, 3], bytes(32)),
        hash_ringers([1, 2], bytes(31) + b"\x01"),
    ]
    assert len(set(hashes)) == len(hashes)
