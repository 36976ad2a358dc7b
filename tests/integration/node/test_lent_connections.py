"""Long bodies and answers go between threads and sockets, and the connection survives or ends."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Self

import pytest

from pekanu.crypto.keccak import keccak256
from pekanu.node import peer_routes
from pekanu.node.channel import RESPONSE_PREFIX_SIZE, ChannelContext, ClientExchange
from pekanu.node.channel_keys import ChannelIdentity
from pekanu.node.channel_stream import PART_SIZE
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.peer_listener import PeerListener
from pekanu.node.peer_messages import BlobRef, CiphertextRange, InputPart
from pekanu.node.peer_operations import IDENTITY_PATH, PREFIX, Identity, Message, Operation
from pekanu.node.peer_server import PeerLimits
from pekanu.node.peer_wire import decode_message, encode_message
from support.peers import CLIENT, DOMAIN, WORKER, World, build_task

TASK = build_task().id(DOMAIN)
PARTS = [os.urandom(PART_SIZE) for _ in range(6)]
DATA = b"".join(PARTS)
BLOB = BlobRef(blob_id=keccak256(DATA), size=len(DATA))
IMPATIENT = PeerLimits(stall_seconds=0.5, handler_seconds=2)


class Wire:
    """A connection on which requests are made byte by byte."""

    def __init__(self, world: World, server: PeerListener) -> None:
        self._world, self._server, self._epoch = world, server, b""

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        self.writer.write(f"GET {IDENTITY_PATH} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        _, body = await self.read_answer()
        self._epoch = bytes.fromhex(decode_message(Identity, body).epoch)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    def begin(self, operation: Operation[Message, Message]) -> ClientExchange:
        context = ChannelContext(
            domain=DOMAIN,
            worker=WORKER.address,
            worker_key=self._world.identity.binding.key,
            epoch=self._epoch,
            path=operation.context,
        )
        identity = ChannelIdentity.from_wallet(CLIENT, DOMAIN, now=time.time())
        return ClientExchange(identity, context, now=time.time())

    async def send(self, operation: str, body: bytes, *, length: int | None = None) -> None:
        size = len(body) if length is None else length
        head = f"POST {PREFIX}/{operation} HTTP/1.1\r\nhost: x\r\n"
        self.writer.write(f"{head}content-length: {size}\r\n\r\n".encode() + body)
        await self.writer.drain()

    async def read_answer(self) -> tuple[bytes, bytes]:
        """Return an answer's head and body."""
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            (line,) = (one for one in head.lower().split(b"\r\n") if one.startswith(b"content-le"))
            return head, await self.reader.readexactly(int(line.split(b":")[1]))


def seal_upload(exchange: ClientExchange, offset: int = 0) -> bytes:
    asked = encode_message(InputPart(blob=BLOB, offset=offset))
    sealed = exchange.prefix + exchange.sealer.seal(asked, is_last=False)
    for number, part in enumerate(PARTS, 1):
        sealed += exchange.sealer.seal(part, is_last=number == len(PARTS))
    return sealed


def open_answer(exchange: ClientExchange, body: bytes) -> bytes:
    opener = exchange.open_response(body[:RESPONSE_PREFIX_SIZE])
    found = b"".join(opener.feed(body[RESPONSE_PREFIX_SIZE:]))
    opener.finish()
    return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_connection__behind_a_long_body__then_it_goes_on(world: World) -> None:
    async with world.serve() as server, Wire(world, server) as wire:
        exchange = wire.begin(peer_routes.INPUT)
        await wire.send("input", seal_upload(exchange))
        head, body = await wire.read_answer()
        assert json.loads(open_answer(exchange, body)[1:])["offset"] == len(DATA)
        assert b"connection: close" not in head
        # A long answer on the same connection, then a short one.
        world.worker.ciphertext = DATA
        for length in (len(DATA), 100):
            exchange = wire.begin(peer_routes.CIPHERTEXT)
            asked = encode_message(CiphertextRange(task_id=TASK, offset=0, length=length))
            await wire.send(
                "ciphertext", exchange.prefix + exchange.sealer.seal(asked, is_last=True)
            )
            _, body = await wire.read_answer()
            assert open_answer(exchange, body).endswith(DATA[:length])


async def test_body__when_the_next_request_follows_at_once__then_both_are_answered(
    world: World,
) -> None:
    async with world.serve() as server, Wire(world, server) as wire:
        first, second = wire.begin(peer_routes.INPUT), wire.begin(peer_routes.INPUT)
        question = encode_message(InputPart(blob=BLOB, offset=0))
        sent = asyncio.create_task(wire.send("input", seal_upload(first)))
        sealed = second.prefix + second.sealer.seal(question, is_last=True)
        await sent
        await wire.send("input", sealed)
        for exchange in (first, second):
            _, body = await wire.read_answer()
            assert json.loads(open_answer(exchange, body)[1:])["offset"] == len(DATA)


@pytest.mark.parametrize("place", ["part", "length", "behind"])
async def test_body__when_it_is_forged_late__then_refused_and_the_connection_ends(
    world: World, place: str
) -> None:
    async with world.serve(limits=IMPATIENT) as server, Wire(world, server) as wire:
        exchange = wire.begin(peer_routes.INPUT)
        sealed = bytearray(seal_upload(exchange))
        length = len(sealed)
        match place:
            case "part":
                sealed[-5] ^= 1
            case "length":
                sealed[-(PART_SIZE + 17) - 2] ^= 0x40
            case _:
                sealed += bytes(100)
                length += 100
        await wire.send("input", bytes(sealed), length=length)
        _, body = await wire.read_answer()
        answer = json.loads(open_answer(exchange, body)[1:])
        assert answer["code"] == "malformed"
        assert world.blobs.has(BLOB.blob_id) is (place == "behind")


@pytest.mark.parametrize("share", [0.3, 0.999])
async def test_body__when_it_stops_coming__then_refused_in_time(world: World, share: float) -> None:
    async with world.serve(limits=IMPATIENT) as server, Wire(world, server) as wire:
        sealed = seal_upload(wire.begin(peer_routes.INPUT))
        start = time.monotonic()
        await wire.send("input", sealed[: int(share * len(sealed))], length=len(sealed))
        head, _ = await wire.read_answer()
        assert head.startswith(b"HTTP/1.1 408")
        assert await wire.reader.read() == b""
        assert time.monotonic() - start < 3


async def test_body__when_it_drips__then_the_time_for_all_of_it_ends(world: World) -> None:
    limits = PeerLimits(stall_seconds=5, handler_seconds=0.5, least_rate=1 << 30)
    async with world.serve(limits=limits) as server, Wire(world, server) as wire:
        sealed = seal_upload(wire.begin(peer_routes.INPUT))
        half = len(sealed) // 2
        start = time.monotonic()
        await wire.send("input", sealed[:half], length=len(sealed))
        dripping = asyncio.create_task(drip(wire, sealed[half:]))
        head, _ = await wire.read_answer()
        dripping.cancel()
        assert head.startswith(b"HTTP/1.1 408")
        assert time.monotonic() - start < 4


async def drip(wire: Wire, data: bytes) -> None:
    for byte in data:
        wire.writer.write(bytes([byte]))
        await asyncio.sleep(0.05)


async def test_body__when_the_peer_goes_away__then_its_thread_is_free(world: World) -> None:
    async with world.serve(limits=PeerLimits(concurrent_requests=2)) as server:
        for _ in range(3):
            async with Wire(world, server) as wire:
                sealed = seal_upload(wire.begin(peer_routes.INPUT))
                await wire.send("input", sealed[: len(sealed) // 2], length=len(sealed))
        # With threads that stayed, nobody could be served any more.
        path = world.folder / "data"
        path.write_bytes(DATA)
        async with world.dial(server.endpoint) as client:
            with path.open("rb") as source:
                await client.upload_input(BLOB, source)
    assert world.blobs.has(BLOB.blob_id)


async def test_answer__when_the_peer_goes_away__then_others_are_answered(world: World) -> None:
    world.worker.ciphertext = DATA
    asked = encode_message(CiphertextRange(task_id=TASK, offset=0, length=len(DATA)))
    async with world.serve() as server:
        for _ in range(3):
            async with Wire(world, server) as wire:
                exchange = wire.begin(peer_routes.CIPHERTEXT)
                sealed = exchange.prefix + exchange.sealer.seal(asked, is_last=True)
                await wire.send("ciphertext", sealed)
                await wire.reader.readexactly(1000)
        async with world.dial(server.endpoint) as client:
            await client.download_ciphertext(TASK, len(DATA), world.folder / "got")
    assert (world.folder / "got").read_bytes() == DATA


async def test_upload__when_it_is_refused__then_the_client_hears_why(world: World) -> None:
    async with world.serve() as server, world.dial(server.endpoint) as client:
        large = BlobRef(blob_id=BLOB.blob_id, size=(1 << 30) + 1)
        with (
            (world.folder / "data").open("wb+") as source,
            pytest.raises(PeerRefused, match="too large"),
        ):
            await client.upload_input(large, source)
