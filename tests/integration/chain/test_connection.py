"""Connections: the right chain, or one clear sentence."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pekanu.chain import Connection, ConnectionOptions, Devnet, RpcError, Unreachable
from pekanu.errors import UsageError, WrongChain

FAST = ConnectionOptions(timeout_seconds=2, backoff_seconds=0.01)
Answer = tuple[int, bytes]


@contextmanager
def serve(answer: Callable[[int], Answer]) -> Iterator[str]:
    """A server whose n-th answer is given by a function of n."""
    count = 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal count
            self.rfile.read(int(self.headers["Content-Length"]))
            count += 1
            status, body = answer(count)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


CHAIN_7 = json.dumps({"jsonrpc": "2.0", "id": 1, "result": "0x7"}).encode()


async def test_open__when_the_chain_is_the_expected__gives_its_time(devnet: Devnet) -> None:
    async with Connection.open(devnet.rpc, expected_chain_id=devnet.chain_id) as chain:
        before = await chain.get_time()
        after = devnet.advance_time(100)

        assert after >= before + 100
        assert await chain.get_time() == after


async def test_open__when_it_is_another_chain__is_refused(devnet: Devnet) -> None:
    with pytest.raises(WrongChain, match=f"is chain {devnet.chain_id}, not 1"):
        async with Connection.open(devnet.rpc, expected_chain_id=1):
            pass


async def test_open__when_nothing_answers__says_so() -> None:
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1 does not answer"):
        async with Connection.open("http://user:secret@127.0.0.1:1/key", options=FAST):
            pass


@pytest.mark.parametrize("rpc", ["ws://127.0.0.1:1", "devnet", ""])
async def test_open__when_the_url_is_no_http__is_refused(rpc: str) -> None:
    with pytest.raises(UsageError):
        async with Connection.open(rpc):
            pass


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[]", b"7", b"{}", b'{"result'])
async def test_open__when_no_ethereum_node_answers__says_so(body: bytes) -> None:
    with (
        serve(lambda _: (200, body)) as rpc,
        pytest.raises(Unreachable, match="no Ethereum node"),
    ):
        async with Connection.open(rpc, options=FAST):
            pass


async def test_request__when_the_node_stumbles__asks_again() -> None:
    with serve(lambda count: (503, b"") if count < 4 else (200, CHAIN_7)) as rpc:
        async with Connection.open(rpc, options=FAST) as chain:
            assert chain.chain_id == 7


async def test_request__when_the_node_never_recovers__gives_up() -> None:
    with serve(lambda _: (503, b"")) as rpc, pytest.raises(Unreachable):
        async with Connection.open(rpc, options=FAST):
            pass


async def test_request_once__when_the_node_stumbles__does_not_ask_again() -> None:
    with serve(lambda count: (200, CHAIN_7) if count == 1 else (503, b"")) as rpc:
        async with Connection.open(rpc, options=FAST) as chain:
            with pytest.raises(Unreachable):
                await chain.request_once("eth_sendRawTransaction", "0x")


async def test_request__when_the_node_refuses__keeps_its_words(chain: Connection) -> None:
    with pytest.raises(RpcError, match="refuses no_such_method") as caught:
        await chain.request("no_such_method")

    assert caught.value.code == -32601


async def test_request__when_an_earlier_one_was_cancelled__is_answered(chain: Connection) -> None:
    for pause in (0.0, 0.0005, 0.001, 0.002):
        asking = [asyncio.create_task(chain.fetch_block_number()) for _ in range(20)]
        await asyncio.sleep(pause)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async with asyncio.timeout(5):
        assert await chain.fetch_block_number() > 0
