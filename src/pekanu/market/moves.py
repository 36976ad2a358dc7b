"""Whose move a task waits for, and what anyone may do to it now.

For people and pages; a node decides by its own rules. Not here: what a move does (`lifecycle`).
Source: design/market.md, "States".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pekanu.market.state import Status
from pekanu.types import Seconds


class Party(StrEnum):
    """Who can make a move."""

    CLIENT = "client"
    WORKER = "worker"
    ANYONE = "anyone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """Where a task stands for whoever looks at it."""

    #: Who owes the next move or, after its deadline, who may take the consequence; None at the end.
    turn: Party | None
    #: Last second of what is waited for; None where nothing is, or it is over.
    deadline: Seconds | None
    #: One sentence.
    explanation: str
    #: Calls that end the task now and need no evidence, by who may make them.
    moves: tuple[tuple[str, Party], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Owed:
    """What a party must do, and what follows when it does not."""

    what: str
    failed: str
    then: str


_DELIVER = _Owed(what="the worker must deliver", failed="the worker did not deliver", then="expire")
_ANSWER = _Owed(
    what="the worker must answer a demand", failed="the worker did not answer", then="forfeit"
)
_AUDIT = _Owed(
    what="the client can approve, demand or complain",
    failed="the client did not object",
    then="finalize",
)
_ENDINGS = {
    Status.NONE: "this market never saw it",
    Status.CANCELLED: "taken back; the price returned to the client",
    Status.EXPIRED: "not delivered in time; price and stake went to the client",
    Status.SETTLED: "price and stake went to the worker",
    Status.FORFEITED: "the seal was wrong or a demand unanswered; price and stake to the client",
    Status.REFUTED: "ruled against the worker; the price and half the stake to the client",
    Status.RESOLVED: "split as both agreed",
}


def get_outlook(
    status: Status, deadline: Seconds, now: Seconds, *, is_challenged: bool = False
) -> Outlook:
    """Return whose move it is.

    Args:
        status: Where the task stands.
        deadline: Last second of the move that is owed; of an open task, of the offer.
        now: Chain time.
        is_challenged: A challenge before the referee is open.
    """
    late = now > deadline
    match status:
        case Status.OPEN:
            return Outlook(
                turn=Party.CLIENT if late else Party.ANYONE,
                deadline=None if late else deadline,
                explanation="the offer is over; the client can take the price back"
                if late
                else "waits for a worker to accept it",
                moves=(("cancel", Party.CLIENT),),
            )
        case Status.ACCEPTED:
            return _await(Party.WORKER, deadline, _DELIVER, late=late)
        case Status.DEMANDED:
            return _await(Party.WORKER, deadline, _ANSWER, late=late)
        case Status.DELIVERED if is_challenged:
            return Outlook(turn=None, deadline=None, explanation="the referee must rule first")
        case Status.DELIVERED:
            return _await(Party.CLIENT, deadline, _AUDIT, late=late)
        case _:
            return Outlook(turn=None, deadline=None, explanation=_ENDINGS[status])


def _await(party: Party, deadline: Seconds, owed: _Owed, *, late: bool) -> Outlook:
    if not late:
        return Outlook(turn=party, deadline=deadline, explanation=owed.what)
    return Outlook(
        turn=Party.ANYONE,
        deadline=None,
        explanation=f"{owed.failed} in time; anyone can {owed.then} the task",
        moves=((owed.then, Party.ANYONE),),
    )
