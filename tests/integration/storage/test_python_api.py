"""Storage as Python programs use it: `client.store`, and links where files are taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from pekanu import aio
from pekanu.chain import Account
from pekanu.client import Store, _Loop
from pekanu.errors import InvalidInput, UsageError
from support.storage import Depot


async def test_store__when_used_from_python__then_puts_gets_reads_and_gives_back(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("one two two", encoding="utf-8")
    client = aio.Client(
        rpc=depot.town.devnet.rpc, account=accounts[0], home=depot.town.home, confirm=None
    )
    with pytest.raises(UsageError, match="not open"):
        _ = client.store
    async with client:
        store = client.store
        (offer,) = await store.fetch_offers(1 << 30)
        assert offer.price == offer.info.gib_month_price
        stored = await store.put(tmp_path / "notes.txt", term="1d", name="notes")
        assert [one.name for one in store.ls()] == ["notes"]
        assert await store.read("notes", 3, offset=4) == b"two"
        assert b"".join([part async for part in store.iterate("notes")]) == b"one two two"
        assert [one.path for one in (await store.contents(stored)).files] == ["notes.txt"]
        link = stored.shared_link.to_text()
        path = await store.fetch_file(link, tmp_path / "links")
        assert (path.name, path.read_bytes()) == ("notes.txt", b"one two two")
        assert await client._resolve(link, tmp_path / "more") != link
        assert (await store.verify(link)).is_good
        assert (await store.challenge("notes", chunk=0, leaf=0)).is_answered
        assert store.export_receipt("notes")["provider"] == stored.provider
        with pytest.raises(InvalidInput, match="there is no"):
            await store.put(tmp_path / "nowhere", term="1d")
        assert 0 < await store.rm("notes") <= stored.quote.terms.price


def test_store__when_called_from_a_thread__then_awaited_in_the_loop() -> None:
    class Inner:
        async def double(self, number: int) -> int:
            return 2 * number

        def plain(self) -> str:
            return "plain"

        async def iterate(self) -> object:
            for number in range(3):
                yield number

    loop = _Loop()
    store = Store(Inner(), loop)  # type: ignore[arg-type]
    assert store.double(21) == 42
    assert store.plain() == "plain"
    assert list(store.iterate()) == [0, 1, 2]
    loop.close()
