"""What the ringers' referee's events say, kept in memory: every case, and where it stands.

Rebuilt from the chain at each start and after a reorganization. Not here: following the chain
(`watch`), what is done about a case (`case_machine`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pekanu.chain.ringer_events import Asked, CaseEvent, Contested, Defended, Proved, Ruled
from pekanu.ringers.cases import OVER, Case
from pekanu.types import Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseRecord:
    """One case."""

    case: Case
    #: In question from the beginning, with their images as the client says, if it says any.
    points: tuple[int, ...]
    images: tuple[Hash32, ...]
    #: The one that the worker contests.
    contested: int | None = None
    #: The worker has shown the points in its accumulator.
    is_proved: bool = False
    #: Once it is over: whether the worker was ruled against.
    is_refuted: bool | None = None

    @property
    def stored(self) -> Hash32:
        """What the contract stores of it."""
        return self.case.hash() if self.is_refuted is None else OVER


class CaseIndex:
    """All cases of a referee."""

    def __init__(self) -> None:
        """Know none yet."""
        self._records: dict[Hash32, CaseRecord] = {}
        self._ended: dict[Hash32, tuple[Hash32, bool]] = {}

    def clear(self) -> None:
        """Forget all."""
        self._records.clear()
        self._ended.clear()

    def add(self, events: Iterable[CaseEvent]) -> set[Hash32]:
        """Take in events in the chain's order; return the cases that they are of."""
        touched = set()
        for event in events:
            touched.add(event.id)
            self._add(event)
        return touched

    def find(self, case_id: Hash32) -> CaseRecord | None:
        """Return a case, or None if none was seen."""
        return self._records.get(case_id)

    def find_ruling(self, case_id: Hash32) -> bool | None:
        """Return whether a case, be it one that was ruled at once, went against the worker."""
        found = self._ended.get(case_id)
        return None if found is None else found[1]

    def iterate(self, *, task_id: Hash32 | None = None) -> Iterator[CaseRecord]:
        """Yield the cases, oldest first; only those of a task, if one is given."""
        for record in list(self._records.values()):
            if task_id is None or record.case.task_id == task_id:
                yield record

    def _add(self, event: CaseEvent) -> None:
        if isinstance(event, Asked):
            self._records[event.id] = CaseRecord(
                case=event.case, points=tuple(event.points), images=tuple(event.images)
            )
        if isinstance(event, Ruled):
            self._ended[event.id] = event.task_id, event.is_refuted
        record = self._records.get(event.id)
        if record is None:
            return
        match event:
            case Contested():
                record = replace(record, case=event.case, contested=event.point)
            case Defended():
                record = replace(record, case=event.case)
            case Proved():
                record = replace(record, is_proved=True)
            case Ruled():
                record = replace(record, is_refuted=event.is_refuted)
            case _:
                return
        self._records[event.id] = record
