"""Workers that break the protocol, each in one way.

The demonstration alone starts them: no command and no option of the product does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pekanu.crypto.merkle import region_root
from pekanu.market import delivery
from pekanu.node import worker_machine as machine
from pekanu.node.delivery_folder import DeliveryFolder
from pekanu.node.peer_messages import pack_results
from pekanu.node.run_files import write_whole
from pekanu.node.worker import WorkerNode
from pekanu.node.worker_machine import WorkerTask
from pekanu.node.worker_role import WorkerRole


def claim_outputs(folder: DeliveryFolder) -> None:
    """Make a delivery's results claim whatever lies in its output file."""
    results = [
        replace(result, output_root=region_root(output), output_size=len(output))
        for result, output in zip(folder.load_results(), folder.load_outputs(), strict=True)
    ]
    write_whole(folder.folder / "results", [pack_results(results)])


class _GarbageRole(WorkerRole):
    """Computes, then changes a byte of the output before it is sealed."""

    async def perform(
        self, task: WorkerTask, instruction: machine.WorkerInstruction
    ) -> machine.WorkerEvent | None:
        event = await super().perform(task, instruction)
        if isinstance(event, machine.Executed):
            folder = self._shop.get_folder(task)
            data = bytearray(folder.output.read_bytes())
            data[len(data) // 2] ^= 0x40
            folder.output.write_bytes(data)
            claim_outputs(folder)
        return event


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


class GarbageWorker(WorkerNode):
    """Delivers a wrong result, sealed as it should be."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.role = _GarbageRole(self._shop, self._set_progress)


class ScramblingWorker(WorkerNode):
    """Delivers something that is not the sealed output."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.role = _ScramblingRole(self._shop, self._set_progress)


class VanishingWorker(WorkerNode):
    """Takes tasks and never delivers."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.role = _IdleRole(self._shop, self._set_progress)
