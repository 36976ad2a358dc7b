"""Fixtures that many tests share: one development chain with the market on it.

One anvil serves the session; each test begins from the same snapshot and leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from pekanu.chain import (
    Account,
    AddressBook,
    Connection,
    Devnet,
    MemoryPendingStore,
    Sender,
    deploy,
)


@pytest.fixture(scope="session")
def session_devnet() -> Iterator[Devnet]:
    """The anvil of the whole session; tests take `devnet` in its place."""
    with Devnet() as devnet:
        yield devnet


@pytest.fixture(scope="session")
def market_book(session_devnet: Devnet) -> AddressBook:
    """Where the contracts are on the development chain; the last account paid for them."""

    async def run() -> AddressBook:
        async with Connection.open(session_devnet.rpc) as chain:
            sender = Sender(chain, session_devnet.accounts[-1], MemoryPendingStore())
            return await deploy(sender)

    return asyncio.run(run())


@pytest.fixture
def devnet(session_devnet: Devnet, market_book: AddressBook) -> Iterator[Devnet]:  # noqa: ARG001
    """A development chain with the market, as fresh as at the session's beginning."""
    snapshot = session_devnet.snapshot()
    yield session_devnet
    session_devnet.request("anvil_dropAllTransactions")
    session_devnet.set_automine(True)
    session_devnet.revert(snapshot)


@pytest.fixture
def accounts(devnet: Devnet) -> tuple[Account, ...]:
    """Ten accounts with 10,000 ether each, nearly all of it in the last."""
    return devnet.accounts


@pytest.fixture
async def chain(devnet: Devnet) -> AsyncIterator[Connection]:
    """A connection to the development chain."""
    async with Connection.open(devnet.rpc, expected_chain_id=devnet.chain_id) as connection:
        yield connection
