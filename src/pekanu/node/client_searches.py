"""A client's searches before the ringers' referee: its cases, and what it can show in them.

Not here: what an opened list shows (`client_search`), when a case is begun (`client_machine`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pekanu import catalog
from pekanu.dispute.place import Side
from pekanu.errors import JournalError, PekanuError
from pekanu.node.case_desk import CaseDesk
from pekanu.node.case_file import CaseFile
from pekanu.node.case_machine import CaseStep, CaseTask
from pekanu.node.client_role import Office
from pekanu.node.client_search import OpenedSearch, get_challenge_id
from pekanu.node.client_task import ClientTask
from pekanu.node.court import Trial
from pekanu.ringers.cases import Kind
from pekanu.types import Hash32, Wei


class ClientSearches:
    """A client's cases; the `Court` of its searches.

    Args:
        office: What the client works with.
        find: Gives a try of the journal, or None.
    """

    def __init__(self, office: Office, find: Callable[[Hash32], ClientTask | None]) -> None:
        self._office, self._find = office, find
        self.cases = CaseDesk(office.desk, office.desk.referees.ringers, Side.CHALLENGER, self.load)

    async def find_culprit(self, task: ClientTask) -> int | None:
        """Return the one item of a search with a fault; what it is was found with the list."""
        return None if task.fault is None else 0

    def begin(self, task: ClientTask) -> None:
        """Put the fault to the referee; a case begun before is left alone."""
        case = self._build_case(task)
        if self.cases.find(case.case_id) is None:
            self.cases.begin(case)

    def get_trial(self, task: ClientTask) -> Trial | None:
        """Return how the case of a try stands, if it was begun."""
        if task.fault is None or task.claim is None or task.search is None:
            return None
        case = self.cases.find(get_challenge_id(task, task.task.client))
        if case is None:
            return None
        is_lost = case.step is CaseStep.LOST and case.kind != Kind.FAULTY.name.lower()
        reasons = {
            CaseStep.LOST: "the referee ruled for the worker",
            CaseStep.GONE: "the chain forgot it",
        }
        return Trial(
            is_live=case.step.is_live,
            is_won=case.step is CaseStep.WON,
            why=case.message or reasons.get(case.step, ""),
            lost_wei=Wei(task.search.bond) if is_lost else Wei(0),
        )

    async def wait_over(self, task: ClientTask) -> None:
        """Return once no case about a try is live here."""
        await self.cases.wait_over(task.task_id)

    async def load(self, task_id: Hash32) -> CaseFile:
        """Return what this client can show of a search.

        Raises:
            JournalError: The journal knows no such search.
        """
        task = self._find(task_id)
        if task is None:
            raise JournalError("a case is about a search that is not in the journal")
        return await asyncio.to_thread(self.build_file, task)

    def build_file(self, task: ClientTask) -> CaseFile:
        """Return what is known of a search; blocks."""
        path = self._office.blobs.get_path(task.input.blob_id)
        opened = OpenedSearch.load(catalog.get(task.function), task, path)
        folder = self._office.get_folder(task)
        result = folder.load_results()[0] if folder.has_results() else None
        output: bytes | None = None
        if result is not None and task.key is not None:
            try:
                found = folder.audit(task.key)
                output = found[0] if isinstance(found, list) else None
            except PekanuError:
                output = None
        contract = self._office.desk.referees.ringers
        return opened.build_file(contract, result, output, self._office.cache)

    def _build_case(self, task: ClientTask) -> CaseTask:
        if task.fault is None:
            raise JournalError("a search is to be challenged without a fault")
        is_missing = task.fault.kind == Kind.MISSING.name.lower()
        return CaseTask(
            step=CaseStep.ASKING,
            case_id=get_challenge_id(task, task.task.client),
            task_id=task.task_id,
            side=Side.CHALLENGER,
            kind=task.fault.kind,
            place=task.fault.place,
            ringer=task.fault.point if is_missing else None,
        )
