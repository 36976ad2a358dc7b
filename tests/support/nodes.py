"""Real nodes on a real chain for tests: a client and workers, each with its own home."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from pekanu import catalog
from pekanu.chain import Account, AddressBook, Connection, Devnet, MarketContract
from pekanu.chain.referee_events import decode_dispute_log
from pekanu.chain.ringer_events import decode_case_log
from pekanu.market.state import Status, TaskState
from pekanu.node import client_machine, worker_machine
from pekanu.node.case_index import CaseIndex, CaseRecord
from pekanu.node.client import ClientNode
from pekanu.node.client_handle import JobHandle
from pekanu.node.client_job import JobRequest
from pekanu.node.dispute_index import DisputeIndex
from pekanu.node.dispute_terms import get_max_steps
from pekanu.node.executors import Executor
from pekanu.node.journal import open_journal
from pekanu.node.market_desk import MarketDesk, open_desk
from pekanu.node.worker import WorkerNode, WorkerOptions
from pekanu.node.worker_terms import WorkerTerms
from pekanu.types import Hash32, Wei
from support.inline_executor import InlineExecutor

ETHER = 10**18
QUIET_SECONDS = 0.9
DISPUTED_QUIET_SECONDS = 4.0
_PATIENCE_SECONDS = 120.0
#: Where a task stands when no time is its own.
_UNBOUND = frozenset({Status.NONE} | {one for one in Status if one.is_terminal})
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


def get_matmul_bond() -> int:
    """Return the bond of a challenge of what `build_request` asks for."""
    (item,) = build_request().items
    return TERMS.get_bond(get_max_steps(catalog.get("matmul").estimate_steps(item)))


def is_product(outputs: list[bytes]) -> bool:
    return np.array_equal(catalog.get("matmul").decode_output(outputs[0]), LEFT @ RIGHT)


ClientT = TypeVar("ClientT", bound=ClientNode)
WorkerKind = Callable[..., WorkerNode]


@dataclass
class Town:
    """A market with its people; everything that is opened here is closed with it."""

    devnet: Devnet
    book: AddressBook
    home: Path
    #: Blocks on an event before its nodes rely on it.
    confirmations: int = 1
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    executor: Executor = field(default_factory=InlineExecutor)

    async def open_desk(self, account: Account) -> MarketDesk:
        chain = await self.stack.enter_async_context(Connection.open(self.devnet.rpc))
        journal = self.stack.enter_context(
            open_journal(self.home / "journal.db", account.address, purpose="a test")
        )
        return await self.stack.enter_async_context(
            open_desk(chain, account, journal, self.book, confirmations=self.confirmations)
        )

    async def open_client(self, account: Account, kind: type[ClientT] = ClientNode) -> ClientT:  # type: ignore[assignment]
        desk = await self.open_desk(account)
        return await self.stack.enter_async_context(kind.open(desk, self.home))

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
        worker = kind(desk, self.executor, self.home, WorkerOptions(terms=terms, retracts=False))
        await self.stack.enter_async_context(worker.running())
        return worker


@asynccontextmanager
async def open_town(
    devnet: Devnet, book: AddressBook, home: Path, *, confirmations: int = 1
) -> AsyncIterator[Town]:
    town = Town(devnet=devnet, book=book, home=home, confirmations=confirmations)
    async with town.stack:
        yield town


@contextlib.contextmanager
def keep_mining(devnet: Devnet, seconds: float = 0.1) -> Iterator[None]:
    """Mine empty blocks, as other people's transactions do on a chain that is used."""

    async def mine() -> None:
        while True:
            await asyncio.sleep(seconds)
            devnet.mine()

    mining = asyncio.create_task(mine())
    try:
        yield
    finally:
        mining.cancel()


async def finish(handle: JobHandle) -> list[bytes]:
    outputs = await handle.result()
    await handle.wait_final()
    return outputs


async def pass_time(
    town: Town,
    is_over: Callable[[], bool],
    find_task: Callable[[], Hash32 | None],
    *,
    lapses: bool = False,
    is_busy: Callable[[Status], bool] = lambda _: False,
) -> None:
    """Turn the chain's clock from one time at which somebody must move to the next.

    Args:
        town: Where.
        is_over: When to stop.
        find_task: Whose times they are.
        lapses: An acceptance is to run out.
        is_busy: Says that somebody will move while the task stands so, however long it takes.
    """
    async with Connection.open(town.devnet.rpc) as chain:
        market = MarketContract(chain, town.book.market.address)
        patience = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < patience:
            if is_over():
                return
            task_id = find_task()
            if task_id is None:
                await asyncio.sleep(0.1)
                continue
            # Whoever is honest moves within moments; then everything is quiet.
            seen = await fetch_standing(chain, town.book, market, task_id)
            end = time.monotonic() + get_quiet_seconds(seen)
            while time.monotonic() < end and not is_over():
                found = await fetch_standing(chain, town.book, market, task_id)
                status = found[0].status
                if found != seen or is_busy(status) or is_computing(town.home, status):
                    seen, end = found, time.monotonic() + get_quiet_seconds(found)
                await asyncio.sleep(0.05)
            state, disputes = seen
            now = await chain.get_time()
            moves = [*get_moves(state), *(deadline + 1 for _, deadline in disputes)]
            coming = [when for when in moves if when > now]
            if coming and not is_over():
                town.devnet.advance_time(min(coming) - now)
            elif lapses and state.status in _UNBOUND and not is_over():
                town.devnet.advance_time(TERMS.acceptance_seconds)
    raise AssertionError("it does not end")


Standing = tuple[TaskState, list[tuple[int, int]]]


def get_quiet_seconds(standing: Standing) -> float:
    """Return how long nothing may happen until everybody waits for the clock."""
    # Whoever owes a move may have to load a compiler first.
    return DISPUTED_QUIET_SECONDS if standing[1] else QUIET_SECONDS


#: What takes processor time, by a task's status: nobody waits for the clock meanwhile.
_COMPUTING = {
    Status.ACCEPTED: "role = 'worker' and step in ('executing', 'sealing')",
    Status.DELIVERED: "role = 'client' and step in ('verifying', 'refused', 'challenging') "
    "and state like '%\"is_resigned\":false%' "
    "or role = 'case' and step in ('asking', 'answering', 'ruling')",
}


def is_computing(home: Path, status: Status) -> bool:
    """Return whether a journal says that somebody computes what the others wait for."""
    if status not in _COMPUTING:
        return False
    query = f"select count(*) from tasks where {_COMPUTING[status]}"  # noqa: S608 - a constant
    with contextlib.closing(sqlite3.connect(home / "journal.db")) as journal:
        return bool(journal.execute(query).fetchone()[0])


async def fetch_standing(
    chain: Connection, book: AddressBook, market: MarketContract, task_id: Hash32
) -> Standing:
    """Return where a task stands, and of each live dispute about it moves and deadline."""
    state = await market.fetch_task(task_id)
    if not state.client_challenges + state.other_challenges:
        return state, []
    referee = book["BisectionReferee"]
    logs = await chain.fetch_logs(
        referee.address, referee.block_number, await chain.fetch_block_number()
    )
    index = DisputeIndex()
    index.add(logged for log in logs if (logged := decode_dispute_log(log)) is not None)
    cases = await fetch_cases(chain, book, task_id)
    played = {case.case.bisection for case in cases}
    live = [
        one
        for one in index.iterate()
        if not one.is_ended and (one.task_id == task_id or one.dispute in played)
    ]
    moves = [(len(one.logged), one.tell().dispute.place.deadline) for one in live]
    return state, moves + [(int(case.case.turn), case.case.deadline) for case in cases]


async def fetch_cases(chain: Connection, book: AddressBook, task_id: Hash32) -> list[CaseRecord]:
    referee = book["RingerReferee"]
    logs = await chain.fetch_logs(
        referee.address, referee.block_number, await chain.fetch_block_number()
    )
    index = CaseIndex()
    index.add(logged for log in logs if (logged := decode_case_log(log)) is not None)
    return [one for one in index.iterate(task_id=task_id) if one.is_refuted is None]


def get_moves(state: TaskState) -> list[int]:
    """Return when an honest party must have moved, or may, with the windows of `TERMS`."""
    match state.status:
        case Status.ACCEPTED:
            margin = worker_machine.get_margin(TERMS.compute_window)
            return [state.deadline - margin, state.deadline + 1]
        case Status.DELIVERED:
            patience = client_machine.get_patience(TERMS.audit_window)
            return [state.deadline - TERMS.audit_window + patience, state.deadline + 1]
        case Status.DEMANDED:
            return [state.deadline + 1]
        case _:
            return []


async def let_pass(town: Town, handle: JobHandle) -> None:
    """Let chain time pass until every try of a job has ended."""
    end = asyncio.create_task(handle.wait_final())
    done: set[Hash32] = set()
    while not end.done():
        tasks = {one.task_id for one in handle.get_receipt().tasks if one.step.is_live} - done
        if not tasks:
            await asyncio.wait({end}, timeout=0.05)
            continue
        task_id = tasks.pop()

        def is_over(task_id: Hash32 = task_id) -> bool:
            return all(
                not one.step.is_live for one in handle.get_receipt().tasks if one.task_id == task_id
            )

        # An honest try ends by itself.
        await asyncio.wait({end}, timeout=0.3)
        await pass_time(town, is_over, lambda found=task_id: found)
        done.add(task_id)
