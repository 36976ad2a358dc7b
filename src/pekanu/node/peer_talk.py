"""A client's talk with one peer: requests that are made again where the line is broken.

Each request is idempotent for the peer, so one whose answer got lost is made again, sealed
afresh. What is not here: the requests (`peer_client`, `storage.provider_client`), their protection
(`peer_line`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from pekanu.node.channel_keys import ChannelIdentity
from pekanu.node.peer_errors import PeerUnreachable
from pekanu.node.peer_line import Attachment, LineLimits, PeerAddress, PeerLine
from pekanu.node.peer_operations import Message, Operation
from pekanu.node.pieces import Buffer

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerPatience:
    """How long a client waits for a peer."""

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


class PeerTalk:
    """Asks one peer, again where an answer got lost; an async context manager.

    Args:
        address: The peer, as announced.
        identity: One's own channel key.
        patience: How long to wait.
        clock: Wall clock in seconds.

    Requests raise:
        PeerUnreachable: No answer that can be trusted came in time.
        PeerRefused: The peer said no.
        PeerImpostor: Another than the peer's key answers at the endpoint.
        InvalidMessage: The peer's answer breaks the protocol.
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
        """Open; the peer is first spoken to by the first request."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._line.close()

    async def _ask(
        self,
        operation: Operation[RequestT, ResponseT],
        request: RequestT,
        *attached: Buffer,
    ) -> ResponseT:
        def build_body() -> Attachment | None:
            return Attachment.of(attached) if attached else None

        return await self._insist(lambda: self._ask_once(operation, request, build_body()))

    async def _ask_once(
        self,
        operation: Operation[RequestT, ResponseT],
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
