"""Real nodes on a real chain for tests: a client and workers, each with its own home."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pekanu import catalog
from pekanu.chain import Account, AddressBook, Connection, Devnet
from pekanu.node.client import ClientNode, open_client
from pekanu.node.client_handle import JobHandle
from pekanu.node.client_job import JobRequest
from pekanu.node.executors import Executor
from pekanu.node.journal import open_journal
from pekanu.node.market_desk import MarketDesk, open_desk
from pekanu.node.process_executor import ProcessExecutor
from pekanu.node.worker import WorkerNode, WorkerOptions
from pekanu.node.worker_terms import WorkerTerms
from pekanu.types import Wei

ETHER = 10**18
TERMS = WorkerTerms(base_price=Wei(ETHER // 100), stake=Wei(ETHER // 20))
LEFT = np.arange(6, dtype=np.int64).reshape(2, 3)
RIGHT = np.arange(12, dtype=np.int64).reshape(3, 4) - 5


def build_request(**changes: object) -> JobRequest:
    function = catalog.get("matmul")
    values: dict[str, object] = {
        "function": "matmul",
        "items": (function.parse_inputs({"a": LEFT, "b": RIGHT}),),
        "policy": catalog.parse_policy("check"),
        **changes,
    }
    return JobRequest(**values)  # type: ignore[arg-type]


def is_product(outputs: list[bytes]) -> bool:
    return np.array_equal(catalog.get("matmul").decode_output(outputs[0]), LEFT @ RIGHT)


WorkerKind = Callable[..., WorkerNode]


@dataclass
class Town:
    """A market with its people; everything that is opened here is closed with it."""

    devnet: Devnet
    book: AddressBook
    home: Path
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    executor: Executor | None = None

    async def open_desk(self, account: Account) -> MarketDesk:
        chain = await self.stack.enter_async_context(Connection.open(self.devnet.rpc))
        journal = self.stack.enter_context(
            open_journal(self.home / "journal.db", account.address, purpose="a test")
        )
        return await self.stack.enter_async_context(open_desk(chain, account, journal, self.book))

    async def open_client(self, account: Account) -> ClientNode:
        desk = await self.open_desk(account)
        return await self.stack.enter_async_context(open_client(desk, self.home))

    async def open_worker(
        self,
        account: Account,
        *,
        terms: WorkerTerms = TERMS,
        kind: WorkerKind = WorkerNode,
        deposit: int = ETHER,
    ) -> WorkerNode:
        desk = await self.open_desk(account)
        if deposit:
            await desk.sender.send(desk.market.deposit(Wei(deposit)), key="a test's deposit")
        if self.executor is None:
            self.executor = await self.stack.enter_async_context(ProcessExecutor(2))
        worker = kind(desk, self.executor, self.home, WorkerOptions(terms=terms, retracts=False))
        await self.stack.enter_async_context(worker.running())
        return worker


@asynccontextmanager
async def open_town(devnet: Devnet, book: AddressBook, home: Path) -> AsyncIterator[Town]:
    town = Town(devnet=devnet, book=book, home=home)
    async with town.stack:
        yield town


async def finish(handle: JobHandle) -> list[bytes]:
    outputs = await handle.result()
    await handle.wait_final()
    return outputs
