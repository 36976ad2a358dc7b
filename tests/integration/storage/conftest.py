"""A depot for each test: a provider at work on a fresh chain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from support.nodes import open_town
from support.storage import Depot, hurry, open_depot


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for long before it looks again, or sends again."""
    hurry(monkeypatch.setattr)


@pytest.fixture
async def depot(
    devnet: Devnet, market_book: AddressBook, accounts: tuple[Account, ...], tmp_path: Path
) -> AsyncIterator[Depot]:
    async with (
        open_town(devnet, market_book, tmp_path / "home") as town,
        open_depot(town, accounts[1]) as found,
    ):
        yield found
