"""One line to one worker: a sealed request out, an opened response back.

What is not here: which requests there are and when to repeat them (`peer_client`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

from pekanu.errors import InvalidMessage, InvalidProof
from pekanu.json_text import parse_json
from pekanu.lines.http_line import BROKEN, HttpExchange, HttpLine
from pekanu.market.task import MarketDomain
from pekanu.node.bodies import MOST_PARTS, Body, pull_parts
from pekanu.node.channel import (
    EPOCH_SIZE,
    REQUEST_PREFIX_SIZE,
    RESPONSE_PREFIX_SIZE,
    ChannelContext,
    ClientExchange,
)
from pekanu.node.channel_keys import ChannelBinding, ChannelIdentity
from pekanu.node.channel_stream import (
    HEADER_SIZE,
    StreamOpener,
    get_part_sizes,
    get_sealed_size,
)
from pekanu.node.peer_errors import PeerImpostor, PeerRefused, PeerUnreachable
from pekanu.node.peer_operations import IDENTITY_PATH, Identity, Message, Operation, Refusal
from pekanu.node.peer_wire import decode_message, encode_message
from pekanu.node.pieces import Buffer, Pieces
from pekanu.types import Address

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)
HeadT = TypeVar("HeadT", bound=Message)

#: Bytes a second that a worker must take.
_LEAST_RATE: Final = 1 << 16
#: Bytes of an answer in the clear.
_CLEAR_BYTES: Final = 4096
#: Refusals in the clear that pass with time.
_PASSING: Final = frozenset({"epoch", "busy", "slow", "quota"})


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerAddress:
    """Whom to talk with, as its announcement says."""

    endpoint: str
    worker: Address
    #: Its X25519 channel key.
    channel_key: bytes
    domain: MarketDomain
    #: What the other end is, for messages.
    role: str = "worker"

    @property
    def label(self) -> str:
        """What it is called in messages."""
        return f"{self.role} at {self.endpoint}"


class Call(Generic[HeadT]):
    """An answer that is coming in: its message, then its bulk data."""

    def __init__(self, head: HeadT, incoming: _Incoming) -> None:
        """Keep the message and what follows."""
        self.head, self._incoming = head, incoming

    async def read_whole(self, size: int) -> memoryview:
        """Return the bulk data, opened where it stays; raises as `read_body`."""
        return await Body(self.read_body(size), self._incoming.opener, size).read_whole()

    async def read_body(self, size: int) -> AsyncIterator[Buffer]:
        """Yield the bulk data.

        Raises:
            InvalidMessage: It is not exactly `size` bytes.
        """
        left = size
        while parts := await self._incoming.run(self._incoming.pull):
            for part in parts:
                left -= len(part)
                if left < 0:
                    raise _build_length_error()
                yield part
        if left:
            raise _build_length_error()

    async def read_through(
        self, size: int, room: memoryview, take: Callable[[memoryview], int]
    ) -> None:
        """Let the bulk data pass through some room, in one thread; raises as `read_body`.

        Args:
            size: Bytes of all.
            room: By `PART_SIZE` longer than what `take` leaves.
            take: Told in the thread what is there and was not taken yet, as often as more came;
                returns how many bytes of it are done with. Its errors are passed on.
        """
        await self._incoming.run(self._read_through, size, room, take)

    def _read_through(self, size: int, room: memoryview, take: Callable[[memoryview], int]) -> None:
        incoming, left, held = self._incoming, size, 0
        incoming.opener.target = room
        while parts := incoming.pull(1):
            for part in parts:
                left, held = left - len(part), held + len(part)
            if left < 0:
                raise _build_length_error()
            taken = take(room[:held])
            held -= taken
            room[:held] = room[taken : taken + held]
            incoming.opener.target = room[held:]
        if left:
            raise _build_length_error()


def _build_length_error() -> InvalidMessage:
    return InvalidMessage("the worker's answer has another length than it says")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """Bulk data that follows a request."""

    size: int
    #: Gives the next bytes, as many as it is told.
    read: Callable[[int], Buffer]

    @classmethod
    def of(cls, pieces: Iterable[Buffer], size: int | None = None) -> Attachment:
        """Return what some buffers hold one after the other; `size` where they are made late."""
        found = Pieces(pieces, size)
        return cls(size=found.size, read=found.read)


@dataclass(frozen=True, kw_only=True, slots=True)
class LineLimits:
    """How long a line waits, in seconds."""

    connect_seconds: float = 5.0
    #: Without a byte.
    read_seconds: float = 90.0
    #: Requests at once.
    most_requests: int = 16


class PeerLine:
    """Seals, sends, receives and opens; the worker's running process is learnt when needed.

    Args:
        address: The worker.
        identity: One's own channel key.
        limits: How long to wait.
        clock: Wall clock in seconds.
    """

    def __init__(
        self,
        address: PeerAddress,
        identity: ChannelIdentity,
        limits: LineLimits,
        clock: Callable[[], float],
    ) -> None:
        """Send nothing yet."""
        self._address, self._identity, self._limits = address, identity, limits
        self._clock, self._epoch = clock, b""
        self._http: HttpLine | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    @asynccontextmanager
    async def call(
        self,
        operation: Operation[RequestT, ResponseT],
        request: RequestT,
        body: Attachment | None = None,
    ) -> AsyncGenerator[Call[ResponseT], None]:
        """Give the answer to a request while the context is open.

        Args:
            operation: What is asked.
            request: Its message.
            body: What follows the message.

        Raises:
            PeerUnreachable: No answer that can be trusted comes.
            PeerRefused: The answer is no.
            PeerImpostor: Another than the worker's key answers.
            InvalidMessage: The authenticated answer breaks the protocol.
        """
        exchange = await self._begin(operation.context)
        sealed = _SealedRequest(exchange, encode_message(request), body)
        async with self._open_http().open() as line:
            answer = await self._talk(line, operation.path, sealed)
            if answer.opener is None:
                raise self._build_refusal(answer)
            yield self._open_answer(answer.opener, answer.head, line, operation)

    async def _talk(self, line: HttpExchange, path: str, sealed: _SealedRequest) -> _Answer:
        """Send a request and return the answer's beginning."""
        try:
            async with asyncio.timeout(self._limits.read_seconds + sealed.size / _LEAST_RATE):
                http = self._open_http()
                return await http.run(_talk, line, http.url.path.rstrip("/") + path, sealed)
        except BROKEN as error:
            raise self._unreachable() from error

    def _open_http(self) -> HttpLine:
        limits = self._limits
        try:
            self._http = self._http or HttpLine(
                self._address.endpoint,
                connect_seconds=limits.connect_seconds,
                read_seconds=limits.read_seconds,
                most=limits.most_requests,
                is_certified=False,  # the channel authenticates, not TLS
            )
        except ValueError as error:
            raise PeerUnreachable(
                f"the {self._address.role} announces {self._address.endpoint!r}, which is no URL",
                may_pass=False,
            ) from error
        return self._http

    async def _begin(self, path: str) -> ClientExchange:
        if not self._epoch:
            self._epoch = await self._fetch_epoch()
        context = ChannelContext(
            domain=self._address.domain,
            worker=self._address.worker,
            worker_key=self._address.channel_key,
            epoch=self._epoch,
            path=path,
        )
        return ClientExchange(self._identity, context, now=self._clock())

    async def _fetch_epoch(self) -> bytes:
        http = self._open_http()
        try:
            async with http.open() as line, asyncio.timeout(self._limits.read_seconds):
                path = http.url.path.rstrip("/") + IDENTITY_PATH
                data = await http.run(_ask_identity, line, path)
        except BROKEN as error:
            raise self._unreachable() from error
        try:
            identity = decode_message(Identity, data)
            epoch = bytes.fromhex(identity.epoch)
        except (ValueError, InvalidMessage) as error:
            raise PeerUnreachable(f"no {self._address.label} answers") from error
        expected = (self._address.worker, self._address.channel_key, EPOCH_SIZE)
        if (identity.owner, identity.key, len(epoch)) != expected:
            raise PeerImpostor(
                f"another than {self._address.worker} answers at {self._address.endpoint}"
            )
        binding = ChannelBinding(
            owner=identity.owner,
            key=identity.key,
            expiry=identity.expiry,
            signature=identity.signature,
        )
        try:
            binding.validate(self._address.domain, self._clock())
        except InvalidProof as error:
            raise PeerImpostor(error.message) from error
        return epoch

    def _build_refusal(self, answer: _Answer) -> PeerUnreachable:
        # Nobody vouches for this text, so it decides nothing but whether to try again.
        try:
            fields = parse_json(answer.head)
            code, message = str(fields["code"]), str(fields["message"])[:500]
        except (ValueError, KeyError, TypeError):
            code, message = "", f"HTTP status {answer.status}"
        if code == "epoch":
            self._epoch = b""
        return PeerUnreachable(
            f"the {self._address.label} does not talk with us: {message}",
            may_pass=code in _PASSING or answer.status >= 500,
        )

    def _open_answer(
        self,
        opener: StreamOpener,
        head: bytes,
        line: HttpExchange,
        operation: Operation[RequestT, ResponseT],
    ) -> Call[ResponseT]:
        if head[:1] == b"\x01":
            refusal = decode_message(Refusal, head[1:])
            raise PeerRefused(refusal.code, refusal.message, hint=refusal.hint or None)
        incoming = _Incoming(opener, line, self._open_http().run, self._unreachable)
        return Call(decode_message(operation.response, head[1:]), incoming)

    def _unreachable(self) -> PeerUnreachable:
        # A worker that was restarted may have said so to a request that it did not read to its end.
        self._epoch = b""
        return PeerUnreachable(f"the {self._address.label} does not answer")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """The beginning of an answer: its first part, or what an answer in the clear says."""

    status: int
    head: bytes
    #: Opens what follows; None in the clear.
    opener: StreamOpener | None = None


@dataclass(frozen=True, slots=True)
class _Incoming:
    """The parts of an answer that follow the first."""

    opener: StreamOpener
    line: HttpExchange
    #: Runs what blocks in a thread of the line.
    run: Callable[..., Awaitable[Any]]
    #: Makes the error for a line that fails.
    fail: Callable[[], PeerUnreachable]

    def pull(self, most: int = MOST_PARTS) -> list[memoryview]:
        """Return the next parts, at most so many; none at the end. Blocks.

        Raises:
            PeerUnreachable: They do not come, or not as they were sent.
        """
        try:
            if not self.opener.is_finished:
                parts = pull_parts(self.opener, self.line.receive, most)
                if parts:
                    return parts
            self.opener.finish()
            if not self.line.is_read:
                pull_parts(self.opener, self.line.receive)  # finds nothing, or too much
        except InvalidMessage as error:
            # Whoever sits on the line can do this: it says nothing of the worker.
            raise PeerUnreachable(error.message) from error
        except BROKEN as error:
            raise self.fail() from error
        return []


class _SealedRequest:
    """A request as it goes over the line."""

    def __init__(self, exchange: ClientExchange, head: bytes, body: Attachment | None) -> None:
        self.exchange, self._head, self._body = exchange, head, body
        self._sizes = get_part_sizes(body.size if body else 0)
        sealed = get_sealed_size([len(head), *self._sizes])
        self.size = REQUEST_PREFIX_SIZE - HEADER_SIZE + sealed

    def seal(self) -> Iterator[Buffer]:
        """Yield the bytes; each part is sealed when the one before it was taken."""
        sealer, body = self.exchange.sealer, self._body
        yield self.exchange.prefix + sealer.seal(self._head, is_last=not self._sizes)
        for number, size in enumerate(self._sizes, 1):
            part: Buffer = body.read(size) if body else b""
            if len(part) != size:
                raise InvalidMessage("the input is shorter than was announced")
            yield sealer.seal(part, is_last=number == len(self._sizes))


def _talk(line: HttpExchange, path: str, sealed: _SealedRequest) -> _Answer:
    status = line.ask("POST", path, sealed.size, sealed.seal())
    if status != HTTPStatus.OK:
        return _Answer(status=status, head=_read(line, _CLEAR_BYTES))
    try:
        opener = sealed.exchange.open_response(_read(line, RESPONSE_PREFIX_SIZE))
        head = b"".join(pull_parts(opener, line.receive))
        if not head:
            opener.finish()
    except InvalidMessage as error:
        raise PeerUnreachable(error.message) from error
    return _Answer(status=status, head=head, opener=opener)


def _ask_identity(line: HttpExchange, path: str) -> bytes:
    line.ask("GET", path, 0, ())
    return _read(line, _CLEAR_BYTES)


def _read(line: HttpExchange, most: int) -> bytes:
    """Return the next bytes, fewer than asked for only at the end."""
    room, filled = memoryview(bytearray(most)), 0
    while filled < most and (count := line.receive(room[filled:])):
        filled += count
    return bytes(room[:filled])
