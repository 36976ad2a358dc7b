"""What the bisection referee logs, as the values of `pekanu.dispute.history`.

Not here: what they amount to (`pekanu.dispute.history`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pekanu.chain.block import Log
from pekanu.chain.events import MarketEvent
from pekanu.chain.log_fields import read_fields
from pekanu.dispute import history
from pekanu.dispute.history import DisputeEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeLogged(MarketEvent):
    """Something that happened in a dispute, with its place on the chain."""

    event: DisputeEvent


#: Every event by its name in the contract.
REFEREE_EVENTS: Final[dict[str, type[DisputeEvent]]] = {
    kind.__name__: kind
    for kind in (
        history.Challenged,
        history.BisectionOpened,
        history.Opened,
        history.Dissected,
        history.Exposed,
        history.Proved,
        history.TimedOut,
        history.Ruled,
    )
}


def decode_referee_event(log: Log) -> DisputeEvent | None:
    """Return a log of the referee as a typed event; None when it is none."""
    found = read_fields("BisectionReferee", log)
    kind = REFEREE_EVENTS.get(found[0]) if found else None
    return kind(**found[1]) if found and kind else None


def decode_dispute_log(log: Log) -> DisputeLogged | None:
    """Return a log of the referee with its event, for an `EventStream`; None when it is none."""
    event = decode_referee_event(log)
    return None if event is None else DisputeLogged(log=log, event=event)


def decode_referee_events(logs: Iterable[Log]) -> list[DisputeEvent]:
    """Return those of some logs that are the referee's, in their order."""
    events = (decode_referee_event(log) for log in logs)
    return [event for event in events if event is not None]
