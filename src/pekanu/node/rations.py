"""Rations: how much of something is given out a second, in all and to each.

Token buckets on an argument clock. What is not here: who gets how much (`peer_server`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

#: Buckets kept for single takers; the longest untouched is forgotten first.
_REMEMBERED: Final = 8192


class Ration:
    """A bucket that fills at a rate and holds a burst.

    Args:
        rate: Units a second.
        burst: Units that it holds at most, and at first.
    """

    def __init__(self, rate: float, *, burst: float) -> None:
        """Start full."""
        self._rate, self._burst, self._left = rate, burst, burst
        self._time: float | None = None

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Return whether the amount was there, and take it if so."""
        if self._time is not None:
            self._left = min(self._burst, self._left + max(0.0, now - self._time) * self._rate)
        self._time = now
        if amount > self._left:
            return False
        self._left -= amount
        return True


class Rations:
    """A bucket for each taker, for boundedly many.

    Args:
        rate: Units a second for each.
        burst: Units that each bucket holds.
    """

    def __init__(self, rate: float, *, burst: float) -> None:
        """Start without takers."""
        self._rate, self._burst = rate, burst
        self._buckets: OrderedDict[Hashable, Ration] = OrderedDict()

    def take(self, taker: Hashable, now: float, amount: float = 1.0) -> bool:
        """Return whether the amount was there for this taker, and take it if so."""
        bucket = self._buckets.setdefault(taker, Ration(self._rate, burst=self._burst))
        self._buckets.move_to_end(taker)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return bucket.take(now, amount)
