"""What the referee's events say, kept in memory: every dispute, with all that was claimed in it.

Rebuilt from the chain at each start and after a reorganization. Not here: following the chain
(`watch`), what is done about a dispute (`dispute_machine`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pekanu.chain.referee_events import DisputeLogged
from pekanu.dispute.history import BisectionOpened, Challenged, History, Ruled, tell
from pekanu.types import ZERO_HASH, Address, Hash32

#: Ended disputes that are kept, whosoever they were; older ones are forgotten.
MOST_ENDED: Final = 2_000


@dataclass(kw_only=True, slots=True)
class DisputeRecord:
    """One dispute."""

    dispute: Hash32
    worker: Address
    challenger: Address
    #: The market's task; None if another contract has it played.
    task_id: Hash32 | None
    #: The contract that has it played; None for the market's.
    opener: Address | None
    #: In the chain's order.
    logged: list[DisputeLogged] = field(default_factory=list)
    is_ended: bool = False

    def tell(self, asked: Hash32 = ZERO_HASH) -> History:
        """Return its history.

        Args:
            asked: What stands for the challenged item until it is opened (`AskedItem.hash`).
        """
        history = tell((one.event for one in self.logged), asked)
        if history is None:
            message = "a record begins with the dispute's first event"
            raise ValueError(message)
        return history


class DisputeIndex:
    """All disputes of a referee."""

    def __init__(self) -> None:
        """Know none yet."""
        self._records: dict[Hash32, DisputeRecord] = {}
        self._ended: dict[Hash32, None] = {}

    def clear(self) -> None:
        """Forget all."""
        self._records.clear()
        self._ended.clear()

    def add(self, events: Iterable[DisputeLogged]) -> set[Hash32]:
        """Take in events in the chain's order; return the disputes that they are of."""
        touched = set()
        for logged in events:
            event = logged.event
            touched.add(event.dispute)
            if isinstance(event, Challenged | BisectionOpened):
                self._records[event.dispute] = _begin(event)
            record = self._records.get(event.dispute)
            if record is None:
                continue
            record.logged.append(logged)
            if isinstance(event, Ruled):
                record.is_ended = True
                self._note_end(event.dispute)
        return touched

    def find(self, dispute: Hash32) -> DisputeRecord | None:
        """Return a dispute, or None if none was seen."""
        return self._records.get(dispute)

    def iterate(
        self, *, account: Address | None = None, task_id: Hash32 | None = None
    ) -> Iterator[DisputeRecord]:
        """Yield the disputes, oldest first; only an account's, or a task's, if one is given."""
        for record in list(self._records.values()):
            if account is not None and account not in (record.worker, record.challenger):
                continue
            if task_id is None or record.task_id == task_id:
                yield record

    def _note_end(self, dispute: Hash32) -> None:
        self._ended[dispute] = None
        while len(self._ended) > MOST_ENDED:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            self._records.pop(oldest, None)


def _begin(event: Challenged | BisectionOpened) -> DisputeRecord:
    return DisputeRecord(
        dispute=event.dispute,
        worker=event.worker,
        challenger=event.challenger,
        task_id=event.task_id if isinstance(event, Challenged) else None,
        opener=event.opener if isinstance(event, BisectionOpened) else None,
    )
