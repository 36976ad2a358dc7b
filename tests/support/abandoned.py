"""A task on chain whose worker accepted it and does nothing more."""

from __future__ import annotations

from pekanu.chain import (
    Account,
    AddressBook,
    Connection,
    Devnet,
    MarketContract,
    MemoryPendingStore,
    Sender,
)
from pekanu.market.task import Task
from pekanu.types import Hash32, Seconds, Wei


async def abandon(devnet: Devnet, book: AddressBook, client: Account, worker: Account) -> Hash32:
    """Return the id of a task that its worker accepted and forgot."""
    async with Connection.open(devnet.rpc) as chain:
        market = MarketContract(chain, book.market.address)
        task = Task(
            client=client.address,
            terms=Hash32(b"\x11" * 32),
            price=Wei(10**15),
            stake=Wei(10**15),
            offered_until=Seconds(await chain.get_time() + 600),
            compute_window=Seconds(600),
            audit_window=Seconds(600),
            response_window=Seconds(600),
            chunk_fee=Wei(0),
            salt=Hash32(b"\x22" * 32),
        )
        for account, call in ((client, market.post(task)), (worker, market.accept(task))):
            await Sender(chain, account, MemoryPendingStore()).send(call, key=call.name)
        return task.id(market.domain)
