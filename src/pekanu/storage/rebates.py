"""What a provider gives back for bytes that it kept for others too, once a term was served.

At the end of a term and not before: a price that fell at the upload would tell anyone who asks what
is stored here. Shared is a chunk only for the seconds in which another agreement named it as well,
so that a short agreement at the end of a long one brings next to nothing.
Not here: who shares what (`pekanu.node.provider.sharing`), the contract's call.
Source: design/storage.md, "Data".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pekanu.types import Seconds, Wei

_THOUSAND: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """Seconds in which an agreement's bytes are kept, the first and the one behind the last."""

    start: Seconds
    end: Seconds

    @property
    def length(self) -> Seconds:
        """Return how long it is."""
        return Seconds(self.end - self.start)

    def get_overlap(self, other: Period) -> Seconds:
        """Return for how long two periods run at once."""
        return Seconds(max(0, min(self.end, other.end) - max(self.start, other.start)))


def get_rebate(
    price: Wei, permille: int, *, size: int, term: Seconds, shared: Iterable[tuple[int, int]]
) -> Wei:
    """Return the rebate on a price, rounded down; never more than the given part of it.

    Args:
        price: Of the agreement.
        permille: Parts of a thousand of the price of what is shared all the time.
        size: Bytes of the agreement.
        term: Seconds of the agreement.
        shared: Of each chunk that others named too, its bytes and the seconds.
    """
    byte_seconds = sum(
        chunk_bytes * min(seconds, term) for chunk_bytes, seconds in shared if seconds > 0
    )
    most = price * permille // _THOUSAND
    return Wei(min(most, price * permille * byte_seconds // (_THOUSAND * size * term)))
