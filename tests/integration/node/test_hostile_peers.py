"""Whatever a peer or the line sends, the server refuses it small, soon and without harm."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pekanu.crypto.keccak import keccak256
from pekanu.node import peer_listener, peer_routes
from pekanu.node.channel import MESSAGE_SIZE, REQUEST_PREFIX_SIZE, ChannelContext, ClientExchange
from pekanu.node.channel_keys import ChannelIdentity
from pekanu.node.peer_errors import PeerUnreachable
from pekanu.node.peer_listener import PeerListener
from pekanu.node.peer_messages import (
    BlobRef,
    CiphertextRange,
    Info,
    InfoRequest,
    InputPart,
    TaskQuery,
)
from pekanu.node.peer_operations import IDENTITY_PATH, Identity, Message, Operation
from pekanu.node.peer_server import PeerLimits
from pekanu.node.peer_talk import PeerPatience
from pekanu.node.peer_wire import decode_message, encode_message
from pekanu.types import Hash32
from support.peers import CLIENT, DOMAIN, WORKER, World, build_task

TASK = build_task().id(DOMAIN)
IMPATIENT = PeerLimits(stall_seconds=0.3, greeting_seconds=1, handler_seconds=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
async def server(world: World) -> AsyncIterator[PeerListener]:
    async with world.serve(limits=IMPATIENT) as server:
        yield server


async def send(server: PeerListener, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Return all that the server answers to some bytes until it or we close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


@asynccontextmanager
async def listen(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Give the endpoint of something that is no worker."""
    ends: list[tuple[asyncio.StreamWriter, asyncio.Task[None] | None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append((writer, asyncio.current_task()))
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await talk(reader, writer)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer, _ in ends:
            writer.transport.abort()
        await asyncio.gather(*(task for _, task in ends if task))


def build_post(path: str, body: bytes, *, length: int | None = None, close: bool = True) -> bytes:
    size = len(body) if length is None else length
    end = "connection: close\r\n" if close else ""
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\n{end}content-length: {size}\r\n\r\n"
    return head.encode() + body


async def fetch_epoch(server: PeerListener) -> bytes:
    head = f"GET {IDENTITY_PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answer = await send(server, head.encode())
    identity = decode_message(Identity, answer.split(b"\r\n\r\n", 1)[1])
    return bytes.fromhex(identity.epoch)


async def begin(
    world: World,
    server: PeerListener,
    operation: Operation[Message, Message] | object,
) -> ClientExchange:
    assert isinstance(operation, Operation)
    context = ChannelContext(
        domain=DOMAIN,
        worker=WORKER.address,
        worker_key=world.identity.binding.key,
        epoch=await fetch_epoch(server),
        path=operation.context,
    )
    identity = ChannelIdentity.from_wallet(CLIENT, DOMAIN, now=time.time())
    return ClientExchange(identity, context, now=time.time())


def get_refusal(answer: bytes) -> tuple[int, str]:
    """Return status and code of a refusal in the clear, which must be small."""
    head, body = answer.split(b"\r\n\r\n", 1)
    assert len(answer) < 1000
    return int(head.split()[1]), json.loads(body)["code"]


def open_answer(exchange: ClientExchange, answer: bytes) -> list[bytes]:
    body = answer.split(b"\r\n\r\n", 1)[1]
    opener = exchange.open_response(body[:56])
    parts = [bytes(part) for part in opener.feed(body[56:])]
    opener.finish()
    return parts


async def test_request__when_it_is_right__then_it_is_answered(
    world: World, server: PeerListener
) -> None:
    exchange = await begin(world, server, peer_routes.INFO)
    body = exchange.prefix + exchange.sealer.seal(encode_message(InfoRequest()), is_last=True)
    (part,) = open_answer(exchange, await send(server, build_post("/peer/v1/info", body)))
    assert part[:1] == b"\x00"


async def test_request__when_its_bytes_are_replayed__then_refused(
    world: World, server: PeerListener
) -> None:
    exchange = await begin(world, server, peer_routes.TASK)
    message = encode_message(TaskQuery(task_id=TASK))
    wire = build_post(
        "/peer/v1/task", exchange.prefix + exchange.sealer.seal(message, is_last=True)
    )
    assert open_answer(exchange, await send(server, wire))
    assert get_refusal(await send(server, wire)) == (409, "replay")


async def test_request__when_it_is_moved_to_another_path__then_refused(
    world: World, server: PeerListener
) -> None:
    exchange = await begin(world, server, peer_routes.TASK)
    message = encode_message(TaskQuery(task_id=TASK))
    body = exchange.prefix + exchange.sealer.seal(message, is_last=True)
    assert get_refusal(await send(server, build_post("/peer/v1/key", body))) == (400, "malformed")


async def test_request__when_it_is_for_another_worker__then_refused(
    world: World, server: PeerListener
) -> None:
    exchange = await begin(world, server, peer_routes.TASK)
    world.identity = ChannelIdentity.from_wallet(WORKER, DOMAIN, now=time.time())
    async with world.serve() as other:
        context = ChannelContext(
            domain=DOMAIN,
            worker=WORKER.address,
            worker_key=bytes(range(32)),
            epoch=await fetch_epoch(other),
            path=peer_routes.TASK.context,
        )
        identity = ChannelIdentity.from_wallet(CLIENT, DOMAIN, now=time.time())
        wrong = ClientExchange(identity, context, now=time.time())
        wire = build_post("/peer/v1/task", wrong.prefix + wrong.sealer.seal(b"{}", is_last=True))
        assert get_refusal(await send(other, wire)) == (400, "malformed")
        stale = exchange.prefix + exchange.sealer.seal(b"{}", is_last=True)
        assert get_refusal(await send(other, build_post("/peer/v1/task", stale))) == (401, "epoch")


@pytest.mark.parametrize(
    "body",
    [b"", b"x", bytes(REQUEST_PREFIX_SIZE - 1), bytes(REQUEST_PREFIX_SIZE), b"PKN1" + bytes(500)],
)
async def test_request__when_its_body_is_nonsense__then_refused(
    server: PeerListener, body: bytes
) -> None:
    status, code = get_refusal(await send(server, build_post("/peer/v1/quote", body)))
    assert (status, code) in {(400, "malformed"), (401, "epoch")}


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", b"400"),
        (b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"404"),
        (b"GET /peer/v1/quote HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"405"),
        (b"POST /peer/v1/quote HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"411"),
        (build_post("/peer/v1/nothing", b"x"), b"404"),
        (build_post("/peer/v1/../v1/quote", b"x"), b"404"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", b"400"),
        (
            b"POST /peer/v1/quote HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
            b"411",
        ),
    ],
)
async def test_request__when_http_is_wrong__then_refused(
    server: PeerListener, wire: bytes, status: bytes
) -> None:
    answer = await send(server, wire)
    assert answer.split(b" ")[1] == status
    assert len(answer) < 1000


@pytest.mark.parametrize("line", [b"x: y\r\n", b"y"])
async def test_request__when_its_head_has_no_end__then_cut_off(
    server: PeerListener, line: bytes
) -> None:
    pieces = [b"GET / HTTP/1.1\r\nx: ", *[line * 1000] * 40]
    answer = await send(server, *pieces, pause=0.01)
    # The answer is lost where bytes are still on their way when the connection ends.
    assert answer == b"" or answer.split(b" ")[1] == b"400"


@pytest.mark.parametrize("length", [MESSAGE_SIZE + 1000, 10**11, 10**18])
async def test_request__when_it_announces_too_much__then_refused_unread(
    server: PeerListener, length: int
) -> None:
    wire = build_post("/peer/v1/quote", b"x", length=length)
    assert get_refusal(await send(server, wire))[0] in {411, 413}


@pytest.mark.parametrize("keep", [1, 100, REQUEST_PREFIX_SIZE, -1])
async def test_request__when_it_is_cut_off__then_nothing_happens(
    world: World, server: PeerListener, keep: int
) -> None:
    exchange = await begin(world, server, peer_routes.TASK)
    message = encode_message(TaskQuery(task_id=TASK))
    body = exchange.prefix + exchange.sealer.seal(message, is_last=True)
    wire = build_post("/peer/v1/task", body[:keep], length=len(body))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(wire)
    writer.write_eof()
    answer = await reader.read()
    writer.transport.abort()
    assert answer == b"" or get_refusal(answer)[0] in {400, 408}


async def test_request__when_its_stream_has_no_end__then_refused(
    world: World, server: PeerListener
) -> None:
    exchange = await begin(world, server, peer_routes.TASK)
    message = encode_message(TaskQuery(task_id=TASK))
    body = exchange.prefix + exchange.sealer.seal(message, is_last=False)
    answer = await send(server, build_post("/peer/v1/task", body))
    (part,) = open_answer(exchange, answer)
    assert part[:1] == b"\x01"
    assert b"cut off" in part


async def test_request__when_data_follows_where_none_belongs__then_refused(
    world: World, server: PeerListener
) -> None:
    exchange = await begin(world, server, peer_routes.TASK)
    message = encode_message(TaskQuery(task_id=TASK))
    body = exchange.prefix + exchange.sealer.seal(message, is_last=False)
    body += exchange.sealer.seal(b"more", is_last=True)
    (part,) = open_answer(exchange, await send(server, build_post("/peer/v1/task", body)))
    assert b"too much data" in part


@pytest.mark.parametrize("text", [b"{}", b'{"task_id":"00"}', b"\x00" * 100])
async def test_request__when_its_message_is_malformed__then_a_sealed_no(
    world: World, server: PeerListener, text: bytes
) -> None:
    exchange = await begin(world, server, peer_routes.TASK)
    body = exchange.prefix + exchange.sealer.seal(text, is_last=True)
    (part,) = open_answer(exchange, await send(server, build_post("/peer/v1/task", body)))
    assert json.loads(part[1:])["code"] == "malformed"


async def test_request__when_its_body_drips__then_it_is_ended(server: PeerListener) -> None:
    start = time.monotonic()
    wire = build_post("/peer/v1/quote", b"", length=500)
    answer = await send(server, wire, *[b"x"] * 40, pause=0.1)
    assert not answer or get_refusal(answer) == (408, "slow")
    assert time.monotonic() - start < 3


async def test_request__when_its_body_stops__then_it_is_ended(server: PeerListener) -> None:
    answer = await send(server, build_post("/peer/v1/quote", b"x", length=500))
    assert get_refusal(answer) == (408, "slow")


async def test_connection__when_its_head_drips__then_it_is_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_listener, "HEAD_SECONDS", 0.2)
    async with world.serve() as server:
        start = time.monotonic()
        assert await send(server, *[b"G"] * 30, pause=0.1) == b""
        assert await send(server) == b""  # and one that says nothing at all
        assert time.monotonic() - start < 8


async def test_response__when_the_peer_does_not_take_it__then_it_is_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_listener, "HEAD_SECONDS", 0.5)
    world.worker.ciphertext = bytes(16 << 20)
    async with world.serve(limits=IMPATIENT) as server:
        exchange = await begin(world, server, peer_routes.CIPHERTEXT)
        asked = CiphertextRange(task_id=TASK, offset=0, length=16 << 20)
        body = exchange.prefix + exchange.sealer.seal(encode_message(asked), is_last=True)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(build_post("/peer/v1/ciphertext", body))
        await asyncio.sleep(2.5)
        taken = 0
        try:
            while data := await reader.read(1 << 20):
                taken += len(data)
        except ConnectionError:
            pass
        writer.transport.abort()
    assert taken < 16 << 20


async def test_server__when_hundreds_of_connections_hang__then_others_are_served(
    world: World,
) -> None:
    async with world.serve() as server:
        hung = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(200)]
        async with world.dial(server.endpoint) as client:
            assert (await client.fetch_info()).worker == WORKER.address
        for _, writer in hung:
            writer.transport.abort()


async def test_server__when_all_slots_are_taken__then_busy_until_one_is_free(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, fetch_info = asyncio.Event(), world.worker.fetch_info

    async def wait() -> Info:
        await gate.wait()
        return await fetch_info()

    monkeypatch.setattr(world.worker, "fetch_info", wait)
    limits = PeerLimits(concurrent_requests=1)
    async with world.serve(limits=limits) as server, world.dial(server.endpoint) as client:
        first = asyncio.create_task(client.fetch_info())
        await asyncio.sleep(0.2)
        exchange = await begin(world, server, peer_routes.TASK)
        message = encode_message(TaskQuery(task_id=TASK))
        body = exchange.prefix + exchange.sealer.seal(message, is_last=True)
        assert get_refusal(await send(server, build_post("/peer/v1/task", body))) == (503, "busy")
        second = asyncio.create_task(client.fetch_status(TASK))
        await asyncio.sleep(0.2)
        gate.set()
        await asyncio.gather(first, second)  # the client tried again by itself


async def test_upload__when_an_offset_leaps_ahead__then_refused(
    world: World, server: PeerListener
) -> None:
    blob = BlobRef(blob_id=keccak256(b"abc"), size=3)
    exchange = await begin(world, server, peer_routes.INPUT)
    asked = encode_message(InputPart(blob=blob, offset=2))
    body = exchange.prefix + exchange.sealer.seal(asked, is_last=False)
    body += exchange.sealer.seal(b"c", is_last=True)
    (part,) = open_answer(exchange, await send(server, build_post("/peer/v1/input", body)))
    assert json.loads(part[1:])["code"] == "offset"


async def test_client__when_the_line_forges_or_cuts_the_answer__then_unreachable(
    world: World, server: PeerListener
) -> None:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            (int(line[16:]) for line in head.lower().split(b"\r\n") if b"content-length:" in line),
            0,
        )
        is_sealed = b"/identity" not in head
        head = head.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        far_writer.write(head + await reader.readexactly(size))
        answer = bytearray(await far_reader.read())
        if is_sealed:
            answer[-1] ^= 1
        writer.write(bytes(answer))
        await writer.drain()
        writer.close()
        far_writer.transport.abort()

    patience = PeerPatience(patience_seconds=0.5)
    async with listen(relay) as endpoint, world.dial(endpoint, patience=patience) as client:
        with pytest.raises(PeerUnreachable, match="forged"):
            await client.fetch_info()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000,
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n",
        b"\xff" * 1000,
    ],
)
async def test_client__when_something_else_answers__then_unreachable(
    world: World, answer: bytes
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    patience = PeerPatience(patience_seconds=0.3)
    async with listen(talk) as endpoint, world.dial(endpoint, patience=patience) as client:
        with pytest.raises(PeerUnreachable):
            await client.fetch_info()


async def test_client__when_the_worker_is_silent__then_unreachable_in_time(world: World) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    patience = PeerPatience(patience_seconds=0.3, read_seconds=0.3)
    start = time.monotonic()
    async with listen(hang) as endpoint, world.dial(endpoint, patience=patience) as client:
        with pytest.raises(PeerUnreachable):
            await client.upload_input(BlobRef(blob_id=Hash32(bytes(32)), size=1), io.BytesIO(b"x"))
    assert time.monotonic() - start < 5
