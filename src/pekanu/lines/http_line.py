"""HTTP to one server by blocking connections, for threads that the event loop can end.

Bulk data goes straight between sockets and the buffers where it is sealed or opened; an event loop
hands it on in small pieces, which took longer than all cryptography. Not here: what is said
(`pekanu.node.peer_line`, `pekanu.chain.rpc_session`).
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final, TypeVar
from urllib.parse import unquote, urlsplit

from pekanu.lines.breaking import Breaker

ResultT = TypeVar("ResultT")

#: What a step of an exchange raises where the line fails.
BROKEN: Final = (OSError, HTTPException)


class HttpExchange:
    """One request and its response. Its methods block; they are for one thread after the other.

    They raise what is in `BROKEN`.
    """

    def __init__(
        self, connection: HTTPConnection, headers: Mapping[str, str], read_seconds: float
    ) -> None:
        """Send nothing yet."""
        self.connection, self._headers, self._read_seconds = connection, headers, read_seconds
        self._response: HTTPResponse | None = None
        self._is_sent = False
        self._breaker = Breaker(self._get_socket, self._close)

    @property
    def is_read(self) -> bool:
        """Whether the response was read to its end."""
        return self._response is not None and self._response.isclosed()

    @property
    def is_over(self) -> bool:
        """Whether the connection can be used again."""
        return self._is_sent and self.is_read and self.connection.sock is not None

    def ask(
        self, method: str, path: str, size: int, parts: Iterable[bytes | bytearray | memoryview]
    ) -> int:
        """Send a request and return the response's status.

        Args:
            method: Such as ``POST``.
            path: With the query.
            size: Bytes of the body.
            parts: The body; its errors are passed on.
        """
        with self._breaker.using():
            if self.connection.sock is None:
                self.connection.connect()
                self._breaker.check()
            self.connection.sock.settimeout(self._read_seconds)
            self.connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in self._headers.items():
                self.connection.putheader(name, value)
            if size:
                self.connection.putheader("Content-Length", str(size))
            self.connection.endheaders()
            # A server may refuse what it has not read to its end, and says why.
            with suppress(BrokenPipeError, ConnectionResetError):
                for part in parts:
                    self.connection.send(part)
                self._is_sent = True
            self._response = self.connection.getresponse()
            return self._response.status

    def receive(self, room: memoryview) -> int:
        """Put the next bytes of the response into some room; return how many, 0 at its end."""
        with self._breaker.using():
            return self._response.readinto(room) if self._response is not None else 0

    def end(self) -> None:
        """Break off; a thread that waits gets an error. For any thread."""
        self._breaker.end()

    def _close(self) -> None:
        if self._response is not None:
            self._response.close()  # it may be all that holds the connection
        self.connection.close()

    def _get_socket(self) -> socket.socket | None:
        sock: socket.socket | None = self.connection.sock
        return sock


class HttpLine:
    """Connections to one server; idle ones are used again.

    Args:
        url: Tells the server, and a name and password for it; its path is the caller's affair.
        connect_seconds: Longest wait for a connection.
        read_seconds: Longest wait for a byte.
        most: Requests at once; others wait.
        is_certified: Whether a server behind TLS has to show a certificate.

    Raises:
        ValueError: It is no URL of HTTP.
    """

    def __init__(
        self,
        url: str,
        *,
        connect_seconds: float,
        read_seconds: float,
        most: int,
        is_certified: bool = True,
    ) -> None:
        """Connect to nothing yet."""
        parts = self.url = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("no URL of HTTP")
        self._host, self._port = parts.hostname, parts.port
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds
        self._context = _build_context(is_certified) if parts.scheme == "https" else None
        self.headers: dict[str, str] = {}
        if parts.username or parts.password:
            secret = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
            self.headers["Authorization"] = f"Basic {b64encode(secret.encode()).decode()}"
        self._pool = ThreadPoolExecutor(most, "pekanu-http")
        self._turns, self._idle = asyncio.Semaphore(most), list[HTTPConnection]()
        self._is_closed = False

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[HttpExchange, None]:
        """Give an exchange; what is not over when the context closes is broken off."""
        async with self._turns:
            exchange = HttpExchange(self._take(), self.headers, self._read_seconds)
            try:
                yield exchange
            finally:
                if exchange.is_over and not self._is_closed:
                    self._idle.append(exchange.connection)
                else:
                    exchange.end()

    async def run(self, step: Callable[..., ResultT], *arguments: object) -> ResultT:
        """Return what a blocking step gives; cancelled, it goes on until its exchange ends."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, step, *arguments)

    def close(self) -> None:
        """Close the connections; one that is in use is closed behind its exchange."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()
        self._pool.shutdown(wait=False)

    def _take(self) -> HTTPConnection:
        while self._idle:
            connection = self._idle.pop()
            if not _is_readable(connection.sock):
                return connection
            connection.close()  # the server has closed it, or says what nobody asked
        if self._context is not None:
            return HTTPSConnection(
                self._host, self._port, timeout=self._connect_seconds, context=self._context
            )
        return HTTPConnection(self._host, self._port, timeout=self._connect_seconds)


def _is_readable(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _build_context(is_certified: bool) -> ssl.SSLContext:  # noqa: FBT001 - one caller, above
    context = ssl.create_default_context()
    if not is_certified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
