"""Following a provider's contract: whoever hurries the watch does not wait for its next turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from pekanu.chain import Account, Connection, Devnet
from pekanu.chain.storage_events import Paid
from pekanu.node.storage import server_watch
from pekanu.node.storage.server_watch import ServerWatch
from support.storage import Depot, put, wait_for


class _SlowChain(Connection):
    @property
    def poll_seconds(self) -> float:
        return 3600.0


async def test_hurry__when_the_next_turn_is_far__then_the_news_are_read(
    depot: Depot,
    devnet: Devnet,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_watch, "_LEAST_REST", 0)
    storer = await depot.open_storer(accounts[0])
    (tmp_path / "file").write_bytes(b"some bytes")
    async with _SlowChain.open(devnet.rpc, expected_chain_id=devnet.chain_id) as chain:
        first_block = await chain.fetch_block_number() + 1
        watch = ServerWatch(chain, depot.provider.shop.server.address, first_block=first_block)
        async with watch.running():
            stored = await put(storer, tmp_path / "file")
            assert watch.find(stored.agreement_id, Paid) is None
            watch.hurry()
            await wait_for(lambda: watch.find(stored.agreement_id, Paid) is not None)
