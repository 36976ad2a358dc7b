"""The process that listens for peers: uvicorn in the running loop, hardened against slow peers.

uvicorn bounds how long an idle connection lives, but neither how long a request's head may drip
in nor how long it is; `_ImpatientProtocol` does. What is not here: what is served (`peer_server`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

import uvicorn
from httptools import HttpParserError, HttpRequestParser
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from pekanu.errors import UsageError
from pekanu.node.body_socket import (
    ANSWER_EXTENSION,
    BODY_EXTENSION,
    LENT_BYTES,
    AnswerSocket,
    BodySocket,
)

#: Seconds for a request's head to arrive, and between requests; at most twice that is given.
HEAD_SECONDS: Final = 10.0
#: Bytes of a request's head, at most.
_HEAD_BYTES: Final = 1 << 14


class _ImpatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 that looks at each connection now and then, and ends the ones that only wait."""

    _visit: asyncio.TimerHandle | None = None
    _seen_cycle: object = None
    #: Bytes of a head that is not complete yet.
    _head_bytes: int = 0
    _is_head: bool = True
    #: Whether a request came to its end in the data at hand.
    _has_ended: bool = False
    #: Bytes of a body that have not come.
    _body_left: int = 0

    def connection_made(  # type: ignore[override] # uvicorn narrows it likewise
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self._visit = self.loop.call_later(HEAD_SECONDS, self._look)

    def data_received(self, data: bytes) -> None:
        self._has_ended = False
        super().data_received(data)
        self._head_bytes += len(data) if self._is_head and not self._has_ended else 0
        if self._head_bytes > _HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > _HEAD_BYTES:
            raise HttpParserError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_head = False
        super().on_headers_complete()
        lengths = [value for name, value in self.headers if name == b"content-length"]
        self._body_left = int(lengths[0]) if lengths and lengths[0].isdigit() else 0
        cycle = self.cycle
        self.scope["extensions"] = {
            # ASGI allows any.
            BODY_EXTENSION: lambda wait: self._lend_body(cycle, wait),  # type: ignore[dict-item]
            ANSWER_EXTENSION: lambda wait: self._lend_answer(cycle, wait),  # type: ignore[dict-item]
        }

    def on_body(self, body: bytes) -> None:
        self._body_left -= len(body)
        super().on_body(body)

    def _lend_body(
        self, cycle: RequestResponseCycle, stall_seconds: float
    ) -> tuple[bytes, BodySocket] | None:
        """Stop reading, and return what has come of the body and the connection with the rest.

        The parser sees nothing of that, so unless it is read to its end the connection ends with
        the answer. None where the loop has the body, or has to decrypt it.
        """
        is_coming = cycle is self.cycle and not cycle.disconnected
        if not is_coming or self._body_left < LENT_BYTES or self.scheme != "http":
            return None
        self.flow.pause_reading()
        come, cycle.body = bytes(cycle.body), bytearray()
        keeps_alive, cycle.keep_alive = cycle.keep_alive, False

        def take_back() -> None:
            if self.transport.is_closing():
                return
            self.parser = HttpRequestParser(self)
            cycle.keep_alive = keeps_alive
            self.on_message_complete()

        return come, BodySocket(self._handle, self._body_left, stall_seconds, take_back)

    def _lend_answer(
        self, cycle: RequestResponseCycle, stall_seconds: float
    ) -> AnswerSocket | None:
        """Return the connection for all but the end of an answer whose length was announced.

        None where the loop has still something to send, or must encrypt it.
        """
        is_free = not cycle.disconnected and not self.transport.get_write_buffer_size()
        if not is_free or self.transport.is_closing() or self.scheme != "http":
            return None

        def tell(sent: int) -> None:
            cycle.expected_content_length -= sent

        return AnswerSocket(self._handle, stall_seconds, tell)

    @property
    def _handle(self) -> int:
        return int(self.transport.get_extra_info("socket").fileno())

    def on_message_complete(self) -> None:
        self._is_head = self._has_ended = True
        self._head_bytes = 0
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._visit is not None:
            self._visit.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self.transport.is_closing():
            self.transport.abort()  # it was closed before, and the peer does not take the rest
            return
        if not is_answering and self.cycle is self._seen_cycle:
            self.transport.abort()
            return
        self._seen_cycle = self.cycle
        self._visit = self.loop.call_later(HEAD_SECONDS, self._look)


class _QuietServer(uvicorn.Server):
    """Leaves the process's signals to the node, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class PeerListener:
    """Serves an application while the context is open.

    Args:
        app: What `build_peer_app` returns.
        host: Address to listen on.
        port: 0 for a free one.
    """

    def __init__(self, app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Start nothing yet."""
        self._app, self._host, self._port = app, host, port
        self._server: _QuietServer | None = None
        self._task: asyncio.Task[Any] | None = None

    @property
    def port(self) -> int:
        """The port, once the context is open."""
        return self._port

    @property
    def endpoint(self) -> str:
        """The URL under which peers on this machine reach the server."""
        return f"http://{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Bind the port and begin to serve.

        Raises:
            UsageError: The port is taken or not allowed.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # The protocol by name: asyncio turns Nagle's algorithm off for no other, and an answer in
        # two pieces then waits 40 ms for the peer's delayed acknowledgement.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self._host, self._port))
        except OSError as error:
            listening.close()
            raise UsageError(
                f"cannot listen on {self._host}:{self._port}: {error.strerror}",
                hint="choose another port",
            ) from error
        self._port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            http=_ImpatientProtocol,
            ws="none",
            lifespan="off",
            loop="none",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=512,
            backlog=256,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
        )
        self._server = _QuietServer(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        await self._server.is_listening.wait()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish what is being answered, for two seconds at most, and stop."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
