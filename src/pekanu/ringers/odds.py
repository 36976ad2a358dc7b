"""How likely it is that a worker who searches only a part is caught, and what follows from that.

The number of ringers is k = least + G, where G = 0, 1, 2, … has chances in the ratio 3/4, cut off
at `most`. A worker that skips a share q of the domain, whatever it finds, misses none of k ringers
with probability (1 - q)^k. One that adapts stops when it believes that it has found all of them,
knowing everything but k: if it stops with j found and q left, the chance that there are no more is

    P(k = j) / sum over i of P(k = j + i) * C(j + i, i) * q^i,

at most about (1 - 3q/4)^(least + 1), whatever j is, because a geometric number looks the same
however far one has counted. Stopping at `most` is safe, which is rare. Not here: money of the
market (`pekanu.market`); chances are exact fractions.
Source: design/referees.md, "RingerReferee"; Golle and Mironov, CT-RSA 2001 (ringers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import ceil, comb
from typing import Final

from pekanu.errors import InvalidInput
from pekanu.types import Wei

#: Ringers that one proof on chain can show.
MAX_RINGERS: Final = 32
#: The chance of one more ringer, each time.
_RATIO_TOP, _RATIO_BITS = 3, 2
_RATIO: Final = Fraction(_RATIO_TOP, 1 << _RATIO_BITS)


#: Of the domain, that tables show.
SHARES: Final = (Fraction(1, 10), Fraction(1, 4), Fraction(1, 2), Fraction(3, 4))


@dataclass(frozen=True, kw_only=True, slots=True)
class RingerCount:
    """How many ringers there may be: a secret number from `least` to `most`.

    Raises:
        InvalidInput: There is none, or they are more than can be proved.
    """

    least: int
    most: int = MAX_RINGERS

    def __post_init__(self) -> None:
        """Refuse bounds that make no sense."""
        if not 1 <= self.least <= self.most <= MAX_RINGERS:
            raise InvalidInput(
                f"there can be 1 to {MAX_RINGERS} ringers, not {self.least} to {self.most}"
            )

    def draw(self, rng: Callable[[int], bytes]) -> int:
        """Return a secret number of ringers."""
        count = self.least
        while count < self.most and rng(1)[0] & ((1 << _RATIO_BITS) - 1) < _RATIO_TOP:
            count += 1
        return count

    def get_chance(self, count: int) -> Fraction:
        """Return the probability that there are exactly so many."""
        if not self.least <= count <= self.most:
            return Fraction(0)
        chance = _RATIO ** (count - self.least)
        return chance if count == self.most else chance * (1 - _RATIO)

    def get_evasion(self, skipped: Fraction) -> Fraction:
        """Return the probability that a worker who skips a share of the domain is not caught.

        Args:
            skipped: In [0, 1]; the worker fixes it beforehand.
        """
        _validate_share(skipped)
        found = 1 - skipped
        counts = range(self.least, self.most + 1)
        return sum((self.get_chance(k) * found**k for k in counts), Fraction(0))

    def get_adaptive_evasion(self, skipped: Fraction) -> Fraction:
        """Return a bound on it for any worker that stops with at least that share left.

        It may stop when it likes, after what it found, and know everything but the number of
        ringers.
        """
        _validate_share(skipped)
        guesses = (self._get_belief(found, skipped) for found in range(self.least, self.most))
        return min(Fraction(1), max(guesses, default=Fraction(0)) + self.get_chance(self.most))

    def _get_belief(self, found: int, skipped: Fraction) -> Fraction:
        """Return the chance that `found` ringers, with a share not searched, are all."""
        weight = sum(
            (
                self.get_chance(count) * comb(count, found) * skipped ** (count - found)
                for count in range(found, self.most + 1)
            ),
            Fraction(0),
        )
        return self.get_chance(found) / weight


@dataclass(frozen=True, kw_only=True, slots=True)
class Odds:
    """What a cheat risks that leaves out a share of the domain."""

    skipped: Fraction
    #: The chance to get away with it, for one that fixes the share beforehand.
    evasion: Fraction
    #: The same, a bound for one that stops when it likes.
    adaptive_evasion: Fraction


def tabulate(count: RingerCount, shares: Sequence[Fraction] = SHARES) -> tuple[Odds, ...]:
    """Return the odds for some shares, in their order."""
    return tuple(
        Odds(
            skipped=share,
            evasion=count.get_evasion(share),
            adaptive_evasion=count.get_adaptive_evasion(share),
        )
        for share in shares
    )


@cache
def recommend_count(skipped: Fraction, evasion: Fraction) -> RingerCount:
    """Return the fewest ringers that catch a worker, adapting or not, often enough.

    Args:
        skipped: The share of the domain that a cheat would leave out.
        evasion: The largest chance to get away with it that one will bear.

    Raises:
        InvalidInput: No number that can be proved on chain does it.
    """
    for least in range(1, MAX_RINGERS + 1):
        count = RingerCount(least=least)
        if count.get_adaptive_evasion(skipped) <= evasion:
            return count
    raise InvalidInput(
        f"no {MAX_RINGERS} ringers catch a worker that skips {float(skipped):.1%} of the domain "
        f"but for {float(evasion):.2%}",
        hint="bear a larger chance, or let the stake deter: see the recommended stake",
    )


def recommend_stake(count: RingerCount, price: Wei, skipped: Fraction) -> Wei:
    """Return the stake for which skipping a share of the domain, or more, does not pay.

    A cheat that skips q saves q times its cost, at most the price, and when caught loses the price
    and its stake; half of it counts, for it may have challenged itself.

    Args:
        count: How many ringers there may be.
        price: What the worker is paid.
        skipped: The smallest share that shall not pay, above 0.

    Raises:
        InvalidInput: So small a share is hardly ever noticed.
    """
    worst = Fraction(0)
    for step in range(65):
        share = skipped + (1 - skipped) * Fraction(step, 64)
        caught = 1 - count.get_adaptive_evasion(share)
        if caught <= 0 or share <= 0:
            raise InvalidInput(f"ringers do not notice that {float(share):.1%} are left out")
        # It gains its saving surely, and loses price and half the stake when caught.
        worst = max(worst, share / caught - 1)
    return Wei(max(0, ceil(2 * worst * price)))


def _validate_share(share: Fraction) -> None:
    if not 0 <= share <= 1:
        raise InvalidInput(f"{share} is no share of a domain")
