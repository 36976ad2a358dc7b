"""The odds, against their definition, simulation and worse strategies."""

from fractions import Fraction
from random import Random

import pytest

from pekanu.errors import InvalidInput
from pekanu.ringers.odds import MAX_RINGERS, RingerCount, recommend_count, recommend_stake
from pekanu.types import Wei

HALF = Fraction(1, 2)
SHARES = [Fraction(0), Fraction(1, 10), HALF, Fraction(9, 10), Fraction(1)]


@pytest.mark.parametrize("bounds", [(1, 1), (1, 32), (4, 9), (32, 32)])
def test_chances__when_summed__then_are_one(bounds: tuple[int, int]) -> None:
    count = RingerCount(least=bounds[0], most=bounds[1])
    assert sum(map(count.get_chance, range(40))) == 1
    assert count.get_chance(bounds[0] - 1) == count.get_chance(bounds[1] + 1) == 0


@pytest.mark.parametrize("bounds", [(0, 5), (6, 5), (1, MAX_RINGERS + 1)])
def test_count__when_impossible__then_refuses(bounds: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput, match="there can be 1 to 32 ringers"):
        RingerCount(least=bounds[0], most=bounds[1])


def test_draw__when_repeated__then_follows_its_chances() -> None:
    count, rng = RingerCount(least=3, most=8), Random(5).randbytes
    drawn = [count.draw(rng) for _ in range(20_000)]
    for k in range(3, 9):
        chance = float(count.get_chance(k))
        deviation = (chance * (1 - chance) * len(drawn)) ** 0.5
        assert abs(drawn.count(k) - chance * len(drawn)) < 5 * deviation


@pytest.mark.parametrize("share", SHARES)
def test_evasion__when_the_number_is_fixed__then_is_the_formula(share: Fraction) -> None:
    assert RingerCount(least=7, most=7).get_evasion(share) == (1 - share) ** 7


def test_evasion__when_nothing_or_all_is_skipped__then_is_sure_or_impossible() -> None:
    count = RingerCount(least=4)
    assert count.get_evasion(Fraction(0)) == 1
    assert count.get_evasion(Fraction(1)) == 0


def test_adaptive_evasion__when_compared__then_is_never_below_that_of_a_fixed_share() -> None:
    for least in (1, 4, 16):
        count = RingerCount(least=least)
        bounds = [count.get_adaptive_evasion(share) for share in SHARES]
        assert bounds == sorted(bounds, reverse=True)
        for share, bound in zip(SHARES, bounds, strict=True):
            assert count.get_evasion(share) <= bound <= 1


def test_adaptive_evasion__when_the_number_is_known__then_ringers_are_worth_nothing() -> None:
    assert RingerCount(least=9, most=9).get_adaptive_evasion(HALF) == 1


def test_adaptive_evasion__when_simulated__then_bounds_every_threshold() -> None:
    """A cheat that knows all but the number, and stops once it has found `threshold` ringers."""
    count, rng = RingerCount(least=4, most=20), Random(6)
    for skipped in (0.3, 0.6):
        bound = float(count.get_adaptive_evasion(Fraction(skipped).limit_denominator()))
        for threshold in (4, 5, 7, 10):
            trials, stopped, safe = 4000, 0, 0
            for _ in range(trials):
                k = count.draw(rng.randbytes)
                places = sorted(rng.random() for _ in range(k))
                early = [place for place in places if place < 1 - skipped]
                if len(early) >= threshold:
                    stopped += 1
                    # It stops at the threshold, at the latest moment that leaves the share.
                    safe += len(early) == k
            assert safe / trials <= bound + 3 * (bound / trials) ** 0.5


@pytest.mark.parametrize("share", ["-1/2", "3/2"])
def test_evasion__when_no_share__then_refuses(share: str) -> None:
    with pytest.raises(InvalidInput, match="no share"):
        RingerCount(least=4).get_evasion(Fraction(share))
    with pytest.raises(InvalidInput, match="no share"):
        RingerCount(least=4).get_adaptive_evasion(Fraction(share))


def test_recommend_count__when_asked__then_gives_the_fewest() -> None:
    count = recommend_count(HALF, Fraction(1, 20))
    assert count.get_adaptive_evasion(HALF) <= Fraction(1, 20)
    assert RingerCount(least=count.least - 1).get_adaptive_evasion(HALF) > Fraction(1, 20)


def test_recommend_count__when_nothing_suffices__then_says_so() -> None:
    with pytest.raises(InvalidInput, match=r"skips 1\.0% of the domain"):
        recommend_count(Fraction(1, 100), Fraction(1, 1000))


@pytest.mark.parametrize("least", [12, 20])
def test_recommend_stake__when_staked__then_no_larger_share_pays(least: int) -> None:
    count, price, least_share = RingerCount(least=least), Wei(10**18), Fraction(1, 4)
    stake = recommend_stake(count, price, least_share)
    for share in (least_share, Fraction(3, 8), HALF, Fraction(1)):
        caught = 1 - count.get_adaptive_evasion(share)
        assert share * price <= caught * (price + Fraction(stake, 2))
    poor = Wei(max(0, stake - 2 * 10**16))
    assert stake == 0 or any(
        share * price > (1 - count.get_adaptive_evasion(share)) * (price + Fraction(poor, 2))
        for share in (least_share + (1 - least_share) * Fraction(n, 64) for n in range(65))
    )


def test_recommend_stake__when_the_share_is_not_noticed__then_refuses() -> None:
    with pytest.raises(InvalidInput, match="do not notice"):
        recommend_stake(RingerCount(least=1), Wei(1), Fraction(0))
