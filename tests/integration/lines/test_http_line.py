"""HTTP on threads: connections used again, ended from outside, and bounded in time."""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from pekanu.lines.http_line import BROKEN, HttpExchange, HttpLine

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


class Server:
    """Answers each request on loopback as it is told; keeps what it read, by connection.

    Args:
        talk: Is given a connection; it is closed when this returns.
    """

    def __init__(self, talk: Callable[[Server, socket.socket], None]) -> None:
        self._talk = talk
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.connections = 0
        self.heads: list[bytes] = []
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def read_head(self, line: socket.socket) -> bytes:
        """Return a request's head; nothing when the client is gone."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = line.recv(1)
            if not byte:
                return b""
            head += byte
        self.heads.append(head)
        return head

    def close(self) -> None:
        self._listening.close()
        for line in self._open:
            line.close()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(line)
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        try:
            self._talk(self, line)
        except OSError:
            pass
        finally:
            line.close()


@contextmanager
def serve(talk: Callable[[Server, socket.socket], None]) -> Iterator[Server]:
    server = Server(talk)
    try:
        yield server
    finally:
        server.close()


def say_hello(server: Server, line: socket.socket) -> None:
    while server.read_head(line):
        line.sendall(OK)


def be_silent(server: Server, line: socket.socket) -> None:
    server.read_head(line)
    line.recv(1)


@asynccontextmanager
async def dial(url: str, *, read_seconds: float = 10.0, most: int = 4) -> AsyncIterator[HttpLine]:
    line = HttpLine(url, connect_seconds=2, read_seconds=read_seconds, most=most)
    try:
        yield line
    finally:
        line.close()


def fetch(exchange: HttpExchange, *parts: bytes) -> tuple[int, bytes]:
    size = sum(map(len, parts))
    status = exchange.ask("POST" if parts else "GET", "/a?b", size, parts)
    room, body = memoryview(bytearray(100)), b""
    while count := exchange.receive(room):
        body += room[:count]
    return status, body


async def ask(line: HttpLine, *parts: bytes) -> tuple[int, bytes]:
    async with line.open() as exchange:
        return await line.run(fetch, exchange, *parts)


async def test_open__again_and_again__then_one_connection_serves() -> None:
    with serve(say_hello) as server:
        async with dial(server.url) as line:
            for _ in range(5):
                assert await ask(line) == (200, b"hello")
        assert server.connections == 1
        assert server.heads[0].startswith(b"GET /a?b HTTP/1.1\r\nHost: 127.0.0.1")


async def test_open__several_at_once__then_no_more_than_were_allowed() -> None:
    def answer_late(server: Server, line: socket.socket) -> None:
        while server.read_head(line):
            time.sleep(0.05)
            line.sendall(OK)

    with serve(answer_late) as server:
        async with dial(server.url, most=3) as line:
            answers = await asyncio.gather(*(ask(line) for _ in range(12)))
        assert answers == [(200, b"hello")] * 12
        assert server.connections == 3


async def test_open__when_the_server_has_closed_an_idle_connection__then_another_is_made() -> None:
    def answer_once(server: Server, line: socket.socket) -> None:
        server.read_head(line)
        line.sendall(OK)

    with serve(answer_once) as server:
        async with dial(server.url) as line:
            assert await ask(line) == (200, b"hello")
            await asyncio.sleep(0.1)
            assert await ask(line) == (200, b"hello")
        assert server.connections == 2


async def test_open__when_the_answer_was_not_read_to_its_end__then_never_used_again() -> None:
    with serve(say_hello) as server:
        async with dial(server.url) as line:
            async with line.open() as exchange:
                assert await line.run(exchange.ask, "GET", "/", 0, ()) == 200
            assert await ask(line) == (200, b"hello")
        assert server.connections == 2


async def test_ask__when_the_server_refuses_before_the_end__then_its_answer_is_read() -> None:
    def refuse(server: Server, line: socket.socket) -> None:
        server.read_head(line)
        line.sendall(b"HTTP/1.1 413 Too Much\r\ncontent-length: 2\r\n\r\nno")
        line.shutdown(socket.SHUT_WR)
        # What is left unread when a connection closes makes it a reset: the answer stays readable.
        time.sleep(0.2)

    with serve(refuse) as server:
        async with dial(server.url) as line:
            assert await ask(line, *[bytes(1 << 20)] * 30) == (413, b"no")
            assert await ask(line) == (413, b"no")
        assert server.connections == 2


async def test_run__when_cancelled__then_the_thread_ends_at_once() -> None:
    with serve(be_silent) as server:
        async with dial(server.url, most=1) as line:
            for _ in range(3):
                start = time.monotonic()
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await ask(line)
                # With its only thread still waiting, nothing else could be asked.
                assert time.monotonic() - start < 2
        assert server.connections == 3


async def test_ask__when_the_server_is_silent__then_ends_in_time() -> None:
    with serve(be_silent) as server:
        async with dial(server.url, read_seconds=0.2) as line:
            with pytest.raises(TimeoutError):
                await ask(line)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000,
    ],
)
async def test_ask__when_the_answer_is_no_http__then_broken(answer: bytes) -> None:
    def talk(server: Server, line: socket.socket) -> None:
        server.read_head(line)
        line.sendall(answer)

    with serve(talk) as server:
        async with dial(server.url) as line:
            with pytest.raises(BROKEN):
                await ask(line)


async def test_ask__when_nobody_listens__then_broken() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        async with dial(f"http://127.0.0.1:{deaf.getsockname()[1]}") as line:
            with pytest.raises(OSError, match="refused"):
                await ask(line)


async def test_close__while_somebody_asks__then_the_connection_is_closed_behind_it() -> None:
    with serve(say_hello) as server:
        line = HttpLine(server.url, connect_seconds=2, read_seconds=10, most=2)
        async with line.open() as exchange:
            first = await line.run(fetch, exchange)
            line.close()
        assert first == (200, b"hello")
        assert exchange.connection.sock is None


async def test_ask__when_the_url_names_a_user__then_it_is_told_who() -> None:
    with serve(say_hello) as server:
        url = server.url.replace("http://", "http://alice:p%40ss@")
        async with dial(url) as line:
            await ask(line)
        secret = base64.b64encode(b"alice:p@ss")
        assert b"Authorization: Basic " + secret in server.heads[0]


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://x:port", "http://[", "x"])
def test_line__of_what_is_no_url__then_an_error(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        HttpLine(url, connect_seconds=1, read_seconds=1, most=1)
