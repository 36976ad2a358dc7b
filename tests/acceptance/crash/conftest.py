"""The crash tests play on the session's development chain, from a snapshot each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pekanu.chain import AddressBook, Devnet


@pytest.fixture
def devnet(session_devnet: Devnet, market_book: AddressBook) -> Iterator[Devnet]:  # noqa: ARG001
    """A development chain with the market, as fresh as at the session's beginning."""
    snapshot = session_devnet.snapshot()
    yield session_devnet
    session_devnet.request("anvil_dropAllTransactions")
    session_devnet.revert(snapshot)
