"""Prices, and what a task can cost each side at worst.

Not here: who quotes what (`pekanu.node`). All money is in wei, rounded up in favour of whoever is
paid.
Source: design/market.md, "Parties" and "Who can hurt whom".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pekanu.market.state import GROUP, MAX_CHUNKS
from pekanu.market.task import Task
from pekanu.types import ZERO_ADDRESS, Seconds, Wei

#: Steps that a price is quoted for.
GIGASTEP = 10**9


@dataclass(frozen=True, kw_only=True, slots=True)
class Risk:
    """What a task can cost at worst, told before anything is signed. Gas comes on top."""

    #: The client's, beyond a correct output for the price.
    client_wei: Wei
    #: The worker's, when it follows the protocol and answers in time.
    honest_worker_wei: Wei
    #: The worker's, when it cheats or falls silent.
    faulty_worker_wei: Wei
    #: What deters a worker from lying: half the stake, since a liar can challenge itself.
    strength_wei: Wei
    #: From acceptance to the last possible end, without disputes.
    longest_seconds: Seconds


def get_price(steps: int, wei_per_gigastep: int, minimum: int) -> Wei:
    """Return the price of a computation of so many steps, rounded up, at least the minimum."""
    return Wei(max(minimum, -(-steps * wei_per_gigastep // GIGASTEP)))


def get_longest_seconds(task: Task, chunks: Iterable[int] | None = None) -> Seconds:
    """Return the longest time from acceptance to the end, when no challenge is open.

    Every demand costs one response and one audit: the key once, each group of 32 chunks once.

    Args:
        task: The task's terms.
        chunks: Chunks of each item, as far as known; None takes the largest output for each.
    """
    largest = MAX_CHUNKS // GROUP
    groups = task.count * largest if chunks is None else sum(-(-count // GROUP) for count in chunks)
    demand = task.response_window + task.audit_window
    return Seconds(task.compute_window + task.audit_window + (1 + groups) * demand)


def get_risk(task: Task, chunks: Iterable[int] | None = None) -> Risk:
    """Return what each side can lose at most, and for how long its money is bound.

    Without a referee a wrong result that is well sealed cannot be refused, so the client risks the
    price; with one it risks gas alone.
    """
    return Risk(
        client_wei=task.price if task.referee == ZERO_ADDRESS else Wei(0),
        honest_worker_wei=Wei(0),
        faulty_worker_wei=task.stake,
        strength_wei=Wei(task.stake // 2),
        longest_seconds=get_longest_seconds(task, chunks),
    )
