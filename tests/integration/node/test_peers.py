"""Client and server of the peers' protocol over a real server on loopback."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidMessage
from pekanu.market.claim import Result
from pekanu.node.blobs import BlobLimits, BlobStore
from pekanu.node.peer_errors import PeerImpostor, PeerRefused, PeerUnreachable
from pekanu.node.peer_messages import (
    AcceptanceRequest,
    ApprovalNotice,
    BlobRef,
    Phase,
    QuoteRequest,
)
from pekanu.node.peer_server import PeerLimits
from pekanu.node.peer_talk import PeerPatience
from pekanu.types import ZERO_HASH
from support.peers import CLIENT, DOMAIN, PROGRAM, WORKER, Wallet, World, build_task, build_terms

TASK = build_task().id(DOMAIN)
HASTY = PeerPatience(patience_seconds=0.5, connect_seconds=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def build_request(function: str = "double") -> QuoteRequest:
    return QuoteRequest(
        function=function,
        program_id=PROGRAM,
        count=3,
        input_bytes=5,
        steps=100,
        max_steps=400,
        output_bytes=9,
    )


def get_blob(data: bytes) -> BlobRef:
    return BlobRef(blob_id=keccak256(data), size=len(data))


async def test_requests__when_all_goes_well__then_each_gets_its_answer(world: World) -> None:
    result = Result(output_root=PROGRAM, output_size=100)
    world.worker.results, world.worker.ciphertext = (result,) * 2, b"c" * 100
    data = b"input"
    async with world.serve() as server, world.dial(server.endpoint) as client:
        info = await client.fetch_info()
        assert info.worker == WORKER.address
        assert info.functions[0].program_id == PROGRAM
        quote = await client.fetch_quote(build_request())
        assert quote.price == 3 * 10**15
        await client.upload_input(get_blob(data), io.BytesIO(data))
        acceptance = await client.accept(
            AcceptanceRequest(
                task=build_task(), terms=build_terms(), function="double", input=get_blob(data)
            )
        )
        assert acceptance.worker == WORKER.address
        assert world.worker.accepted[0].task == build_task()
        assert (await client.fetch_status(TASK)).phase is Phase.EXECUTING
        delivered = await client.fetch_claim(TASK, 2)
        assert delivered.results == (result,) * 2
        assert delivered.claim.results_root == TASK
        target = world.folder / "got"
        await client.download_ciphertext(TASK, delivered.ciphertext_size, target)
        assert target.read_bytes() == b"c" * 100
        assert (await client.fetch_key(TASK)).key == 2**253
        notice = ApprovalNotice(task_id=TASK, claim_hash=ZERO_HASH, signature=bytes(65))
        assert (await client.approve(notice)).phase is Phase.FINISHED
        assert world.worker.approvals == [notice]
    assert world.blobs.get_path(keccak256(data)).read_bytes() == data


async def test_request__when_refused__then_code_sentence_and_hint_arrive(world: World) -> None:
    async with world.serve() as server, world.dial(server.endpoint) as client:
        with pytest.raises(PeerRefused, match="triple is not sold here") as caught:
            await client.fetch_quote(build_request("triple"))
    assert (caught.value.code, caught.value.hint) == ("terms", "ask another")


async def test_request__when_the_handler_has_a_bug__then_nothing_of_it_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(world.worker, "fetch_info", fail)
    async with world.serve() as server, world.dial(server.endpoint) as client:
        with pytest.raises(PeerRefused, match="failed to answer") as caught:
            await client.fetch_info()
    assert caught.value.code == "internal"


async def test_accept__when_the_input_is_not_held__then_refused(world: World) -> None:
    request = AcceptanceRequest(
        task=build_task(), terms=build_terms(), function="double", input=get_blob(b"missing")
    )
    async with world.serve() as server, world.dial(server.endpoint) as client:
        with pytest.raises(PeerRefused, match="not held"):
            await client.accept(request)
    assert world.worker.accepted == []


async def test_fetch_key__when_another_wallet_asks__then_refused(world: World) -> None:
    async with world.serve() as server, world.dial(server.endpoint, wallet=Wallet("eve")) as eve:
        with pytest.raises(PeerRefused) as caught:
            await eve.fetch_key(TASK)
    assert caught.value.code == "unknown"


async def test_fetch_claim__when_the_worker_has_another_count__then_its_fault(
    world: World,
) -> None:
    async with world.serve() as server, world.dial(server.endpoint) as client:
        with pytest.raises(InvalidMessage, match="0 items, not 1"):
            await client.fetch_claim(TASK, 1)


async def test_download__when_the_ciphertext_is_shorter_than_claimed__then_its_fault(
    world: World,
) -> None:
    world.worker.ciphertext = b"c" * 99
    async with world.serve() as server, world.dial(server.endpoint) as client:
        with pytest.raises(InvalidMessage, match="not as long"):
            await client.download_ciphertext(TASK, 100, world.folder / "got")


async def test_connect__when_nobody_answers__then_unreachable_within_the_patience(
    world: World,
) -> None:
    async with world.dial("http://127.0.0.1:1", patience=HASTY) as client:
        with pytest.raises(PeerUnreachable, match="does not answer"):
            await client.fetch_info()


@pytest.mark.parametrize("endpoint", ["", "file:///etc/passwd", "http://", "http://[", "nonsense"])
async def test_connect__when_the_announced_endpoint_is_nonsense__then_unreachable(
    world: World, endpoint: str
) -> None:
    async def ask() -> None:
        async with world.dial(endpoint, patience=HASTY) as client:
            await client.fetch_info()

    with pytest.raises(PeerUnreachable):
        await ask()


async def test_connect__when_the_key_is_not_the_announced_one__then_an_impostor(
    world: World,
) -> None:
    async with world.serve() as server, world.dial(server.endpoint, key=bytes(32)) as client:
        with pytest.raises(PeerImpostor, match="another than"):
            await client.fetch_info()


async def test_connect__when_the_worker_restarts__then_the_client_goes_on(world: World) -> None:
    async with world.serve() as server:
        port = server.port
        client = world.dial(server.endpoint)
        await client.fetch_info()
    async with world.serve(port=port), client:
        assert (await client.fetch_info()).worker == WORKER.address


async def test_upload__when_a_stranger_takes_too_much_room__then_refused(world: World) -> None:
    limits = BlobLimits(blob_bytes=1000, owner_bytes=1500, owner_blobs=2, total_bytes=2000)
    world.blobs = BlobStore(world.folder / "small", clock=world.clock, limits=limits)
    async with world.serve() as server, world.dial(server.endpoint) as client:
        await client.upload_input(get_blob(b"a" * 900), io.BytesIO(b"a" * 900))
        for data, code in ((b"b" * 1001, "quota"), (b"b" * 900, "busy")):
            with pytest.raises(PeerRefused) as caught:
                await client.upload_input(get_blob(data), io.BytesIO(data))
            assert caught.value.code == code


async def test_upload__when_the_bytes_are_others__then_refused_and_nothing_kept(
    world: World,
) -> None:
    blob = get_blob(b"a" * 3_000_000)
    async with world.serve() as server, world.dial(server.endpoint) as client:
        with pytest.raises(PeerRefused, match="do not hash"):
            await client.upload_input(blob, io.BytesIO(os.urandom(3_000_000)))
    assert not world.blobs.has(blob.blob_id)


async def test_requests__when_a_stranger_asks_too_often__then_refused_but_not_the_customer(
    world: World,
) -> None:
    limits = PeerLimits(stranger_rate=1, stranger_burst=3)
    async with (
        world.serve(limits=limits) as server,
        world.dial(server.endpoint, wallet=Wallet("eve")) as eve,
        world.dial(server.endpoint) as client,
    ):
        for _ in range(3):
            await eve.fetch_info()
        with pytest.raises(PeerRefused, match="too often"):
            await eve.fetch_info()
        for _ in range(10):
            await client.fetch_info()
    assert CLIENT.address in world.worker.customers
