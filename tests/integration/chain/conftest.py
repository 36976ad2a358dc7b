"""What the chain's tests share beside the development chain."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pekanu.chain import (
    Account,
    AddressBook,
    Connection,
    MarketContract,
    MemoryPendingStore,
    Sender,
    SenderOptions,
)
from pekanu.market.task import Task
from pekanu.types import Hash32, Seconds, Wei

SendersMaker = Callable[..., Sender]


@pytest.fixture
def market(chain: Connection, market_book: AddressBook) -> MarketContract:
    return MarketContract(chain, market_book.market.address)


@pytest.fixture
def store() -> MemoryPendingStore:
    return MemoryPendingStore()


@pytest.fixture
def sender(chain: Connection, accounts: tuple[Account, ...], store: MemoryPendingStore) -> Sender:
    return Sender(chain, accounts[0], store)


@pytest.fixture
def impatient(
    chain: Connection, accounts: tuple[Account, ...], store: MemoryPendingStore
) -> Sender:
    """A sender that bumps and broadcasts again after a moment."""
    options = SenderOptions(bump_seconds=0.1, rebroadcast_seconds=0.05)
    return Sender(chain, accounts[0], store, options)


@pytest.fixture
async def task(chain: Connection, accounts: tuple[Account, ...]) -> Task:
    """A task of the first account, offered for an hour."""
    return Task(
        client=accounts[0].address,
        terms=Hash32(b"\x01" * 32),
        price=Wei(10**18),
        stake=Wei(5 * 10**17),
        offered_until=Seconds(await chain.get_time() + 3600),
        compute_window=Seconds(600),
        audit_window=Seconds(600),
        response_window=Seconds(600),
        chunk_fee=Wei(10**12),
        salt=Hash32(b"\x02" * 32),
    )
