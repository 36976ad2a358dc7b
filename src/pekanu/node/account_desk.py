"""A desk at the market for whoever opens one: chain, address book and journal of a home at once.

What is not here: the desk (`market_desk`), and the roles that work at it (`client`, `worker`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pekanu.chain import Account, AddressBook, Connection
from pekanu.node.journal import open_journal
from pekanu.node.market_desk import MarketDesk, open_desk


@asynccontextmanager
async def open_account_desk(
    home: Path,
    rpc: str,
    account: Account,
    *,
    purpose: str,
    confirmations: int = 1,
    with_referees: bool = True,
) -> AsyncIterator[MarketDesk]:
    """Yield an account's desk at the market that a home knows.

    Args:
        home: Holds address books and journal.
        rpc: JSON-RPC URL of the chain.
        account: Who deals; no other process may at the same time.
        purpose: What this process does, told to those who find the account taken.
        confirmations: Blocks that must hold what is relied on.
        with_referees: Whether the account may come before them.

    Raises:
        ChainError: The chain does not answer, or no known market stands there.
        JournalError: Another process holds the account.
    """
    async with Connection.open(rpc) as chain:
        book = AddressBook.load(home, chain.chain_id)
        with open_journal(home / "journal.db", account.address, purpose=purpose) as journal:
            async with open_desk(
                chain,
                account,
                journal,
                book,
                confirmations=confirmations,
                with_referees=with_referees,
            ) as desk:
                yield desk
