"""One line to one worker: a sealed request out, an opened response back.

What is not here: which requests there are and when to repeat them (`peer_client`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, Generic, TypeVar

import httpx

from pekanu.errors import InvalidMessage, InvalidProof
from pekanu.json_text import parse_json
from pekanu.market.task import MarketDomain
from pekanu.node import peer_routes as routes
from pekanu.node.channel import (
    EPOCH_SIZE,
    REQUEST_PREFIX_SIZE,
    RESPONSE_PREFIX_SIZE,
    ChannelContext,
    ClientExchange,
)
from pekanu.node.channel_keys import ChannelBinding, ChannelIdentity
from pekanu.node.channel_stream import HEADER_SIZE, PART_SIZE, get_sealed_size
from pekanu.node.peer_errors import PeerImpostor, PeerRefused, PeerUnreachable
from pekanu.node.peer_messages import Message, Refusal
from pekanu.node.peer_wire import decode_message, encode_message
from pekanu.types import Address

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)
HeadT = TypeVar("HeadT", bound=Message)

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

    def __init__(self, head: HeadT, parts: AsyncIterator[bytes]) -> None:
        """Keep the message and what follows."""
        self.head, self._parts = head, parts

    async def read_body(self, size: int) -> AsyncIterator[bytes]:
        """Yield the bulk data.

        Raises:
            InvalidMessage: It is not exactly `size` bytes.
        """
        left = size
        async for part in self._parts:
            left -= len(part)
            if left < 0:
                break
            yield part
        if left:
            raise InvalidMessage("the worker's answer has another length than it says")


class PeerLine:
    """Seals, sends, receives and opens; the worker's running process is learnt when needed.

    Args:
        address: The worker.
        identity: One's own channel key.
        http: The connections.
        clock: Wall clock in seconds.
    """

    def __init__(
        self,
        address: PeerAddress,
        identity: ChannelIdentity,
        http: httpx.AsyncClient,
        clock: Callable[[], float],
    ) -> None:
        """Send nothing yet."""
        self._address, self._identity, self._http = address, identity, http
        self._clock, self._epoch = clock, b""

    @asynccontextmanager
    async def call(
        self,
        operation: routes.Operation[RequestT, ResponseT],
        request: RequestT,
        body: tuple[BinaryIO, int] | None = None,
    ) -> AsyncGenerator[Call[ResponseT], None]:
        """Give the answer to a request while the context is open.

        Args:
            operation: What is asked.
            request: Its message.
            body: A file from whose position on so many bytes follow the request.

        Raises:
            PeerUnreachable: No answer that can be trusted comes.
            PeerRefused: The answer is no.
            PeerImpostor: Another than the worker's key answers.
            InvalidMessage: The authenticated answer breaks the protocol.
        """
        exchange = await self._begin(operation.context)
        head, size = encode_message(request), body[1] if body else 0
        whole, rest = divmod(size, PART_SIZE)
        sizes = [len(head)] + [PART_SIZE] * whole + ([rest] if rest else [])
        length = REQUEST_PREFIX_SIZE - HEADER_SIZE + get_sealed_size(sizes)
        try:
            async with self._http.stream(
                "POST",
                operation.path,
                content=_seal_request(exchange, head, body),
                headers={"content-length": str(length)},
            ) as response:
                if response.status_code != httpx.codes.OK:
                    raise await self._read_refusal(response)
                yield await _open_response(exchange, response, operation)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable() from error

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
        try:
            async with self._http.stream("GET", routes.IDENTITY_PATH) as response:
                data = await _read_clear(response)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable() from error
        try:
            identity = decode_message(routes.Identity, data)
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

    async def _read_refusal(self, response: httpx.Response) -> PeerUnreachable:
        # Nobody vouches for this text, so it decides nothing but whether to try again.
        data = await _read_clear(response)
        try:
            fields = parse_json(data)
            code, message = str(fields["code"]), str(fields["message"])[:500]
        except (ValueError, KeyError, TypeError):
            code, message = "", f"HTTP status {response.status_code}"
        if code == "epoch":
            self._epoch = b""
        return PeerUnreachable(
            f"the {self._address.label} does not talk with us: {message}",
            may_pass=code in _PASSING or response.status_code >= 500,
        )

    def _unreachable(self) -> PeerUnreachable:
        return PeerUnreachable(f"the {self._address.label} does not answer")


async def _seal_request(
    exchange: ClientExchange, head: bytes, body: tuple[BinaryIO, int] | None
) -> AsyncIterator[bytes]:
    left = body[1] if body else 0
    yield exchange.prefix + exchange.sealer.seal(head, is_last=not left)
    while body and left:
        part = body[0].read(min(PART_SIZE, left))
        left -= len(part)
        if not part:
            raise InvalidMessage("the input is shorter than was announced")
        yield exchange.sealer.seal(part, is_last=not left)


async def _open_response(
    exchange: ClientExchange,
    response: httpx.Response,
    operation: routes.Operation[RequestT, ResponseT],
) -> Call[ResponseT]:
    parts = _open_parts(exchange, response)
    head = await anext(parts, b"")
    if head[:1] == b"\x01":
        refusal = decode_message(Refusal, head[1:])
        raise PeerRefused(refusal.code, refusal.message, hint=refusal.hint or None)
    return Call(decode_message(operation.response, head[1:]), parts)


async def _open_parts(exchange: ClientExchange, response: httpx.Response) -> AsyncIterator[bytes]:
    prefix, opener = b"", None
    try:
        async for chunk in response.aiter_raw():
            data = chunk
            if opener is None:
                prefix += chunk
                if len(prefix) < RESPONSE_PREFIX_SIZE:
                    continue
                opener = exchange.open_response(prefix[:RESPONSE_PREFIX_SIZE])
                data = prefix[RESPONSE_PREFIX_SIZE:]
            for part in opener.feed(data):
                yield part
        if opener is None:
            raise PeerUnreachable("the worker's answer is cut off")
        opener.finish()
    except InvalidMessage as error:
        # Whoever sits on the line can do this: it says nothing of the worker.
        raise PeerUnreachable(error.message) from error


async def _read_clear(response: httpx.Response) -> bytes:
    data = bytearray()
    async for chunk in response.aiter_raw(_CLEAR_BYTES):
        data += chunk
        if len(data) > _CLEAR_BYTES:
            break
    return bytes(data)
