"""A task's state, folded from its events: pure.

Twin of what the market stores, as far as events tell it; a test compares the two on a chain.
What is not here: keeping the events (`index`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pekanu.chain import TaskEvent
from pekanu.chain.events import (
    Accepted,
    Cancelled,
    ChallengeClosed,
    ChallengeDismissed,
    ChallengeOpened,
    ChunksAnswered,
    ChunksDemanded,
    Delivered,
    Expired,
    Forfeited,
    KeyDemanded,
    KeyRevealed,
    Posted,
    Refuted,
    Resolved,
    Settled,
)
from pekanu.market.claim import Claim
from pekanu.market.state import Status
from pekanu.market.task import Task
from pekanu.types import Address, Hash32, Seconds


@dataclass(kw_only=True, slots=True)
class FoldedTask:
    """What a task's events say of it."""

    task_id: Hash32
    task: Task
    status: Status
    #: Last second of the move that is owed.
    deadline: Seconds
    created: Seconds
    updated: Seconds
    updated_block: int
    worker: Address | None = None
    claim: Claim | None = None
    #: Open ones.
    challenges: int = 0


_ENDS: dict[type[TaskEvent], Status] = {
    Cancelled: Status.CANCELLED,
    Expired: Status.EXPIRED,
    Settled: Status.SETTLED,
    Forfeited: Status.FORFEITED,
    Refuted: Status.REFUTED,
    Resolved: Status.RESOLVED,
}


def fold_task(events: Sequence[TaskEvent], get_time: Callable[[int], Seconds]) -> FoldedTask | None:
    """Return a task from all of its events, in order; None when its beginning is not among them.

    Args:
        events: Of one task.
        get_time: Chain time of a block.
    """
    folded: FoldedTask | None = None
    for event in events:
        now = get_time(event.log.block_number)
        if isinstance(event, Posted | Accepted) and folded is None:
            folded = FoldedTask(
                task_id=event.task_id,
                task=event.task,
                status=Status.OPEN,
                deadline=event.task.offered_until,
                created=now,
                updated=now,
                updated_block=event.log.block_number,
            )
        if folded is None:
            return None
        folded.updated, folded.updated_block = now, event.log.block_number
        _apply(folded, event, now)
    return folded


def _apply(folded: FoldedTask, event: TaskEvent, now: Seconds) -> None:
    task = folded.task
    match event:
        case Accepted(worker=worker):
            folded.worker, folded.status = worker, Status.ACCEPTED
            folded.deadline = Seconds(now + task.compute_window)
        case Delivered(claim=claim):
            folded.claim, folded.status = claim, Status.DELIVERED
            folded.deadline = Seconds(now + task.audit_window)
        case KeyDemanded() | ChunksDemanded():
            folded.status = Status.DEMANDED
            folded.deadline = Seconds(now + task.response_window)
        case KeyRevealed() | ChunksAnswered():
            folded.status = Status.DELIVERED
            folded.deadline = Seconds(now + task.audit_window)
        case ChallengeOpened():
            folded.challenges += 1
        case ChallengeDismissed() | ChallengeClosed():
            folded.challenges -= 1
        case _:
            folded.status = _ENDS.get(type(event), folded.status)
