"""How a worker defends its claims: which disputes are its own, and what it knows of their items.

Not here: the play (`dispute_desk`), the tasks (`worker`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pekanu.crypto.merkle import build_proof, region_root
from pekanu.dispute.moves import ShownItem
from pekanu.dispute.place import Side
from pekanu.errors import JournalError
from pekanu.machine.program import Program
from pekanu.machine.trace import States, Trace
from pekanu.node.batch_file import split_items
from pekanu.node.dispute_desk import DisputeDesk
from pekanu.node.dispute_index import DisputeRecord
from pekanu.node.dispute_machine import DisputeStep, DisputeTask
from pekanu.node.dispute_subject import Subject
from pekanu.node.wares import find_ware
from pekanu.node.worker_machine import WorkerTask
from pekanu.node.worker_role import ROLE, Workshop
from pekanu.types import Hash32


class WorkerDefence:
    """A worker's disputes.

    Args:
        workshop: What it works with.
        find: Gives a task of the journal, or None.
    """

    def __init__(self, workshop: Workshop, find: Callable[[Hash32], WorkerTask | None]) -> None:
        self._shop, self._find = workshop, find
        self.disputes = DisputeDesk(workshop.desk, ROLE, self.load, self.adopt)

    def adopt(self, record: DisputeRecord) -> DisputeTask | None:
        """Return how a dispute is to be played in which this worker's claim is challenged."""
        if record.worker != self._shop.desk.address or record.task_id is None:
            return None
        task = self._find(record.task_id)
        if task is None or task.claim is None:
            return None
        history = record.tell()
        agreed = task.task
        return DisputeTask(
            step=DisputeStep.WAITING,
            dispute=record.dispute,
            owner=ROLE,
            side=Side.WORKER,
            worker=record.worker,
            challenger=record.challenger,
            number=history.dispute.place.number,
            task_id=task.task_id,
            task=agreed,
            terms=task.terms,
            claim=task.claim,
            item=history.item,
            for_client=record.challenger in (agreed.client, agreed.agent),
            bond=history.bond,
        )

    async def load(self, dispute: DisputeTask) -> Subject:
        """Return what this worker knows of a disputed item.

        Raises:
            JournalError: The task is not in the journal.
        """
        task = self._find(Hash32(dispute.task_id))
        if task is None:
            raise JournalError("a dispute is about a task that is not in the journal")
        return await asyncio.to_thread(self._load, task, dispute.item)

    def build_states(
        self,
        task: WorkerTask,
        item: int,  # noqa: ARG002 - for those that do not know the truth
        program: Program,
        content: bytes,
    ) -> States:
        """Return an item's states: the true ones, from the checkpoints of its run."""
        folder = self._shop.get_folder(task)
        return Trace(program, content, cache=self._shop.cache, checkpoints=folder.states)

    def build_known(self, task: WorkerTask, item: int) -> States:
        """Return what this worker takes for an item's states; blocks."""
        path = self._shop.blobs.get_path(task.input.blob_id)
        (content,) = split_items(path.read_bytes(), task.task.count, item, item + 1)
        return self.build_states(task, item, self._load_program(task), bytes(content))

    def _load_program(self, task: WorkerTask) -> Program:
        return find_ware(task.function, task.program, self._shop.blobs).program

    def _load(self, task: WorkerTask, item: int) -> Subject:
        path = self._shop.blobs.get_path(task.input.blob_id)
        items = split_items(path.read_bytes(), task.task.count)
        inputs = [region_root(one) for one in items]
        results = self._shop.get_folder(task).load_results()
        program = self._load_program(task)
        shown = ShownItem(
            count=task.task.count,
            index=item,
            result=results[item],
            result_path=tuple(build_proof([one.leaf() for one in results], item)),
            input_root=inputs[item],
            input_path=tuple(build_proof(inputs, item)),
        )
        return Subject(
            program=program,
            states=self.build_states(task, item, program, bytes(items[item])),
            item=shown,
            terms=task.terms,
        )
