"""What the market's events say, kept in memory: who works, how they did, what happened to a task.

Rebuilt from the chain at each start and after a reorganization. What is not here: following the
chain (`watch`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from pekanu.chain.events import (
    Accepted,
    Announced,
    Delivered,
    Expired,
    Forfeited,
    KeyRevealed,
    MarketEvent,
    Refuted,
    Resolved,
    Settled,
    TaskEvent,
)
from pekanu.market.claim import Claim
from pekanu.market.task import Task
from pekanu.types import Address, Hash32

#: The role of those who compute, in announcements.
WORKER_ROLE: Final = 1
#: The role of those who keep bytes.
PROVIDER_ROLE: Final = 2

EventT = TypeVar("EventT", bound=TaskEvent)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """How a worker's tasks ended on this market."""

    settled: int = 0
    #: Forfeited or refuted.
    lost: int = 0
    expired: int = 0

    @property
    def score(self) -> float:
        """Return the share of good ends, with two of each to begin with."""
        return (self.settled + 2) / (self.settled + self.lost + self.expired + 4)


@dataclass(frozen=True, kw_only=True, slots=True)
class StandingClaim:
    """A claim that can still be challenged, as far as events say."""

    task_id: Hash32
    task: Task
    worker: Address
    claim: Claim


class MarketIndex:
    """Everything that a node wants to know of the market's past."""

    def __init__(self) -> None:
        self._announced: dict[tuple[Address, int], Announced] = {}
        self._workers: dict[Hash32, Address] = {}
        self._records: defaultdict[Address, Record] = defaultdict(Record)
        self._events: defaultdict[Hash32, list[TaskEvent]] = defaultdict(list)
        self._kept: set[Hash32] = set()
        self._bound: dict[Hash32, Accepted] = {}
        self._claims: dict[Hash32, StandingClaim] = {}

    def clear(self) -> None:
        """Forget all but which tasks' events are to be kept."""
        self._announced.clear()
        self._workers.clear()
        self._records.clear()
        self._events.clear()
        self._bound.clear()
        self._claims.clear()

    def keep(self, task_id: Hash32) -> None:
        """Keep the events of a task from now on, whole."""
        self._kept.add(task_id)

    def drop(self, task_id: Hash32) -> None:
        """Forget the events of a task."""
        self._kept.discard(task_id)
        self._events.pop(task_id, None)

    def add(self, events: Iterable[MarketEvent]) -> None:
        """Take in events in the chain's order."""
        for event in events:
            if isinstance(event, Announced):
                self._announced[event.account, event.role] = event
            elif isinstance(event, TaskEvent):
                self._add_task_event(event)

    def list_workers(self) -> list[Announced]:
        """Return the last announcement of each worker that did not retract it."""
        return self._list(WORKER_ROLE)

    def list_providers(self) -> list[Announced]:
        """Return the last announcement of each storage provider that did not retract it."""
        return self._list(PROVIDER_ROLE)

    def find_worker(self, account: Address) -> Announced | None:
        """Return a worker's announcement, or None when it has none or took it back."""
        return self._find(account, WORKER_ROLE)

    def find_provider(self, account: Address) -> Announced | None:
        """Return a storage provider's announcement, or None as for a worker."""
        return self._find(account, PROVIDER_ROLE)

    def get_record(self, worker: Address) -> Record:
        """Return how a worker's tasks ended."""
        return self._records.get(worker, Record())

    def find_claim(self, task_id: Hash32) -> Claim | None:
        """Return the claim that a kept task's worker put on chain."""
        found = self.find_last(task_id, Delivered)
        return found.claim if found else None

    def list_claims(self) -> list[StandingClaim]:
        """Return the claims of all tasks that have not ended, oldest first."""
        return list(self._claims.values())

    def find_key(self, task_id: Hash32) -> KeyRevealed | None:
        """Return the opening of a kept task's seal."""
        return self.find_last(task_id, KeyRevealed)

    def find_last(self, task_id: Hash32, kind: type[EventT]) -> EventT | None:
        """Return the last event of a kind of a kept task."""
        found = list(self.iterate(task_id, kind))
        return found[-1] if found else None

    def iterate(self, task_id: Hash32, kind: type[EventT]) -> Iterator[EventT]:
        """Yield the events of a kind of a kept task, in order."""
        return (event for event in self._events.get(task_id, []) if isinstance(event, kind))

    def _list(self, wanted: int) -> list[Announced]:
        return [
            event
            for (_, role), event in self._announced.items()
            if role == wanted and event.endpoint
        ]

    def _find(self, account: Address, role: int) -> Announced | None:
        found = self._announced.get((account, role))
        return found if found is not None and found.endpoint else None

    def _add_task_event(self, event: TaskEvent) -> None:
        if event.task_id in self._kept:
            self._events[event.task_id].append(event)
        if isinstance(event, Accepted):
            self._workers[event.task_id] = event.worker
            self._bound[event.task_id] = event
            return
        self._follow_claim(event)
        worker = self._workers.get(event.task_id)
        if worker is None:
            return
        record = self._records[worker]
        match event:
            case Settled():
                self._records[worker] = replace(record, settled=record.settled + 1)
            case Expired():
                self._records[worker] = replace(record, expired=record.expired + 1)
            case Forfeited() | Refuted():
                self._records[worker] = replace(record, lost=record.lost + 1)
            case _:
                return
        del self._workers[event.task_id]

    def _follow_claim(self, event: TaskEvent) -> None:
        bound = self._bound.get(event.task_id)
        if bound is not None and isinstance(event, Delivered):
            self._claims[event.task_id] = StandingClaim(
                task_id=event.task_id, task=bound.task, worker=event.worker, claim=event.claim
            )
        elif isinstance(event, Settled | Expired | Forfeited | Refuted | Resolved):
            self._bound.pop(event.task_id, None)
            self._claims.pop(event.task_id, None)
