"""What a worker's tasks brought, from its journal and its ledger balance.

What is not here: single payments, which are the market's events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pekanu.market.state import Status
from pekanu.node.market_desk import MarketDesk
from pekanu.node.worker_machine import WorkerTask
from pekanu.types import Wei

_PAID: Final = Status.SETTLED.name.lower()
_LOST: Final = frozenset(
    status.name.lower() for status in (Status.EXPIRED, Status.FORFEITED, Status.REFUTED)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Earnings:
    """What a worker's tasks brought on this chain."""

    settled: int
    #: Ended against the worker, or not delivered.
    lost: int
    live: int
    #: Prices of settled tasks.
    earned_wei: Wei
    #: Stakes of lost ones.
    lost_wei: Wei
    gas_wei: Wei
    #: Free money in the market now; it can be withdrawn.
    ledger_wei: Wei


async def fetch_earnings(desk: MarketDesk, tasks: Sequence[WorkerTask]) -> Earnings:
    """Return what these tasks brought."""
    paid = [one for one in tasks if one.message == _PAID]
    lost = [one for one in tasks if one.message in _LOST]
    costs = [cost for one in tasks for cost in desk.journal.load_costs(one.task_id)]
    return Earnings(
        settled=len(paid),
        lost=len(lost),
        live=sum(one.step.is_live for one in tasks),
        earned_wei=Wei(sum(one.task.price for one in paid)),
        lost_wei=Wei(sum(one.task.stake for one in lost)),
        gas_wei=Wei(sum(cost.fee for cost in costs)),
        ledger_wei=await desk.fetch_ledger(),
    )
