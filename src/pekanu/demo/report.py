"""Who had what before and after a scene, and what each transaction cost.

All of it is read from the chain: balances, and the receipts of the scene's blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pekanu import contracts
from pekanu.chain import Connection, MarketContract
from pekanu.node.dispute_story import DisputeStory
from pekanu.types import Address, Wei

_STORAGE = ("StorageServer", "StorageClient", "StorageFactory")


@dataclass(frozen=True, kw_only=True, slots=True)
class Balance:
    """One party's money around a scene: its wallet and its free money in the market."""

    party: str
    before_wei: Wei
    after_wei: Wei
    #: Of the change, what went for gas.
    gas_wei: Wei

    @property
    def change_wei(self) -> int:
        """What the scene brought or cost, gas included."""
        return self.after_wei - self.before_wei

    @property
    def gain_wei(self) -> int:
        """What it brought or cost beside gas."""
        return self.change_wei + self.gas_wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Expense:
    """One transaction of a scene."""

    party: str
    call: str
    gas: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneReport:
    """What came of a scene."""

    title: str
    #: What happened, a sentence each.
    story: tuple[str, ...]
    #: The task's last status, by name.
    ending: str
    balances: tuple[Balance, ...]
    expenses: tuple[Expense, ...]
    #: Seconds of work, without the chain time that was skipped.
    seconds: float
    #: The dispute about the task, if there was one.
    dispute: DisputeStory | None = None


class Bookkeeper:
    """Counts the money of some parties from one block on.

    Args:
        chain: The chain.
        market: The market, where free money lies as well.
        parties: Addresses by name.
    """

    def __init__(
        self, chain: Connection, market: MarketContract, parties: Mapping[str, Address]
    ) -> None:
        self._chain, self._market, self._parties = chain, market, dict(parties)
        self._before: dict[str, Wei] = {}
        self._first_block = 0

    async def open(self) -> None:
        """Count what everybody has."""
        self._before = await self._count()
        self._first_block = await self._chain.fetch_block_number() + 1

    async def close(self) -> tuple[tuple[Balance, ...], tuple[Expense, ...]]:
        """Return the balances and the transactions since `open`."""
        after = await self._count()
        gas = dict.fromkeys(self._parties, 0)
        expenses = []
        names = {address: party for party, address in self._parties.items()}
        for party, call, used, price in await self._fetch_transactions(names):
            gas[party] += used * price
            expenses.append(Expense(party=party, call=call, gas=used))
        balances = tuple(
            Balance(
                party=party,
                before_wei=self._before[party],
                after_wei=after[party],
                gas_wei=Wei(gas[party]),
            )
            for party in self._parties
        )
        return balances, tuple(expenses)

    async def _count(self) -> dict[str, Wei]:
        return {
            party: Wei(
                await self._chain.get_balance(address) + await self._market.fetch_ledger(address)
            )
            for party, address in self._parties.items()
        }

    async def _fetch_transactions(
        self, names: Mapping[Address, str]
    ) -> list[tuple[str, str, int, int]]:
        found = []
        by_sender = {address.lower(): party for address, party in names.items()}
        calls = {
            one.selector: one.name
            for name in ("Market", "BisectionReferee", "RingerReferee", *_STORAGE)
            for one in contracts.load(name).functions.values()
        }
        last = await self._chain.fetch_block_number()
        for number in range(self._first_block, last + 1):
            block = await self._chain.request("eth_getBlockByNumber", hex(number), True)
            if not block["transactions"]:
                continue
            receipts = await self._chain.request("eth_getBlockReceipts", hex(number))
            for sent, receipt in zip(block["transactions"], receipts, strict=True):
                party = by_sender.get(_to_text(sent["from"]))
                if party is not None:
                    selector = bytes.fromhex(_to_text(sent["input"])[2:10])
                    used = int(_to_text(receipt["gasUsed"]), 16)
                    price = int(_to_text(receipt["effectiveGasPrice"]), 16)
                    name = calls.get(selector, "transfer") if sent["to"] else "deploy"
                    found.append((party, name, used, price))
        return found


def _to_text(word: str) -> str:
    return word.lower()
