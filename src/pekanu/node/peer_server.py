"""The worker's door for its peers: sealed requests over HTTP, refused when they are not right.

Nothing is believed before it is authenticated: the path and the length are checked, then the
bytes that begin the channel, then the first part, and only then is a handler called.
Every wait has a time limit. Refusals before authentication are small plain JSON; after it they
are sealed like any answer. What is not here: what the operations do (`peer_answers`), the
process that listens (`peer_listener`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from pekanu.errors import InvalidMessage, PekanuError, ProtocolError, UsageError
from pekanu.market.task import MarketDomain
from pekanu.node.blobs import BlobStore
from pekanu.node.bodies import Body
from pekanu.node.body_socket import (
    ANSWER_EXTENSION,
    BODY_EXTENSION,
    LENT_BYTES,
    BodySocket,
    LendAnswer,
)
from pekanu.node.channel import (
    MESSAGE_SIZE,
    REQUEST_PREFIX_SIZE,
    RESPONSE_PREFIX_SIZE,
    ChannelLimits,
    ChannelRefused,
    ServerChannel,
    ServerExchange,
)
from pekanu.node.channel_keys import ChannelIdentity
from pekanu.node.channel_stream import (
    HEADER_SIZE,
    get_part_sizes,
    get_sealed_size,
)
from pekanu.node.peer_answers import Answer, PeerRequest, Responder, Responders
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.peer_handler import PeerHandler
from pekanu.node.peer_operations import IDENTITY_PATH, PREFIX, Identity, Operation, Refusal
from pekanu.node.peer_wire import decode_message, encode_message
from pekanu.node.pieces import Buffer
from pekanu.node.rations import Rations
from pekanu.types import Address, Hash32

ResultT = TypeVar("ResultT")

_LOG: Final = logging.getLogger(__name__)

#: HTTP statuses of refusals in the clear, by code.
STATUSES: Final = {
    "malformed": 400,
    "epoch": 401,
    "time": 401,
    "binding": 401,
    "unknown": 404,
    "slow": 408,
    "replay": 409,
    "length": 411,
    "oversized": 413,
    "busy": 503,
    "quota": 429,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerLimits:
    """What the server bounds, beyond the stored inputs (`BlobLimits`)."""

    channel: ChannelLimits = field(default_factory=ChannelLimits)
    #: Authenticated requests answered at once.
    concurrent_requests: int = 64
    #: Requests a second from one network address, and how many may come at once.
    host_rate: float = 400.0
    host_burst: float = 800.0
    #: Requests a second from one wallet without a task, and how many may come at once.
    stranger_rate: float = 20.0
    stranger_burst: float = 100.0
    #: Requests a second from one wallet with a task.
    customer_rate: float = 200.0
    customer_burst: float = 400.0
    #: Seconds without a byte in either direction.
    stall_seconds: float = 20.0
    #: Seconds for a request to be authenticated.
    greeting_seconds: float = 10.0
    #: Seconds for the rest of a request and its handler, besides the time for its length.
    handler_seconds: float = 60.0
    #: Bytes a second that a peer must send.
    least_rate: int = 1 << 16


def build_peer_app(
    handler: PeerHandler,
    identity: ChannelIdentity,
    *,
    domain: MarketDomain,
    blobs: BlobStore,
    limits: PeerLimits | None = None,
    clock: Callable[[], float] = time.time,
) -> FastAPI:
    """Return the application that serves a worker's peers under `/peer/v1/`.

    Args:
        handler: The worker.
        identity: The worker's channel key, the one that its announcement names.
        domain: The market whose wallets are served.
        blobs: Where inputs go.
        limits: What to bound.
        clock: Wall clock in seconds.
    """
    return build_sealed_app(
        Service(table=Responders(handler, blobs).table, is_customer=handler.is_customer),
        identity,
        domain=domain,
        limits=limits,
        clock=clock,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """What is behind a sealed server."""

    #: The operations by path, each with what answers it.
    table: dict[str, tuple[Operation[Any, Any], Responder]]
    #: Returns whether a wallet is no stranger to the quotas.
    is_customer: Callable[[Address], bool]


def build_sealed_app(
    service: Service,
    identity: ChannelIdentity,
    *,
    domain: MarketDomain,
    limits: PeerLimits | None = None,
    clock: Callable[[], float] = time.time,
) -> FastAPI:
    """Return the application that answers sealed requests for some operations.

    Args:
        service: What answers.
        identity: The channel key that is announced.
        domain: The market whose wallets are served.
        limits: What to bound.
        clock: Wall clock in seconds.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    server = _PeerServer(
        service,
        ServerChannel(identity, domain, clock=clock, limits=(limits or PeerLimits()).channel),
        limits=limits or PeerLimits(),
        clock=clock,
    )
    # As plain routes: there is nothing for FastAPI to parse, and looking took it a millisecond.
    app.router.add_route(IDENTITY_PATH, server.show_identity, methods=["GET"])
    app.router.add_route(PREFIX + "/{operation}", server.answer, methods=["POST"])
    return app


class _PeerServer:
    def __init__(
        self,
        service: Service,
        channel: ServerChannel,
        *,
        limits: PeerLimits,
        clock: Callable[[], float],
    ) -> None:
        self._service, self._channel, self._table = service, channel, service.table
        self._limits, self._clock, self._busy = limits, clock, 0
        self._pool = ThreadPoolExecutor(limits.concurrent_requests, "pekanu-body")
        self._hosts = Rations(limits.host_rate, burst=limits.host_burst)
        self._strangers = Rations(limits.stranger_rate, burst=limits.stranger_burst)
        self._customers = Rations(limits.customer_rate, burst=limits.customer_burst)

    async def show_identity(self, request: Request) -> Response:
        """Answer who the worker is."""
        _ = request
        binding = self._channel.identity.binding
        identity = Identity(
            owner=binding.owner,
            key=Hash32(binding.key),
            expiry=binding.expiry,
            signature=binding.signature,
            epoch=self._channel.epoch.hex(),
        )
        return Response(encode_message(identity), media_type="application/json")

    async def answer(self, request: Request) -> Response:
        """Answer a sealed request; refusals before authentication are in the clear."""
        try:
            return await self._answer(request)
        except ChannelRefused as refusal:
            return _refuse(refusal.code, refusal.message)
        except InvalidMessage as error:
            return _refuse("malformed", error.message)
        except ClientDisconnect:
            return _refuse("malformed", "the request is cut off")
        except TimeoutError:
            return _refuse("slow", "the request came too slowly")

    async def _answer(self, request: Request) -> Response:
        operation, responder, size = self._check_head(request)
        reader = _BodyReader(request, size, self._limits.stall_seconds, self._pool)
        try:
            return await self._answer_body(operation, responder, reader, size)
        finally:
            reader.close()

    async def _answer_body(
        self,
        operation: Operation[Any, Any],
        responder: Responder,
        reader: _BodyReader,
        size: int,
    ) -> Response:
        limits = self._limits
        async with asyncio.timeout(limits.greeting_seconds):
            exchange = self._channel.admit(await reader.read_prefix(), operation.context)
            parts = reader.read_parts(exchange)
            head = await anext(parts, None)
        if head is None:
            raise InvalidMessage("the request is cut off")
        self._channel.confirm(exchange)
        if self._busy >= limits.concurrent_requests:
            raise ChannelRefused("busy", "the worker answers too many requests")
        self._busy += 1
        try:
            async with asyncio.timeout(limits.handler_seconds + size / limits.least_rate):
                self._check_ration(exchange)
                reader.hasten()
                message = decode_message(operation.request, bytes(head))
                most = min(size, operation.upload_bytes)
                body = Body(_check_body(parts, most), exchange.opener, most)
                if not operation.upload_bytes:
                    async for _ in body:  # nothing may follow, and the end must be marked
                        pass
                asked = PeerRequest(peer=exchange.peer, message=message, body=body)
                answer = await self._respond(responder, asked)
        except PekanuError as error:
            answer = Answer(head=_get_refusal(error))
            async with asyncio.timeout(limits.stall_seconds + size / limits.least_rate):
                await reader.skip_rest()
        finally:
            self._busy -= 1
        return SealedResponse(exchange, answer, limits.stall_seconds, self._pool)

    async def _respond(self, responder: Responder, request: PeerRequest) -> Answer:
        try:
            return await responder(request)
        except (PekanuError, TimeoutError, ClientDisconnect):
            raise
        except Exception as error:  # the outermost loop: a peer learns nothing of a bug here
            _LOG.exception("a peer's request failed here")
            raise PeerRefused("internal", "the worker failed to answer") from error

    def _check_head(self, request: Request) -> tuple[Operation[Any, Any], Responder, int]:
        host = request.client.host if request.client else ""
        if not self._hosts.take(host, self._clock()):
            raise ChannelRefused("quota", "too many requests from this address")
        if request.url.path not in self._table:
            raise ChannelRefused("unknown", "there is no such operation")
        operation, responder = self._table[request.url.path]
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or len(length) > 12:
            raise ChannelRefused("length", "the request does not say how long it is")
        parts = [MESSAGE_SIZE, *get_part_sizes(operation.upload_bytes)]
        if int(length) > REQUEST_PREFIX_SIZE - HEADER_SIZE + get_sealed_size(parts):
            raise ChannelRefused("oversized", "the request is too long")
        return operation, responder, int(length)

    def _check_ration(self, exchange: ServerExchange) -> None:
        is_customer = self._service.is_customer(exchange.peer)
        rations = self._customers if is_customer else self._strangers
        if not rations.take(exchange.peer, self._clock()):
            raise PeerRefused("quota", "you ask too often")


class _BodyReader:
    """Reads a request's body with a limit on each wait and on the whole; it is to be closed."""

    def __init__(self, request: Request, size: int, stall_seconds: float, pool: Executor) -> None:
        self._chunks, self._left, self._stall = request.stream(), size, stall_seconds
        self._rest = b""
        self._pool, self._lend = pool, request.scope.get("extensions", {}).get(BODY_EXTENSION)
        self._socket: BodySocket | None = None
        #: What came before the connection was lent, once.
        self._come: bytes | None = None

    async def read_prefix(self) -> bytes:
        data = bytearray()
        while len(data) < REQUEST_PREFIX_SIZE:
            chunk = await self._read_chunk()
            if not chunk:
                break
            data += chunk
        self._rest = bytes(data[REQUEST_PREFIX_SIZE:])
        return bytes(data[:REQUEST_PREFIX_SIZE])

    async def read_parts(self, exchange: ServerExchange) -> AsyncIterator[Buffer]:
        opener = exchange.opener
        chunk = self._rest or await self._read_chunk()
        while chunk:
            for part in opener.feed(chunk):
                yield part
            chunk = await self._read_chunk()
        while self._socket is not None and self._socket.left:
            for part in await self._run(self._socket.read_parts, opener):
                yield part
            if opener.is_finished and self._socket.left:
                raise InvalidMessage("the request goes on after its end")
        opener.finish()

    async def skip_rest(self) -> None:
        """Take what the peer still sends, so that it comes to read the answer."""
        while await self._read_chunk():
            pass
        if self._socket is not None:
            await self._run(self._socket.skip)

    def hasten(self) -> None:
        """Let threads read what is left, where the server lends its connection for that."""
        lent = self._lend(self._stall) if self._lend is not None else None
        if lent is not None:
            self._come, self._socket = lent

    def close(self) -> None:
        """End what is being read."""
        if self._socket is not None:
            self._socket.close()

    async def _read_chunk(self) -> bytes:
        while True:
            chunk = await self._fetch_chunk()
            if chunk is None:
                return b""
            if chunk:
                self._left -= len(chunk)
                if self._left < 0:
                    raise InvalidMessage("the request is longer than it said")
                return chunk

    async def _fetch_chunk(self) -> bytes | None:
        if self._socket is not None:
            come, self._come = self._come, None
            return come
        async with asyncio.timeout(self._stall):
            return await anext(self._chunks, None)

    async def _run(self, step: Callable[..., ResultT], *arguments: object) -> ResultT:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, step, *arguments)
        except ConnectionError as error:
            raise ClientDisconnect from error


async def _check_body(parts: AsyncIterator[Buffer], most: int) -> AsyncIterator[Buffer]:
    total = 0
    async for part in parts:
        total += len(part)
        if total > most:
            raise InvalidMessage("the request holds too much data")
        if part:
            yield part


class SealedResponse(Response):
    """An answer, sealed part by part as the peer takes it."""

    def __init__(
        self, exchange: ServerExchange, answer: Answer, stall_seconds: float, pool: Executor
    ) -> None:
        """Announce the length."""
        super().__init__(media_type="application/octet-stream")
        self._exchange, self._answer = exchange, answer
        self._stall, self._pool = stall_seconds, pool
        code = b"\x01" if isinstance(answer.head, Refusal) else b"\x00"
        self._head = code + encode_message(answer.head)
        sizes = [len(self._head), *get_part_sizes(answer.size)]
        self._count = len(sizes)
        length = RESPONSE_PREFIX_SIZE - HEADER_SIZE + get_sealed_size(sizes)
        self.headers["content-length"] = str(length)
        self.headers["cache-control"] = "no-store"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; a peer that takes nothing for too long is cut off."""
        _ = receive
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        parts = self._seal()
        lend: LendAnswer | None = scope.get("extensions", {}).get(ANSWER_EXTENSION)
        line = lend(self._stall) if self._answer.size >= LENT_BYTES and lend is not None else None
        left = self._count
        try:
            if line is not None:
                # A thread seals and sends all but the end, with which the server closes the answer.
                try:
                    await self._run(line.send_parts, islice(parts, left - 1))
                finally:
                    line.close()
                left = 1
            while left and (data := await self._run(next, parts, None)) is not None:
                left -= 1
                await self._send(send, data, more=left > 0)
        except ConnectionError:
            return
        except PekanuError as error:
            _LOG.error("an answer broke off: %s", error.message)

    async def _run(self, step: Callable[..., ResultT], *arguments: object) -> ResultT:
        """Return what a step gives; with bulk data it may read from a disk."""
        if not self._answer.size:
            return step(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._pool, step, *arguments)

    def _seal(self) -> Iterator[Buffer]:
        """Yield the answer's bytes, each part sealed when the one before it was taken."""
        prefix, sealer = self._exchange.seal_response()
        yield prefix + sealer.seal(self._head, is_last=self._count == 1)
        for number, part in enumerate(self._answer.parts, 2):
            yield sealer.seal(part, is_last=number == self._count)

    async def _send(self, send: Send, data: Buffer, *, more: bool) -> None:
        async with asyncio.timeout(self._stall):
            await send({"type": "http.response.body", "body": data, "more_body": more})


def _get_refusal(error: PekanuError) -> Refusal:
    if isinstance(error, PeerRefused):
        code = error.code
    elif isinstance(error, InvalidMessage | UsageError):
        code = "malformed"
    elif isinstance(error, ProtocolError):
        code = "terms"
    else:
        code = "busy"
    return Refusal(code=code, message=error.message[:500], hint=(error.hint or "")[:500])


def _refuse(code: str, message: str) -> Response:
    # The connection ends: what is left of the request is not worth reading.
    return JSONResponse(
        {"code": code, "message": message},
        status_code=STATUSES[code],
        headers={"connection": "close"},
    )
