"""Workers and clients that break the protocol, each in one way.

The demonstration alone starts them: no command and no option of the product does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pekanu.catalog import get
from pekanu.catalog.framing import frame
from pekanu.crypto.merkle import region_root
from pekanu.demo.lies import Lie, scramble
from pekanu.dispute.ending import build_result, get_output
from pekanu.machine.executor import run
from pekanu.machine.program import Program
from pekanu.machine.trace import States
from pekanu.market import delivery
from pekanu.node import client_events
from pekanu.node import worker_machine as machine
from pekanu.node.batch_file import join_items
from pekanu.node.client import ClientNode
from pekanu.node.client_challenge import ClientChallenges
from pekanu.node.client_job import ClientJob
from pekanu.node.client_role import ClientRole
from pekanu.node.client_task import ClientTask
from pekanu.node.delivery_folder import DeliveryFolder
from pekanu.node.executors import Job
from pekanu.node.peer_messages import pack_results
from pekanu.node.run_files import write_whole
from pekanu.node.worker import WorkerNode
from pekanu.node.worker_defence import WorkerDefence
from pekanu.node.worker_machine import WorkerTask
from pekanu.node.worker_role import WorkerRole


def claim_outputs(folder: DeliveryFolder) -> None:
    """Make a delivery's results claim whatever lies in its output file."""
    results = [
        replace(result, output_root=region_root(output), output_size=len(output))
        for result, output in zip(folder.load_results(), folder.load_outputs(), strict=True)
    ]
    write_whole(folder.folder / "results", [pack_results(results)])


class LyingDefence(WorkerDefence):
    """Shows the states that its lie needs."""

    lie: Lie

    def build_states(self, task: WorkerTask, item: int, program: Program, content: bytes) -> States:
        """Return an item's states, false ones if the lie is about it."""
        true = super().build_states(task, item, program, content)
        if not self.lie.is_about(item):
            return true
        return self.lie.tell(true, self._shop.get_folder(task).load_steps()[item])


class _LyingRole(WorkerRole):
    """Computes, then claims what its false states end in."""

    defence: LyingDefence

    async def perform(
        self, task: WorkerTask, instruction: machine.WorkerInstruction
    ) -> machine.WorkerEvent | None:
        event = await super().perform(task, instruction)
        if isinstance(event, machine.Executed):
            await asyncio.to_thread(self._lie, task)
        return event

    def _lie(self, task: WorkerTask) -> None:
        folder, lie = self._shop.get_folder(task), self.defence.lie
        results, outputs = list(folder.load_results()), folder.load_outputs()
        for item in range(len(results)):
            if lie.is_about(item):
                states = self.defence.build_known(task, item)
                state = states.get_state(task.terms.max_steps)
                results[item], outputs[item] = build_result(state), get_output(state.memory)
        write_whole(folder.folder / "results", [pack_results(results)])
        write_whole(folder.output, join_items(outputs))


class LyingWorker(WorkerNode):
    """Claims results that no execution gives, and defends them with states that never were."""

    lie = Lie(lambda end: end // 2, scramble)

    def build_role(self) -> WorkerRole:
        """Return what lies, and have it defended with the same lie."""
        self.defence: LyingDefence = LyingDefence(self._shop, self._find)
        self.defence.lie = self.lie
        role = _LyingRole(self._shop, self._set_progress, self._is_disputing)
        role.defence = self.defence
        return role


class _ScramblingRole(WorkerRole):
    """Seals honestly, then claims a ciphertext of which one block is scrambled."""

    async def perform(
        self, task: WorkerTask, instruction: machine.WorkerInstruction
    ) -> machine.WorkerEvent | None:
        event = await super().perform(task, instruction)
        if not isinstance(event, machine.Sealed):
            return event
        folder = self._shop.get_folder(task)
        data = bytearray(folder.ciphertext.read_bytes())
        data[len(data) // 2] ^= 1
        folder.ciphertext.write_bytes(data)
        sizes = [result.output_size for result in folder.load_results()]
        root = delivery.get_ciphertext_root(sizes, data)
        return replace(event, claim=replace(event.claim, ciphertext_root=root))


class _IdleRole(WorkerRole):
    """Signs, and then does nothing."""

    async def perform(
        self,
        task: WorkerTask,  # noqa: ARG002 - the role's signature
        instruction: machine.WorkerInstruction,  # noqa: ARG002
    ) -> machine.WorkerEvent | None:
        return None


class _SkippingRole(WorkerRole):
    """Searches the lower half of the domain, and passes that for all of it."""

    def _build_job(self, task: WorkerTask, folder: DeliveryFolder) -> Job:
        job = super()._build_job(task, folder)
        half = folder.folder / "half"
        half.write_bytes(halve_search(task.function, job.input.read_bytes()))
        return replace(job, input=half)


class ScramblingWorker(WorkerNode):
    """Delivers something that is not the sealed output."""

    def build_role(self) -> WorkerRole:
        """Return what performs the instructions for this worker's tasks."""
        return _ScramblingRole(self._shop, self._set_progress, self._is_disputing)


class VanishingWorker(WorkerNode):
    """Takes tasks and never delivers."""

    def build_role(self) -> WorkerRole:
        """Return what performs the instructions for this worker's tasks."""
        return _IdleRole(self._shop, self._set_progress, self._is_disputing)


class AccusingChallenges(ClientChallenges):
    """Finds fault with every item, and has states to say it with."""

    lie: Lie

    async def find_culprit(self, task: ClientTask) -> int | None:
        """Return the first item, whatever was claimed of it."""
        return task.wrong_item or 0

    def build_states(self, task: ClientTask, program: Program, content: bytes) -> States:
        """Return false states of an item."""
        true = super().build_states(task, program, content)
        end = run(program, content, max_steps=task.terms.max_steps, cache=self._office.cache).steps
        return self.lie.tell(true, end)


class _AccusingRole(ClientRole):
    """Calls each output wrong that is right."""

    async def perform(
        self, task: ClientTask, instruction: client_events.ClientInstruction
    ) -> client_events.ClientEvent | None:
        event = await super().perform(task, instruction)
        if isinstance(event, client_events.OutputVerified):
            return client_events.OutputRefused(what="the client says so", item=0)
        return event


class AccusingClient(ClientNode):
    """Challenges correct results, with states that never were."""

    lie = Lie(lambda end: end // 2, scramble)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        challenges = AccusingChallenges(self.office, self._find)
        challenges.lie = self.lie
        self.challenges = challenges

    def build_role(self, job: ClientJob, set_progress: Callable[[float], None]) -> ClientRole:
        """Return what performs the instructions for a job."""
        return _AccusingRole(self.office, job, set_progress, self.challenges)


class SkippingWorker(WorkerNode):
    """Searches half of what it is paid for."""

    def build_role(self) -> WorkerRole:
        """Return what performs the instructions for this worker's tasks."""
        return _SkippingRole(self._shop, self._set_progress, self._is_disputing)


def halve_search(name: str, content: bytes) -> bytes:
    """Return the input of the search of a domain's lower half."""
    function = get(name)
    size = function.build_inversion(content).domain.size
    values = function.parse_frame(content)
    place = [spec.name for spec in function.inputs].index("count")
    values[place] = np.array(size // 2, dtype=np.int64)
    return frame(values)
