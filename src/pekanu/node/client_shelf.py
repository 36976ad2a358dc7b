"""A client's tasks as its journal and files have them, for others on the same machine to read.

Nothing is written, and nobody is locked out. What is not here: the client (`client`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from pekanu.errors import JournalError, PekanuError
from pekanu.node.audit_bundle import AuditBundle
from pekanu.node.blobs import BlobStore
from pekanu.node.client_role import ROLE
from pekanu.node.client_task import ClientTask
from pekanu.node.delivery_folder import DeliveryFolder
from pekanu.node.journal import read_journal
from pekanu.node.peer_wire import decode_message
from pekanu.node.wares import get_program_path
from pekanu.types import Address, Hash32


@dataclass(frozen=True, slots=True)
class ClientShelf:
    """The tasks of an account that buys from a home.

    Args:
        home: The node's folder.
        client: Whose tasks they are.
    """

    home: Path
    client: Address

    def find(self, task_id: Hash32) -> AuditBundle | None:
        """Return what there is to know of a task, or None; blocks while files are read."""
        try:
            with read_journal(self.home / "journal.db", self.client) as journal:
                text = journal.load_state(ROLE, task_id)
        except JournalError:
            return None
        if text is None:
            return None
        return self._build(decode_message(ClientTask, text.encode()))

    def _build(self, task: ClientTask) -> AuditBundle | None:
        name = self.client.lower()
        blobs = BlobStore(self.home / "cache" / name / ROLE, clock=time.time)
        task_id = Hash32(task.task_id)
        folder = DeliveryFolder(
            self.home / "work" / name / ROLE / task_id.hex(), task_id, task.task.count
        )
        try:
            content = blobs.get_path(task.input.blob_id).read_bytes()
            program = get_program_path(task.function, task.program, blobs).read_bytes()
        except (PekanuError, OSError):
            return None
        return AuditBundle(
            task_id=task_id,
            terms=task.terms,
            program=program,
            input=content,
            count=task.task.count,
            results=folder.load_results() if folder.has_results() else None,
        )
