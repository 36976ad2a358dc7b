"""The chain, the market and people with money, for as long as a demonstration takes.

Not here: what they do (`scenes`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pekanu.chain import (
    Account,
    AddressBook,
    Connection,
    Devnet,
    DevnetOptions,
    MarketContract,
    MemoryPendingStore,
    Sender,
    deploy,
)
from pekanu.market.state import Status, TaskState
from pekanu.market.task import Task
from pekanu.node import client_machine, worker_machine
from pekanu.node.client import ClientNode
from pekanu.node.executors import Executor
from pekanu.node.journal import open_journal
from pekanu.node.market_desk import MarketDesk, open_desk
from pekanu.node.process_executor import ProcessExecutor
from pekanu.node.worker import WorkerNode, WorkerOptions
from pekanu.node.worker_terms import WorkerTerms
from pekanu.types import Wei

ETHER: Final = 10**18
TERMS: Final = WorkerTerms(base_price=Wei(ETHER // 100), stake=Wei(ETHER // 20))
#: People with money: the one who deploys, and two for each scene, with room for more.
_ACCOUNTS: Final = 40
#: Seconds in which a node does what chain time makes it do.
_SETTLING_SECONDS: Final = 1.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Town:
    """Everything that lasts longer than a scene."""

    devnet: Devnet
    chain: Connection
    book: AddressBook
    executor: Executor
    home: Path
    _used: list[Account] = field(default_factory=list)

    @property
    def market(self) -> MarketContract:
        """The market."""
        return MarketContract(self.chain, self.book.market.address)

    def take_account(self) -> Account:
        """Return an account with money that nobody has used."""
        account = self.devnet.accounts[1 + len(self._used)]
        self._used.append(account)
        return account

    @asynccontextmanager
    async def open_client(
        self, account: Account, kind: type[ClientNode] = ClientNode
    ) -> AsyncIterator[ClientNode]:
        """Yield a client's node."""
        async with self.open_desk_of(account) as desk, kind.open(desk, self.home) as node:
            yield node

    @asynccontextmanager
    async def open_worker(
        self, account: Account, kind: type[WorkerNode], *, terms: WorkerTerms = TERMS
    ) -> AsyncIterator[WorkerNode]:
        """Yield a worker's node with its collateral in the market."""
        async with self.open_desk_of(account) as desk:
            await desk.sender.send(desk.market.deposit(Wei(ETHER)), key="collateral")
            node: WorkerNode = kind(desk, self.executor, self.home, WorkerOptions(terms=terms))
            async with node.running():
                yield node

    async def pass_time(self, task: Task, state: TaskState, deadlines: Sequence[int] = ()) -> int:
        """Turn the chain's clock to the next time at which somebody must or may move.

        Args:
            task: Which.
            state: Where it stands.
            deadlines: Of what is asked before a referee, after which it is ruled.

        Returns:
            The seconds skipped; 0 when there is nothing to wait for.
        """
        now = await self.chain.get_time()
        moves = [*_get_moves(task, state), *(deadline + 1 for deadline in deadlines)]
        coming = [when for when in moves if when > now]
        if not state.status.is_bound or not coming:
            return 0
        self.devnet.advance_time(min(coming) - now)
        return min(coming) - now

    async def settle_down(self, task_id: bytes, state: TaskState) -> TaskState:
        """Return a task's state once it has changed, or after a while."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _SETTLING_SECONDS
        while loop.time() < end:
            seen = await self.market.fetch_task(task_id)
            if seen != state:
                return seen
            await asyncio.sleep(0.05)
        return state

    @asynccontextmanager
    async def open_desk_of(self, account: Account) -> AsyncIterator[MarketDesk]:
        """Yield an account's side of the market."""
        async with Connection.open(self.devnet.rpc) as chain:
            with open_journal(
                self.home / "journal.db", account.address, purpose="the demonstration"
            ) as journal:
                async with open_desk(chain, account, journal, self.book) as desk:
                    yield desk


@asynccontextmanager
async def open_town(home: Path) -> AsyncIterator[Town]:
    """Yield a town on a new development chain.

    Args:
        home: An empty folder for keys, journals and files.
    """
    async with AsyncExitStack() as stack:
        devnet = stack.enter_context(Devnet(DevnetOptions(accounts=_ACCOUNTS)))
        chain = await stack.enter_async_context(Connection.open(devnet.rpc))
        book = await deploy(Sender(chain, devnet.accounts[0], MemoryPendingStore()))
        executor = await stack.enter_async_context(ProcessExecutor(2))
        yield Town(devnet=devnet, chain=chain, book=book, executor=executor, home=home)


def _get_moves(task: Task, state: TaskState) -> list[int]:
    match state.status:
        case Status.ACCEPTED:
            margin = worker_machine.get_margin(task.compute_window)
            return [state.deadline - margin, state.deadline + 1]
        case Status.DELIVERED:
            patience = client_machine.get_patience(task.audit_window)
            return [state.deadline - task.audit_window + patience, state.deadline + 1]
        case _:
            return [state.deadline + 1]
