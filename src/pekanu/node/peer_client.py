"""A client's talk with one worker: typed requests, and transfers that survive a broken line.

What is not here: which worker to choose and what to do with its answers (the client's shell), and
when a request is made again (`peer_talk`).
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

from pekanu.errors import InvalidMessage
from pekanu.node import peer_routes as routes
from pekanu.node.peer_errors import PeerRefused, PeerUnreachable
from pekanu.node.peer_handler import Delivered
from pekanu.node.peer_line import Attachment
from pekanu.node.peer_messages import (
    RESULT_SIZE,
    Acceptance,
    AcceptanceRequest,
    ApprovalNotice,
    BlobRef,
    CiphertextHead,
    CiphertextRange,
    Info,
    InfoRequest,
    InputPart,
    InputState,
    KeyOpening,
    Quote,
    QuoteRequest,
    TaskQuery,
    TaskStatus,
    unpack_results,
)
from pekanu.node.peer_talk import PeerTalk
from pekanu.node.pieces import Progress
from pekanu.types import Hash32

#: Bytes of one transfer request.
_CHUNK_BYTES: Final = 8 << 20


class PeerClient(PeerTalk):
    """Talks with one worker; an async context manager. Methods raise as `PeerTalk` says."""

    async def fetch_info(self) -> Info:
        """Return what the worker says of itself."""
        return await self._ask(routes.INFO, InfoRequest())

    async def fetch_quote(self, request: QuoteRequest) -> Quote:
        """Return the worker's price for a computation."""
        return await self._ask(routes.QUOTE, request)

    async def accept(self, request: AcceptanceRequest) -> Acceptance:
        """Return the worker's signed acceptance; its signature is not checked here."""
        return await self._ask(routes.ACCEPT, request)

    async def fetch_status(self, task_id: Hash32) -> TaskStatus:
        """Return where a task stands."""
        return await self._ask(routes.TASK, TaskQuery(task_id=task_id))

    async def fetch_claim(self, task_id: Hash32, count: int) -> Delivered:
        """Return the claim and results of a task of `count` items; roots are not checked here."""
        query = TaskQuery(task_id=task_id)

        async def ask() -> Delivered:
            async with self._line.call(routes.CLAIM, query) as call:
                if call.head.count != count:
                    raise InvalidMessage(f"the worker claims {call.head.count} items, not {count}")
                body = bytes(await call.read_whole(count * RESULT_SIZE))
                return Delivered(
                    claim=call.head.claim,
                    results=unpack_results(body, count),
                    ciphertext_size=call.head.ciphertext_size,
                )

        return await self._insist(ask)

    async def fetch_key(self, task_id: Hash32) -> KeyOpening:
        """Return the seal's key; that it opens the commitment is not checked here."""
        return await self._ask(routes.KEY, TaskQuery(task_id=task_id))

    async def approve(self, notice: ApprovalNotice) -> TaskStatus:
        """Give the worker the approval and return the status after it."""
        return await self._ask(routes.APPROVE, notice)

    async def upload_input(
        self, blob: BlobRef, source: BinaryIO, *, progress: Progress | None = None
    ) -> None:
        """Bring an input to the worker, from where an earlier upload stopped.

        Args:
            blob: Name and size of what `source` holds.
            source: Read by seeking.
            progress: Told bytes held by the worker, and all bytes.
        """
        question = InputPart(blob=blob, offset=0)
        state = await self._ask(routes.INPUT, question)

        async def send() -> InputState:
            nonlocal state
            part = InputPart(blob=blob, offset=state.offset)
            size = min(_CHUNK_BYTES, blob.size - state.offset)
            source.seek(state.offset)
            try:
                body = Attachment(size=size, read=source.read)
                return await self._ask_once(routes.INPUT, part, body)
            except PeerRefused as refusal:
                if refusal.code != "offset":
                    raise
            except PeerUnreachable:
                state = await self._ask_once(routes.INPUT, question)
                raise
            return await self._ask_once(routes.INPUT, question)

        while not state.is_complete:
            before = state.offset
            state = await self._insist(send)
            if state.offset <= before and not state.is_complete:
                raise PeerUnreachable("the worker makes no progress with the input")
            if progress is not None:
                progress(state.offset, blob.size)

    async def download_ciphertext(
        self, task_id: Hash32, size: int, target: Path, *, progress: Progress | None = None
    ) -> None:
        """Fetch a task's ciphertext into a file, from where an earlier download stopped.

        The bytes are not checked here: their root is, by the caller, against the claim.

        Args:
            task_id: The task.
            size: Bytes of the file, from the claim and the results.
            target: Complete when the method returns; an existing part is gone on with.
            progress: Told bytes held, and all bytes.
        """
        held = _touch(target)
        if held > size:
            raise InvalidMessage(f"{target} is longer than the ciphertext")

        async def fetch() -> None:
            nonlocal held
            length = min(_CHUNK_BYTES, size - held)
            asked = CiphertextRange(task_id=task_id, offset=held, length=length)
            async with self._line.call(routes.CIPHERTEXT, asked) as call:
                _check_range(call.head, asked, size)
                with target.open("ab") as file:
                    async for part in call.read_body(call.head.length):
                        file.write(part)
                        held += len(part)
                        if progress is not None:
                            progress(held, size)

        while held < size:
            await self._insist(fetch, get_progress=lambda: held)


def _touch(path: Path) -> int:
    path.touch()
    return path.stat().st_size


def _check_range(head: CiphertextHead, asked: CiphertextRange, size: int) -> None:
    if head.size != size or head.offset != asked.offset or not 0 < head.length <= asked.length:
        raise InvalidMessage("the worker's ciphertext is not as long as its claim makes it")
