"""What a worker knows of the searches that it sold, for the cases in which it must answer.

Not here: the answers (`case_file`), when they are given (`case_machine`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pekanu.catalog import get
from pekanu.catalog.inversion import list_images
from pekanu.chain.ringer_contract import Searched
from pekanu.dispute.place import Side
from pekanu.errors import JournalError
from pekanu.node.case_desk import CaseDesk
from pekanu.node.case_file import CaseFile
from pekanu.node.search_runner import load_residue
from pekanu.node.worker_machine import WorkerTask
from pekanu.node.worker_role import Workshop
from pekanu.types import Hash32


class WorkerSearches:
    """A worker's cases before the ringers' referee.

    Args:
        workshop: What it works with.
        find: Gives a task of the journal, or None.
    """

    def __init__(self, workshop: Workshop, find: Callable[[Hash32], WorkerTask | None]) -> None:
        self._shop, self._find = workshop, find
        self.cases = CaseDesk(workshop.desk, workshop.desk.referees.ringers, Side.WORKER, self.load)

    async def load(self, task_id: Hash32) -> CaseFile:
        """Return what this worker can show of a search.

        Raises:
            JournalError: The journal knows no such search.
        """
        task = self._find(task_id)
        if task is None:
            raise JournalError("a case is about a search that is not in the journal")
        return await asyncio.to_thread(self.build_file, task)

    def build_file(self, task: WorkerTask) -> CaseFile:
        """Return what is known of a search; blocks."""
        if task.search is None or task.claim is None:
            raise JournalError("a case is about a task that is no delivered search")
        path = self._shop.blobs.get_path(task.input.blob_id)
        inversion = get(task.function).build_inversion(path.read_bytes())
        folder = self._shop.get_folder(task)
        result = folder.load_results()[0]
        return CaseFile(
            contract=self._shop.desk.referees.ringers,
            task_id=task.task_id,
            searched=Searched(task=task.task, claim=task.claim, terms=task.search, run=task.terms),
            inversion=inversion,
            images=list_images(inversion),
            result=result,
            residue=load_residue(folder.states, result.evidence),
            output=folder.output.read_bytes(),
            cache=self._shop.cache,
        )
