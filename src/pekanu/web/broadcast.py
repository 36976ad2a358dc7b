"""Snapshots of live pages, kept so that each is made once for all who look at the same.

What is not here: making them (`live`).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeAlias

from pekanu.types import Address

#: The page, the account that looks, whether through a wallet, and the pulse's count.
Key: TypeAlias = tuple[str, Address | None, bool, int]

_KEPT: Final = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A page's regions and charts at one moment."""

    #: HTML by element id.
    regions: dict[str, str]
    #: JSON by the chart's name.
    charts: dict[str, str]


class Broadcast:
    """The last snapshots, and how many listen."""

    def __init__(self) -> None:
        self.listeners = 0
        self._kept: OrderedDict[Key, Snapshot] = OrderedDict()

    def find(self, key: Key) -> Snapshot | None:
        """Return a snapshot that was made already."""
        return self._kept.get(key)

    def keep(self, key: Key, snapshot: Snapshot) -> None:
        """Keep one; the oldest goes."""
        self._kept[key] = snapshot
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
