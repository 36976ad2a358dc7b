"""What accounts have, looked up once a block at most."""

from __future__ import annotations

import asyncio

from pekanu.chain import Connection, MarketContract
from pekanu.types import Address, Wei
from pekanu.web.feed import ChainFeed


class Balances:
    """What accounts have, looked up once a block."""

    def __init__(self, chain: Connection, market: MarketContract, feed: ChainFeed) -> None:
        self._chain, self._market, self._feed = chain, market, feed
        self._found: dict[Address, tuple[int, Wei, Wei]] = {}

    async def fetch(self, account: Address) -> tuple[Wei, Wei]:
        """Return what is in an account's wallet, and what is free in the market."""
        found = self._found.get(account)
        if found is None or (found[0] != self._feed.block and not self._feed.problem):
            block = self._feed.block
            balance, ledger = await asyncio.gather(
                self._chain.get_balance(account), self._market.fetch_ledger(account)
            )
            self._found[account] = found = (block, balance, ledger)
            if len(self._found) > 1000:
                self._found.pop(next(iter(self._found)))
        return found[1], found[2]
