"""What a peer server does for each operation: from a decoded request to the answer's parts.

What is not here: bytes and their protection (`peer_server`), the worker's decisions (the
`PeerHandler`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pekanu.node import peer_routes as routes
from pekanu.node.blobs import BlobStore
from pekanu.node.bodies import Body
from pekanu.node.channel_stream import PART_SIZE
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.peer_handler import PeerHandler
from pekanu.node.peer_messages import (
    RESULT_SIZE,
    AcceptanceRequest,
    ApprovalNotice,
    CiphertextHead,
    CiphertextRange,
    ClaimHead,
    InfoRequest,
    InputPart,
    InputState,
    QuoteRequest,
    TaskQuery,
    pack_results,
)
from pekanu.node.peer_operations import Message, Operation
from pekanu.node.pieces import Buffer
from pekanu.types import Address, Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A message and the bulk data that follows it."""

    head: Message
    #: Bytes of bulk data.
    size: int = 0
    #: Gives parts of at most `PART_SIZE`, all but the last of exactly that; called in threads.
    parts: Iterator[Buffer] = iter(())


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerRequest:
    """An authenticated request."""

    peer: Address
    message: Any
    #: The request's bulk data, as it comes in.
    body: Body


Responder = Callable[[PeerRequest], Awaitable[Answer]]


class Responders:
    """The operations of one worker, by path.

    Args:
        handler: The worker.
        blobs: Where inputs go.
    """

    def __init__(self, handler: PeerHandler, blobs: BlobStore) -> None:
        """Draw up the table."""
        self._handler, self._blobs = handler, blobs
        self.table: Final[dict[str, tuple[Operation[Any, Any], Responder]]] = {
            operation.path: (operation, responder)
            for operation, responder in (
                (routes.INFO, self._info),
                (routes.QUOTE, self._quote),
                (routes.INPUT, self._input),
                (routes.ACCEPT, self._accept),
                (routes.TASK, self._task),
                (routes.CLAIM, self._claim),
                (routes.CIPHERTEXT, self._ciphertext),
                (routes.KEY, self._key),
                (routes.APPROVE, self._approve),
            )
        }

    async def _info(self, request: PeerRequest) -> Answer:
        _: InfoRequest = request.message
        return Answer(head=await self._handler.fetch_info())

    async def _quote(self, request: PeerRequest) -> Answer:
        message: QuoteRequest = request.message
        return Answer(head=await self._handler.fetch_quote(request.peer, message))

    async def _input(self, request: PeerRequest) -> Answer:
        message: InputPart = request.message
        blob_id, size = message.blob.blob_id, message.blob.size
        await self._handler.check_input(request.peer, message.blob)
        held = await asyncio.to_thread(self._blobs.begin, blob_id, size, request.peer)
        offset = message.offset
        async for part in request.body:
            offset = await asyncio.to_thread(
                self._blobs.append, blob_id, size, request.peer, offset, part
            )
            held = offset
        state = InputState(offset=held, is_complete=self._blobs.has(blob_id))
        return Answer(head=state)

    async def _accept(self, request: PeerRequest) -> Answer:
        message: AcceptanceRequest = request.message
        for name, blob in (("input", message.input), ("program", message.program)):
            if blob is None:
                continue
            path = self._blobs.get_path(blob.blob_id)
            if not path.exists() or path.stat().st_size != blob.size:
                raise PeerRefused("unknown", f"the {name} is not held here")
        return Answer(head=await self._handler.accept(request.peer, message))

    async def _task(self, request: PeerRequest) -> Answer:
        message: TaskQuery = request.message
        return Answer(head=await self._handler.fetch_status(request.peer, message.task_id))

    async def _claim(self, request: PeerRequest) -> Answer:
        message: TaskQuery = request.message
        delivered = await self._handler.fetch_claim(request.peer, message.task_id)
        count = len(delivered.results)
        if count * RESULT_SIZE > routes.RESULTS_BYTES:
            raise PeerRefused("internal", f"{count} results do not fit into one answer")
        head = ClaimHead(
            claim=delivered.claim, count=count, ciphertext_size=delivered.ciphertext_size
        )
        packed = pack_results(delivered.results)
        return Answer(head=head, size=len(packed), parts=_split(packed))

    async def _ciphertext(self, request: PeerRequest) -> Answer:
        message: CiphertextRange = request.message
        path = await self._handler.get_ciphertext_path(request.peer, message.task_id)
        size = path.stat().st_size
        if message.offset > size:
            raise PeerRefused("malformed", f"the ciphertext has only {size} bytes")
        length = min(message.length, size - message.offset, routes.TRANSFER_BYTES)
        head = CiphertextHead(offset=message.offset, length=length, size=size)
        return Answer(head=head, size=length, parts=_read(path, message.offset, length))

    async def _key(self, request: PeerRequest) -> Answer:
        message: TaskQuery = request.message
        return Answer(head=await self._handler.fetch_key(request.peer, Hash32(message.task_id)))

    async def _approve(self, request: PeerRequest) -> Answer:
        message: ApprovalNotice = request.message
        return Answer(head=await self._handler.approve(request.peer, message))


def _split(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PART_SIZE):
        yield data[start : start + PART_SIZE]


def _read(path: Path, offset: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while length > 0:
            part = file.read(min(PART_SIZE, length))
            if not part:
                return
            length -= len(part)
            yield part
