"""Workers and clients that break the protocol, each in one way. They exist in tests alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pekanu.crypto.merkle import get_root
from pekanu.demo.cheats import claim_outputs
from pekanu.market import delivery
from pekanu.node import client_events
from pekanu.node import worker_machine as machine
from pekanu.node.client import ClientNode
from pekanu.node.client_job import ClientJob
from pekanu.node.client_role import ClientRole
from pekanu.node.client_task import ClientTask
from pekanu.node.delivery_folder import DeliveryFolder
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.peer_handler import Delivered
from pekanu.node.peer_messages import KeyOpening, pack_results
from pekanu.node.worker import WorkerNode
from pekanu.node.worker_machine import WorkerCall, WorkerTask
from pekanu.node.worker_role import WorkerRole
from pekanu.types import Address, Hash32

Spoil = Callable[[DeliveryFolder, machine.Sealed], machine.Sealed]


class CheatingRole(WorkerRole):
    """Drops instructions, or spoils what comes of them."""

    drops: frozenset[object] = frozenset()
    spoil_output: Callable[[Path], None] | None = None
    spoil_seal: Spoil | None = None

    async def perform(
        self, task: WorkerTask, instruction: machine.WorkerInstruction
    ) -> machine.WorkerEvent | None:
        dropped = instruction.call if isinstance(instruction, machine.Send) else type(instruction)
        if dropped in self.drops:
            return None
        event = await super().perform(task, instruction)
        folder = self._shop.get_folder(task)
        if isinstance(event, machine.Executed) and self.spoil_output is not None:
            self.spoil_output(folder.output)
            claim_outputs(folder)
        if isinstance(event, machine.Sealed) and self.spoil_seal is not None:
            return self.spoil_seal(folder, event)
        return event


class CheatingWorker(WorkerNode):
    """A worker whose role and answers can be spoiled."""

    #: What its node does not give: ``claim``, ``ciphertext``, ``key``, ``acceptance``.
    withholds: frozenset[str] = frozenset()
    #: What its node gives wrongly: ``ciphertext``, ``key``.
    falsifies: frozenset[str] = frozenset()
    role_kind: type[CheatingRole] = CheatingRole

    def build_role(self) -> CheatingRole:
        return self.role_kind(self._shop, self._set_progress)

    async def accept(self, peer: Address, request: object) -> object:  # type: ignore[override]
        if "acceptance" in self.withholds:
            raise PeerRefused("terms", "the worker does not like it")
        return await super().accept(peer, request)  # type: ignore[arg-type]

    async def fetch_claim(self, peer: Address, task_id: Hash32) -> Delivered:
        found = await super().fetch_claim(peer, task_id)
        if "claim" in self.withholds:
            raise PeerRefused("early", "soon")
        return found

    async def get_ciphertext_path(self, peer: Address, task_id: Hash32) -> Path:
        if "ciphertext" in self.withholds:
            raise PeerRefused("early", "soon")
        path = await super().get_ciphertext_path(peer, task_id)
        if "ciphertext" in self.falsifies:
            false = path.with_name("false")
            false.write_bytes(bytes(path.stat().st_size))
            return false
        return path

    async def fetch_key(self, peer: Address, task_id: Hash32) -> KeyOpening:
        if "key" in self.withholds:
            raise PeerRefused("early", "soon")
        found = await super().fetch_key(peer, task_id)
        return replace(found, key=found.key + 1) if "key" in self.falsifies else found


def build_cheat(
    *,
    drops: set[object] | None = None,
    withholds: set[str] | None = None,
    falsifies: set[str] | None = None,
    spoil_output: Callable[[Path], None] | None = None,
    spoil_seal: Spoil | None = None,
) -> type[CheatingWorker]:
    """Return a kind of worker that cheats so."""

    class Role(CheatingRole):
        pass

    Role.drops = frozenset(drops or ())
    Role.spoil_output = staticmethod(spoil_output) if spoil_output else None  # type: ignore[assignment]
    Role.spoil_seal = staticmethod(spoil_seal) if spoil_seal else None  # type: ignore[assignment]

    class Worker(CheatingWorker):
        role_kind = Role

    Worker.withholds = frozenset(withholds or ())
    Worker.falsifies = frozenset(falsifies or ())
    return Worker


def change_last_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def break_block(folder: DeliveryFolder, event: machine.Sealed) -> machine.Sealed:
    """Seal other bytes than the claimed output, under the root of exactly these bytes."""
    data = bytearray(folder.ciphertext.read_bytes())
    data[0] ^= 1
    folder.ciphertext.write_bytes(data)
    sizes = [result.output_size for result in folder.load_results()]
    root = delivery.get_ciphertext_root(sizes, bytes(data))
    return replace(event, claim=replace(event.claim, ciphertext_root=root))


def claim_other_root(folder: DeliveryFolder, event: machine.Sealed) -> machine.Sealed:
    """Claim an output root to which the sealed nodes do not lead."""
    results = [replace(result, output_root=Hash32(b"x" * 32)) for result in folder.load_results()]
    (folder.folder / "results").write_bytes(pack_results(results))
    root = get_root([result.leaf() for result in results])
    return replace(event, claim=replace(event.claim, results_root=root))


ALL_CALLS = set(WorkerCall)


class CheatingClientRole(ClientRole):
    """Drops instructions, or says that the worker's node told it nothing."""

    drops: frozenset[object] = frozenset()
    denies = False

    async def perform(
        self, task: ClientTask, instruction: client_events.ClientInstruction
    ) -> client_events.ClientEvent | None:
        if isinstance(instruction, client_events.Send) and instruction.call in self.drops:
            return None
        if instruction in self.drops:
            return None
        if self.denies and instruction is client_events.Ask.CLAIM:
            return client_events.PeerLied(message="denied")
        return await super().perform(task, instruction)


class CheatingClient(ClientNode):
    """A client whose role can be spoiled."""

    drops: frozenset[object] = frozenset()
    denies = False

    def build_role(
        self, job: ClientJob, set_progress: Callable[[float], None]
    ) -> CheatingClientRole:
        role = CheatingClientRole(self.office, job, set_progress, self.challenges)
        role.drops, role.denies = self.drops, self.denies
        return role
