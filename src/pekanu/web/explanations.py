"""What each state of a task means, for people.

Source: design/market.md, "States". What is not here: whose move a task waits for now
(`pekanu.market.moves`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pekanu.errors import UsageError
from pekanu.market.state import Status
from pekanu.web.views.task import ExplainPage, Fact
from pekanu.web.wording import build_badge


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """A state in words."""

    meaning: str
    who: str
    when_late: str = ""
    #: Call and where it leads.
    exits: tuple[tuple[str, str], ...] = ()


EXPLANATIONS: Final[dict[Status, Explanation]] = {
    Status.OPEN: Explanation(
        meaning="The client offers a price for a computation; the price is locked in the market.",
        who="Any worker may accept it; the client may take it back.",
        when_late="Nobody can accept it any more; the client takes the price back with cancel.",
        exits=(("cancel", "cancelled"), ("accept", "accepted")),
    ),
    Status.ACCEPTED: Explanation(
        meaning="A worker is bound: the price and the worker's stake are locked in the market.",
        who="The worker computes and must deliver a claim.",
        when_late="Anyone may expire the task: price and stake go to the client.",
        exits=(("deliver", "delivered"), ("settle", "settled"), ("expire, when late", "expired")),
    ),
    Status.DELIVERED: Explanation(
        meaning="The worker has put a claim on chain, which commits it to one sealed result.",
        who="The client audits: it approves, demands what is missing, or shows what is wrong.",
        when_late="Anyone may finalize the task: the worker is paid and has its stake back.",
        exits=(
            ("settle or approve", "settled"),
            ("demand", "demanded"),
            ("complain", "forfeited"),
            ("a referee's ruling", "refuted"),
            ("finalize, when late", "settled"),
        ),
    ),
    Status.DEMANDED: Explanation(
        meaning="The client says that it lacks the key or a part of the sealed result.",
        who="The worker must publish it on chain.",
        when_late="Anyone may forfeit the task: price and stake go to the client.",
        exits=(
            ("reveal the key or supply the chunks", "delivered"),
            ("settle or approve", "settled"),
            ("complain", "forfeited"),
            ("forfeit, when late", "forfeited"),
        ),
    ),
    Status.CANCELLED: Explanation(
        meaning="The client took its offer back before any worker was bound.",
        who="Nobody: the price went back to the client.",
    ),
    Status.EXPIRED: Explanation(
        meaning="The worker delivered nothing in time.",
        who="Nobody: price and stake went to the client.",
    ),
    Status.SETTLED: Explanation(
        meaning="The client approved the result, or let the audit pass without objection.",
        who="Nobody: price and stake went to the worker.",
    ),
    Status.FORFEITED: Explanation(
        meaning="The worker left a demand unanswered, or its seal was shown to be wrong.",
        who="Nobody: price and stake went to the client.",
    ),
    Status.REFUTED: Explanation(
        meaning="The task's referee ruled that the worker's result is wrong.",
        who="Nobody: the price and half the stake went to the client, the other half to the "
        "challenger.",
    ),
    Status.RESOLVED: Explanation(
        meaning="Client and worker agreed how to split the price.",
        who="Nobody: each got its part; the stake went back to the worker.",
    ),
}


def build_explanation(name: str) -> ExplainPage:
    """Return the page of a state.

    Raises:
        UsageError: There is no such state.
    """
    for status, found in EXPLANATIONS.items():
        if status.name.lower() == name:
            return ExplainPage(
                state=build_badge(status),
                meaning=found.meaning,
                who=found.who,
                when_late=found.when_late,
                exits=tuple(Fact(name=call, value=state) for call, state in found.exits),
                states=tuple(build_badge(one) for one in EXPLANATIONS),
            )
    raise UsageError(f"{name!r} is no state of a task")
