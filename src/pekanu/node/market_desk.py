"""A node's desk at the market: it looks up tasks and money, and sends an account's transactions.

What is not here: what to send (`client_machine`, `worker_machine`), the calls (`pekanu.chain`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pekanu.chain import (
    Account,
    AddressBook,
    Call,
    Connection,
    MarketContract,
    PendingTransaction,
    Receipt,
    Sender,
)
from pekanu.chain.transactions import SenderOptions
from pekanu.errors import ChainError, TransactionDropped, TransactionReverted
from pekanu.market.state import TaskState
from pekanu.market.task import MarketDomain
from pekanu.node.journal import Cost, Journal
from pekanu.node.watch import ChainWatch
from pekanu.types import Address, Hash32, Wei

if TYPE_CHECKING:
    from pekanu.node.referees import Referees

SeenT = TypeVar("SeenT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """A task's state on chain."""

    state: TaskState
    #: The status is the same as deep as the node waits for.
    is_final: bool


class MarketDesk:
    """One account's dealings with the market; made by `open_desk`.

    Args:
        chain: The chain.
        account: Who signs.
        journal: The account's.
        market: The contract.
        watch: Follows the contracts.
        referees: Those of the market; whoever deals in storage alone has no use for them.
    """

    def __init__(
        self,
        chain: Connection,
        account: Account,
        journal: Journal,
        market: MarketContract,
        watch: ChainWatch,
        *,
        referees: Referees | None = None,
    ) -> None:
        self.chain, self.account, self.journal = chain, account, journal
        self.market, self.watch, self._referees = market, watch, referees
        self.sender = Sender(
            chain,
            account,
            journal.build_sends(chain.chain_id),
            SenderOptions(confirmations=watch.confirmations),
            note=self._note,
        )
        self._failures: dict[str, int] = {}

    @property
    def address(self) -> Address:
        """The account's address."""
        return self.account.address

    @property
    def referees(self) -> Referees:
        """The market's referees.

        Raises:
            ValueError: The desk was opened without them.
        """
        if self._referees is None:
            raise ValueError("this desk knows no referees")
        return self._referees

    @property
    def domain(self) -> MarketDomain:
        """The domain of the market's digests."""
        return self.market.domain

    async def fetch_sighting(self, task_id: Hash32) -> Sighting:
        """Return where a task stands, and whether that can still be reorganized away."""
        state, deep = await self.fetch_deep(partial(self.market.fetch_task, task_id))
        return Sighting(state=state, is_final=deep.status is state.status)

    async def fetch_deep(self, fetch: Callable[[str], Awaitable[SeenT]]) -> tuple[SeenT, SeenT]:
        """Return what the chain says now, and what it says as deep as the node waits for.

        Args:
            fetch: Asks at a block.
        """
        latest = await fetch("latest")
        if self.watch.confirmations <= 1:
            return latest, latest
        return latest, await fetch(await self.fetch_deep_block())

    async def fetch_deep_block(self) -> str:
        """Return the last block that is as deep as the node waits for, as the chain is asked."""
        head = await self.chain.fetch_block_number()
        return hex(max(0, head - self.watch.confirmations + 1))

    async def fetch_ledger(self, account: Address | None = None) -> Wei:
        """Return an account's free money in the market, by default one's own."""
        return await self.market.fetch_ledger(account or self.address)

    async def send(self, call: Call, *, task_id: Hash32, name: str) -> Receipt:
        """Send a transaction of a task, once for its name, and note what it cost.

        A transaction that failed on chain is not sent again under its name but under a new one.

        Raises:
            ChainError: As `Sender.send` says.
        """
        act = f"{task_id.hex()}:{name}"
        key = f"{act}:{self._failures.get(act, 0)}"
        try:
            return await self.sender.send(call, key=key)
        except TransactionReverted as error:
            if error.transaction is not None:
                self._failures[act] = self._failures.get(act, 0) + 1
            raise
        except TransactionDropped:
            self._failures[act] = self._failures.get(act, 0) + 1
            raise

    async def sign_typed_data(self, document: dict[str, Any]) -> bytes:
        """Return the account's signature of an EIP-712 document."""
        return self.account.sign_typed_data(document)

    async def conclude(self, pending: PendingTransaction) -> None:
        """Follow a transaction of a former process to its end, and note what it cost."""
        with contextlib.suppress(ChainError):
            await self.sender.send(pending.call, key=pending.key)

    def _note(self, pending: PendingTransaction, receipt: Receipt) -> None:
        about, _, _ = pending.key.partition(":")
        try:
            task_id = Hash32(bytes.fromhex(about))
        except ValueError:
            return  # it belongs to no task
        attempts = [one.hash for one in pending.attempts]
        self._record_cost(task_id, pending.call, receipt, attempts)

    def _record_cost(
        self, task_id: Hash32, call: Call, receipt: Receipt, attempts: Collection[Hash32] = ()
    ) -> None:
        """Note what a task's transaction cost; one that failed on chain has cost its gas too."""
        cost = Cost(
            call=call.name.removeprefix("market."),
            transaction=receipt.transaction,
            gas_used=receipt.gas_used,
            fee=receipt.fee,
        )
        self.journal.record_cost(task_id, cost, attempts=attempts)


def build_watch(
    chain: Connection,
    journal: Journal,
    book: AddressBook,
    confirmations: int,
    referees: Referees | None = None,
) -> ChainWatch:
    """Return what follows a book's contracts, and keeps the events of what the journal holds."""
    return ChainWatch(
        chain,
        book.market,
        referees.list_sources() if referees is not None else (),
        confirmations=confirmations,
        kept=journal.list_live(chain.chain_id),
    )


@asynccontextmanager
async def open_desk(
    chain: Connection,
    account: Account,
    journal: Journal,
    book: AddressBook,
    *,
    confirmations: int = 1,
    with_referees: bool = True,
) -> AsyncIterator[MarketDesk]:
    """Yield a desk at the market of an address book; the code on chain is checked first.

    Args:
        chain: The chain.
        account: Who deals.
        journal: The account's.
        book: The contracts.
        confirmations: Blocks that must hold what is relied on.
        with_referees: Whether the account may come before them.

    Raises:
        NotDeployed: Other code stands at the book's address.
    """
    await book.verify(chain)
    market = MarketContract(chain, book.market.address)
    referees = _open_referees(chain, book) if with_referees else None
    watch = build_watch(chain, journal, book, confirmations, referees)
    desk = MarketDesk(chain, account, journal, market, watch, referees=referees)
    left = [asyncio.create_task(desk.conclude(one)) for one in await desk.sender.recover()]
    try:
        async with watch.running():
            yield desk
    finally:
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _open_referees(chain: Connection, book: AddressBook) -> Referees:
    from pekanu.node.referees import Referees  # noqa: PLC0415 - 50 ms that storage need not wait for

    return Referees(chain, book)
