"""Deployment and the address book: other code is never taken for ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pekanu.chain import AddressBook, Call, Connection, MemoryPendingStore, Sender, deploy
from pekanu.chain.deploy import DEPLOYED
from pekanu.errors import ChainError, NotDeployed
from pekanu.types import ZERO_ADDRESS, Hash32


async def test_deploy__when_done__the_book_holds_on_its_chain(
    sender: Sender, chain: Connection, tmp_path: Path
) -> None:
    book = await deploy(sender)
    path = book.save(tmp_path)

    assert path == tmp_path / "chains" / f"{chain.chain_id}.json"
    loaded = AddressBook.load(tmp_path, chain.chain_id)
    assert loaded == book
    await loaded.verify(chain)
    assert list(path.parent.iterdir()) == [path]


class BreakingSender(Sender):
    """Breaks off at the market."""

    async def send(self, call: Call, *, key: str, confirmations: int | None = None):  # type: ignore[no-untyped-def]  # noqa: ANN201
        if key.endswith("Market"):
            raise ChainError("broken off")
        return await super().send(call, key=key, confirmations=confirmations)


async def test_deploy__when_it_was_broken_off__goes_on(
    sender: Sender, chain: Connection, store: MemoryPendingStore
) -> None:
    with pytest.raises(ChainError, match="broken off"):
        await deploy(BreakingSender(chain, sender.account, store))

    book = await deploy(sender)

    await book.verify(chain)
    nonce = await chain.request("eth_getTransactionCount", sender.account.address, "latest")
    assert int(nonce, 16) == len(DEPLOYED)


async def test_verify__when_other_code_stands_there__is_refused(
    chain: Connection, market_book: AddressBook
) -> None:
    moved = replace(market_book.market, address=market_book["SealCheck"].address)
    nothing = replace(market_book.market, address=ZERO_ADDRESS)
    changed = replace(market_book.market, code_hash=Hash32(b"\x01" * 32))

    await market_book.verify(chain)
    for wrong in (moved, nothing, changed):
        book = replace(market_book, contracts={"Market": wrong})
        with pytest.raises(NotDeployed, match="is not that of Market"):
            await book.verify(chain)


async def test_verify__when_it_is_another_chains_book__is_refused(
    chain: Connection, market_book: AddressBook
) -> None:
    with pytest.raises(NotDeployed, match="of chain 1, not of"):
        await replace(market_book, chain_id=1).verify(chain)


def test_load__when_there_is_none__says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotDeployed) as caught:
        AddressBook.load(tmp_path, 5)

    assert "pekanu deploy" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"chain_id": 6, "contracts": {}}',
        '{"chain_id": 5, "contracts": {"Market": {"address": "0x12"}}}',
        '{"chain_id": 5, "contracts": []}',
    ],
)
def test_load__when_the_file_is_damaged__says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "chains" / "5.json"
    path.parent.mkdir()
    path.write_text(text)

    with pytest.raises(NotDeployed, match="is not an address book of chain 5"):
        AddressBook.load(tmp_path, 5)


def test_book__when_it_lacks_a_contract__says_so() -> None:
    with pytest.raises(NotDeployed, match="has no Market"):
        _ = AddressBook(chain_id=5, contracts={}).market
