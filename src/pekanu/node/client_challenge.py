"""How a client takes a wrong result to the referee: what it recomputes, and what it knows then.

Not here: when it does (`client_machine`), the play (`dispute_desk`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from pekanu.dispute.ending import build_result
from pekanu.dispute.place import Side, get_id
from pekanu.errors import JournalError
from pekanu.machine.program import Program
from pekanu.machine.trace import States, Trace
from pekanu.node.batch_file import split_items
from pekanu.node.client_role import ROLE, Office
from pekanu.node.client_task import ClientTask
from pekanu.node.court import Trial
from pekanu.node.dispute_desk import DisputeDesk
from pekanu.node.dispute_machine import DisputeStep, DisputeTask
from pekanu.node.dispute_subject import Subject
from pekanu.node.wares import find_ware
from pekanu.types import Hash32, Wei

#: How much more than the least a bond may be: others' challenges raise it but for the first.
_MOST_BONDS: Final = 4


class ClientChallenges:
    """A client's disputes, and what it recomputes for them.

    Args:
        office: What the client works with.
        find: Gives a try of the journal, or None.
    """

    def __init__(self, office: Office, find: Callable[[Hash32], ClientTask | None]) -> None:
        self._office, self._find = office, find
        self.disputes = DisputeDesk(office.desk, ROLE, self.load)

    async def find_culprit(self, task: ClientTask) -> int | None:
        """Return the first item of a claim that is not what the machine computes, or None.

        Of a claim in which one item is known to be wrong only that one is run again.
        """
        return await asyncio.to_thread(self._find_culprit, task)

    def begin(self, task: ClientTask) -> None:
        """Challenge the item that was found; a challenge begun before is left alone."""
        dispute = build_dispute(task)
        if self.disputes.find(dispute.dispute) is None:
            self.disputes.begin(dispute)

    def get_trial(self, task: ClientTask) -> Trial | None:
        """Return how the dispute of a try stands, if it was begun."""
        dispute = self.find(task)
        if dispute is None:
            return None
        is_lost = dispute.step is DisputeStep.LOST
        reasons = {
            DisputeStep.LOST: "the dispute was lost",
            DisputeStep.GONE: "the chain forgot it",
        }
        return Trial(
            is_live=dispute.step.is_live,
            is_won=dispute.step is DisputeStep.WON,
            why=dispute.message or reasons.get(dispute.step, ""),
            lost_wei=Wei(dispute.bond) if is_lost else Wei(0),
        )

    async def wait_over(self, task: ClientTask) -> None:
        """Return once no dispute about a try is live here."""
        await self.disputes.wait_over(task.task_id)

    def find(self, task: ClientTask) -> DisputeTask | None:
        """Return the dispute of a try, if it was begun."""
        return self.disputes.find(build_dispute(task).dispute) if task.challenge else None

    async def load(self, dispute: DisputeTask) -> Subject:
        """Return what this client knows of a disputed item.

        Raises:
            JournalError: The task is not in the journal.
        """
        task = self._find(Hash32(dispute.task_id))
        if task is None:
            raise JournalError("a dispute is about a task that is not in the journal")
        return await asyncio.to_thread(self._load, task, dispute.item)

    def build_states(self, task: ClientTask, program: Program, content: bytes) -> States:
        """Return an item's states: the true ones, with checkpoints in the task's folder."""
        folder = self._office.get_folder(task)
        return Trace(program, content, cache=self._office.cache, checkpoints=folder.states)

    def _find_culprit(self, task: ClientTask) -> int | None:
        claimed = self._office.get_folder(task).load_results()
        items = range(len(claimed)) if task.wrong_item is None else [task.wrong_item]
        program, batch = self._read(task)
        for item in items:
            states = self._build_item_states(task, item, program, batch)
            if build_result(states.get_state(task.terms.max_steps)) != claimed[item]:
                return item
        return None

    def _load(self, task: ClientTask, item: int) -> Subject:
        program, batch = self._read(task)
        states = self._build_item_states(task, item, program, batch)
        return Subject(program=program, states=states, terms=task.terms)

    def _read(self, task: ClientTask) -> tuple[Program, bytes]:
        """Return the program, and the file of all items."""
        program = find_ware(task.function, task.program, self._office.blobs).program
        return program, self._office.blobs.get_path(task.input.blob_id).read_bytes()

    def _build_item_states(
        self, task: ClientTask, item: int, program: Program, batch: bytes
    ) -> States:
        (content,) = split_items(batch, task.task.count, item, item + 1)
        return self.build_states(task, program, bytes(content))


def build_dispute(task: ClientTask) -> DisputeTask:
    """Return the dispute of a try whose challenge was decided upon."""
    if task.challenge is None or task.claim is None or task.wrong_item is None:
        raise JournalError("a challenge is to be sent of which the item is not known")
    worker, client = task.worker.address, task.task.client
    return DisputeTask(
        step=DisputeStep.CHALLENGING,
        dispute=get_id(worker, client, task.challenge),
        owner=ROLE,
        side=Side.CHALLENGER,
        worker=worker,
        challenger=client,
        number=task.challenge,
        task_id=task.task_id,
        task=task.task,
        terms=task.terms,
        claim=task.claim,
        item=task.wrong_item,
        for_client=True,
        bond=Wei(_MOST_BONDS * task.terms.bond),
    )
