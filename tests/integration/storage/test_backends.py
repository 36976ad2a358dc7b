"""A provider whose packs lie in a real S3 server: the same promises as with a folder."""

from __future__ import annotations

import random
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.node.provider.provider import ProviderOptions
from pekanu.node.storage.keeping import await_answer, challenge, give_back
from pekanu.node.storage.reading import get_object
from support.nodes import open_town
from support.storage import TERMS, open_depot, put, wait_for


async def test_put__when_packs_lie_in_s3__then_kept_shown_and_deleted_there(
    devnet: Devnet,
    market_book: AddressBook,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        for name, value in {
            "AWS_ENDPOINT": endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        async with httpx.AsyncClient() as http:
            (await http.put(f"{endpoint}/packs-of-a-provider")).raise_for_status()
        options = ProviderOptions(
            terms=TERMS, retracts=False, store="s3://packs-of-a-provider/here"
        )
        async with (
            open_town(devnet, market_book, tmp_path / "home") as town,
            open_depot(town, accounts[1], options=options) as depot,
        ):
            storer = await depot.open_storer(accounts[0])
            path = tmp_path / "file"
            path.write_bytes(random.Random(3).randbytes(14_000_000))
            stored = await put(storer, path)
            vault = depot.provider.shop.vault
            assert len(list(vault._store.list())) >= 2
            await get_object(storer, stored.shared_link, tmp_path / "back")
            assert (tmp_path / "back").read_bytes() == path.read_bytes()
            seen = await challenge(storer, stored, chunk=2, leaf=5)
            answered = await await_answer(storer, stored, seen, timeout_seconds=60)
            assert answered.is_answered
            await give_back(storer, stored)
            await wait_for(lambda: not list(vault._store.list()))
    finally:
        server.stop()
