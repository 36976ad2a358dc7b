"""What the bisection referee logs, as the values of `pekanu.dispute.history`.

Not here: what they amount to (`pekanu.dispute.history`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from pekanu import contracts
from pekanu.chain.block import Log
from pekanu.chain.events import MarketEvent
from pekanu.dispute import history
from pekanu.dispute.history import DisputeEvent
from pekanu.types import parse_address


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
        history.Proved,
        history.TimedOut,
        history.Ruled,
    )
}


def decode_referee_event(log: Log) -> DisputeEvent | None:
    """Return a log of the referee as a typed event; None when it is none."""
    found = contracts.load("BisectionReferee").events.get(log.topics[0]) if log.topics else None
    kind = REFEREE_EVENTS.get(found.name) if found else None
    if found is None or kind is None:
        return None
    topics = iter(log.topics[1:])
    try:
        plain = iter(decode([type_ for _, type_, indexed in found.fields if not indexed], log.data))
        values: dict[str, Any] = {
            name: _convert(type_, decode([type_], next(topics))[0] if indexed else next(plain))
            for name, type_, indexed in found.fields
        }
    except (DecodingError, StopIteration):
        return None
    return kind(**values)


def decode_dispute_log(log: Log) -> DisputeLogged | None:
    """Return a log of the referee with its event, for an `EventStream`; None when it is none."""
    event = decode_referee_event(log)
    return None if event is None else DisputeLogged(log=log, event=event)


def decode_referee_events(logs: Iterable[Log]) -> list[DisputeEvent]:
    """Return those of some logs that are the referee's, in their order."""
    events = (decode_referee_event(log) for log in logs)
    return [event for event in events if event is not None]


def _convert(type_: str, value: Any) -> Any:
    return parse_address(value) if type_ == "address" else value
