"""Transfers that are broken in the middle and carried on, to the byte."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from pekanu.crypto.keccak import keccak256
from pekanu.node.blobs import BlobStore
from pekanu.node.peer_errors import PeerUnreachable
from pekanu.node.peer_messages import BlobRef
from pekanu.node.peer_talk import PeerPatience
from support.peers import DOMAIN, World, build_task

TASK = build_task().id(DOMAIN)
SIZE = 40_000_000
DATA = os.urandom(SIZE)
BLOB = BlobRef(blob_id=keccak256(DATA), size=SIZE)


class Line:
    """A relay on loopback that breaks each connection after some bytes, as often as told.

    Args:
        target: Where it leads.
        cut_after: Bytes after which a connection breaks.
        cuts: How many do.
        halt_after: Bytes after which nothing passes until `goes_on` is set.
    """

    def __init__(
        self, target: int, *, cut_after: int = 0, cuts: int = 0, halt_after: int = 1 << 60
    ) -> None:
        self._target, self._cut_after, self._cuts = target, cut_after, cuts
        self._halt_after = halt_after
        self.halted, self.goes_on = asyncio.Event(), asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._transports: list[asyncio.WriteTransport] = []

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for transport in self._transports:
            transport.abort()
        await asyncio.gather(*self._tasks)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._transports += [writer.transport, far_writer.transport]
        left = self._cut_after if self._cuts > 0 else 1 << 60
        self._cuts -= 1

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            nonlocal left
            with contextlib.suppress(ConnectionError):
                while left > 0 and (data := await source.read(65536)):
                    left -= len(data)
                    self._halt_after -= len(data)
                    if self._halt_after < 0:
                        self.halted.set()
                        await self.goes_on.wait()
                    sink.write(data)
                    await sink.drain()

        copies = [
            asyncio.create_task(copy(reader, far_writer)),
            asyncio.create_task(copy(far_reader, writer)),
        ]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in copies:
                one.cancel()
            await asyncio.wait(copies)
            writer.transport.abort()
            far_writer.transport.abort()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def transfer(
    world: World, direction: str, endpoint: str, progress: Callable[[int, int], None]
) -> None:
    patience = PeerPatience(patience_seconds=15)
    async with world.dial(endpoint, patience=patience) as client:
        if direction == "up":
            await client.upload_input(BLOB, io.BytesIO(DATA), progress=progress)
            assert world.blobs.get_path(BLOB.blob_id).read_bytes() == DATA
        else:
            target = world.folder / "got"
            await client.download_ciphertext(TASK, SIZE, target, progress=progress)
            assert target.read_bytes() == DATA


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_transfer__when_the_line_breaks_again_and_again__then_it_ends_all_the_same(
    world: World, direction: str
) -> None:
    world.worker.ciphertext = DATA
    seen: list[int] = []
    async with (
        world.serve() as server,
        Line(server.port, cut_after=5_000_000, cuts=6) as endpoint,
    ):
        await transfer(world, direction, endpoint, lambda done, _: seen.append(done))
    assert seen == sorted(seen)
    assert seen[-1] == SIZE


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_transfer__when_the_server_restarts_in_the_middle__then_it_goes_on(
    world: World, direction: str
) -> None:
    world.worker.ciphertext = DATA
    async with AsyncExitStack() as stack:
        async with world.serve() as server:
            port = server.port
            line = Line(port, halt_after=SIZE // 2)
            endpoint = await stack.enter_async_context(line)
            running = asyncio.create_task(transfer(world, direction, endpoint, lambda *_: None))
            await line.halted.wait()
        assert not running.done()
        line.goes_on.set()
        # As a restarted process would: all that it knows is on disk.
        world.blobs = BlobStore(world.folder / "store", clock=world.clock)
        async with world.serve(port=port):
            await running


async def test_download__when_the_client_restarts__then_it_fetches_the_rest_only(
    world: World,
) -> None:
    world.worker.ciphertext = DATA
    target = world.folder / "got"
    target.write_bytes(DATA[: SIZE - 10])
    seen: list[int] = []
    async with world.serve() as server:
        await transfer(world, "down", server.endpoint, lambda done, _: seen.append(done))
    assert seen == [SIZE]


async def test_upload__when_it_is_made_again__then_nothing_is_sent(world: World) -> None:
    seen: list[int] = []
    async with world.serve() as server:
        for _ in range(2):
            await transfer(world, "up", server.endpoint, lambda done, _: seen.append(done))
    assert seen.count(SIZE) == 1


async def test_transfer__when_the_line_never_holds__then_unreachable_in_time(
    world: World,
) -> None:
    async def attempt(call: Callable[[], Awaitable[None]]) -> float:
        start = time.monotonic()
        with pytest.raises(PeerUnreachable):
            await call()
        return time.monotonic() - start

    patience = PeerPatience(patience_seconds=1)
    async with (
        world.serve() as server,
        Line(server.port, cut_after=3000, cuts=1000) as endpoint,
        world.dial(endpoint, patience=patience) as client,
    ):
        taken = await attempt(lambda: client.upload_input(BLOB, io.BytesIO(DATA)))
    assert taken < 10
