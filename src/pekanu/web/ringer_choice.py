"""How many ringers a search has: read from a form, and what a cheat would risk with them.

What is not here: planting them (`pekanu.node.client_search`), the odds (`pekanu.ringers`).
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final

from pekanu.catalog import Function
from pekanu.errors import InvalidInput
from pekanu.node.client_draft import get_recommended_count
from pekanu.ringers import MAX_RINGERS, RingerCount
from pekanu.web.views.compute import RingersField

#: Shares of a domain that a cheat might leave out.
_SKIPPED: Final = (
    (Fraction(1, 2), "half"),
    (Fraction(1, 4), "a quarter"),
    (Fraction(1, 10), "a tenth"),
)
#: A domain that is large enough for every number of ringers.
_LARGE: Final = 1 << 32


def read_ringers(function: Function, data: bytes, text: str) -> RingerCount:
    """Return how many ringers there may be, as chosen or as recommended.

    Raises:
        InvalidInput: So many cannot be, or not among so few candidates.
    """
    points = function.build_inversion(data).domain.size
    if not text.strip():
        return get_recommended_count(points)
    if not text.isdigit() or not 1 <= int(text) <= MAX_RINGERS:
        raise InvalidInput(f"a search has 1 to {MAX_RINGERS} ringers")
    most = min(MAX_RINGERS, points // 2)
    if int(text) > most:
        raise InvalidInput(f"among {points:,} candidates there can be at most {most} ringers")
    return RingerCount(least=int(text), most=most)


def build_ringers_field(text: str) -> RingersField:
    """Return the slider."""
    usual = get_recommended_count(_LARGE).least
    chosen = int(text) if text.isdigit() and 1 <= int(text) <= MAX_RINGERS else usual
    return RingersField(value=chosen, most=MAX_RINGERS, recommended=usual)


@lru_cache(maxsize=64)
def describe_odds(count: RingerCount) -> tuple[tuple[str, str], ...]:
    """Return the share that a worker leaves out, and how likely it gets away with that at most."""
    return tuple((words, _format(count.get_adaptive_evasion(share))) for share, words in _SKIPPED)


def _format(chance: Fraction) -> str:
    percent = float(chance) * 100
    return f"{percent:.2g} %" if percent >= 0.01 else f"{float(chance):.1e}"
