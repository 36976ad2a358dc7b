"""What the ringers' referee logs, as typed values.

Not here: what they amount to (`pekanu.node.case_index`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pekanu.chain.block import Log
from pekanu.chain.events import MarketEvent
from pekanu.chain.log_fields import read_fields
from pekanu.ringers.cases import Case
from pekanu.types import Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseEvent(MarketEvent):
    """Something that happened in a case before the ringers' referee."""

    id: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked(CaseEvent):
    """A challenge stands."""

    task_id: Hash32
    case: Case
    points: tuple[int, ...]
    #: Of the points, as the client says; none where it says none.
    images: tuple[Hash32, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Contested(CaseEvent):
    """The worker denies a point's image; the client must defend it."""

    case: Case
    point: int
    image: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Defended(CaseEvent):
    """A run was shown; the other side may dispute it by bisection."""

    case: Case


@dataclass(frozen=True, kw_only=True, slots=True)
class Proved(CaseEvent):
    """The worker showed the points in its accumulator."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruled(CaseEvent):
    """It is over."""

    task_id: Hash32
    is_refuted: bool


#: Every event by its name in the contract.
RINGER_EVENTS: Final[dict[str, type[CaseEvent]]] = {
    kind.__name__: kind for kind in (Asked, Contested, Defended, Proved, Ruled)
}


def decode_case_log(log: Log) -> CaseEvent | None:
    """Return a log of the ringers' referee as a typed event; None when it is none."""
    found = read_fields("RingerReferee", log)
    kind = RINGER_EVENTS.get(found[0]) if found else None
    if found is None or kind is None:
        return None
    values = found[1]
    try:
        if "case" in values:
            values["case"] = Case.from_abi(values["case"])
    except ValueError:
        return None
    return kind(log=log, **values)
