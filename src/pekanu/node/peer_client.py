"""A client's talk with one worker: typed requests, and transfers that survive a broken line.

Each request is idempotent for the worker, so one whose answer got lost is made again, sealed
afresh. What is not here: which worker to choose and what to do with its answers (the client's
shell).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeVar

from pekanu.errors import InvalidMessage
from pekanu.node import peer_routes as routes
from pekanu.node.channel_keys import ChannelIdentity
from pekanu.node.peer_errors import PeerRefused, PeerUnreachable
from pekanu.node.peer_handler import Delivered
from pekanu.node.peer_line import Attachment, LineLimits, PeerAddress, PeerLine
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
    Message,
    Quote,
    QuoteRequest,
    TaskQuery,
    TaskStatus,
    unpack_results,
)
from pekanu.node.pieces import Buffer
from pekanu.types import Hash32

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)
ResultT = TypeVar("ResultT")
Progress = Callable[[int, int], None]

#: Bytes of one transfer request.
_CHUNK_BYTES: Final = 8 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerPatience:
    """How long a client waits for a worker."""

    connect_seconds: float = 5.0
    #: Without a byte.
    read_seconds: float = 90.0
    #: Seconds without progress after which a transfer or a request is given up.
    patience_seconds: float = 30.0
    #: Seconds before the first repetition; doubled each time, to `longest_pause_seconds`.
    pause_seconds: float = 0.1
    longest_pause_seconds: float = 2.0
    #: Requests at once; others wait for their turn, and their patience begins with it.
    most_requests: int = 16


class PeerClient:
    """Talks with one worker; an async context manager.

    Args:
        address: The worker, as announced.
        identity: One's own channel key.
        patience: How long to wait.
        clock: Wall clock in seconds.
    """

    def __init__(
        self,
        address: PeerAddress,
        identity: ChannelIdentity,
        *,
        patience: PeerPatience | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Connect to nothing yet."""
        self._patience = patience or PeerPatience()
        limits = LineLimits(
            connect_seconds=self._patience.connect_seconds,
            read_seconds=self._patience.read_seconds,
            most_requests=self._patience.most_requests,
        )
        self._line = PeerLine(address, identity, limits, clock)
        self._turns = asyncio.Semaphore(self._patience.most_requests)

    async def __aenter__(self) -> Self:
        """Open; the worker is first spoken to by the first request."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._line.close()

    async def fetch_info(self) -> Info:
        """Return what the worker says of itself.

        This and all other methods:

        Raises:
            PeerUnreachable: No answer that can be trusted came in time.
            PeerRefused: The worker said no.
            PeerImpostor: Another than the worker's key answers at the endpoint.
            InvalidMessage: The worker's answer breaks the protocol.
        """
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

    async def _ask(
        self,
        operation: routes.Operation[RequestT, ResponseT],
        request: RequestT,
        *attached: Buffer,
    ) -> ResponseT:
        def build_body() -> Attachment | None:
            return Attachment.of(attached) if attached else None

        return await self._insist(lambda: self._ask_once(operation, request, build_body()))

    async def _ask_once(
        self,
        operation: routes.Operation[RequestT, ResponseT],
        request: RequestT,
        body: Attachment | None = None,
    ) -> ResponseT:
        async with self._line.call(operation, request, body) as call:
            return call.head

    async def _insist(
        self,
        attempt: Callable[[], Awaitable[ResultT]],
        get_progress: Callable[[], int] = lambda: 0,
    ) -> ResultT:
        wait, pause, reached = self._patience, self._patience.pause_seconds, get_progress()
        end: float | None = None
        while True:
            try:
                async with self._turns:
                    end = end or time.monotonic() + wait.patience_seconds
                    return await attempt()
            except PeerUnreachable as error:
                if not error.may_pass:
                    raise
                if get_progress() > reached:
                    reached, pause = get_progress(), wait.pause_seconds
                    end = time.monotonic() + wait.patience_seconds
                if end is None or time.monotonic() + pause > end:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, wait.longest_pause_seconds)


def _touch(path: Path) -> int:
    path.touch()
    return path.stat().st_size


def _check_range(head: CiphertextHead, asked: CiphertextRange, size: int) -> None:
    if head.size != size or head.offset != asked.offset or not 0 < head.length <= asked.length:
        raise InvalidMessage("the worker's ciphertext is not as long as its claim makes it")
