"""One task in each state that it can be in, on a real chain; only a referee's ruling is missing."""

from __future__ import annotations

import asyncio

from pekanu.chain import (
    Account,
    AddressBook,
    Call,
    Connection,
    Devnet,
    MarketContract,
    MemoryPendingStore,
    Sender,
)
from pekanu.market.claim import Claim
from pekanu.market.state import Status
from pekanu.market.task import Task
from pekanu.market.typed_data import build_resolution
from pekanu.types import Hash32, Seconds, Wei

SPAN = 600
CLAIM = Claim(
    results_root=Hash32(b"\x33" * 32), ciphertext_root=Hash32(b"\x44" * 32), key_x=1, key_y=2
)
#: What is done before the clock turns: who does it, and what.
BEGINNINGS = {
    Status.OPEN: (),
    Status.CANCELLED: ("cancel",),
    Status.EXPIRED: ("accept",),
    Status.FORFEITED: ("accept", "deliver", "demand_key"),
    Status.ACCEPTED: ("accept",),
    Status.RESOLVED: ("accept", "resolve"),
    Status.SETTLED: ("accept", "deliver", "approve"),
    Status.DELIVERED: ("accept", "deliver"),
    Status.DEMANDED: ("accept", "deliver", "demand_key"),
}
#: What is done once it is late, by anyone.
ENDINGS = {Status.EXPIRED: "expire", Status.FORFEITED: "forfeit"}
BY_WORKER = {"accept", "deliver"}


async def bring_about(
    devnet: Devnet, book: AddressBook, client: Account, worker: Account
) -> dict[Status, Hash32]:
    """Return the id of a task in each state."""
    async with Connection.open(devnet.rpc) as chain:
        market = MarketContract(chain, book.market.address)
        senders = {one: Sender(chain, one, MemoryPendingStore()) for one in (client, worker)}
        tasks = {}
        late = {status: name for status, name in BEGINNINGS.items() if status in ENDINGS}
        for group in (late, BEGINNINGS.keys() - late.keys()):
            now = await chain.get_time()
            for status in sorted(group):
                task = tasks[status] = _build_task(client, status, now)
                await senders[client].send(market.post(task), key=f"{status}:post")
                for name in BEGINNINGS[status]:
                    actor = worker if name in BY_WORKER else client
                    call = _build_call(market, name, task, client, worker)
                    await senders[actor].send(call, key=f"{status}:{name}")
            if group is late:
                await asyncio.to_thread(devnet.advance_time, SPAN + 1)
                for status, name in ENDINGS.items():
                    call = _build_call(market, name, tasks[status], client, worker)
                    await senders[client].send(call, key=f"{status}:{name}")
        return {status: task.id(market.domain) for status, task in tasks.items()}


def _build_task(client: Account, status: Status, now: int) -> Task:
    return Task(
        client=client.address,
        terms=Hash32(b"\x11" * 32),
        price=Wei(10**15),
        stake=Wei(10**15),
        offered_until=Seconds(now + SPAN),
        compute_window=Seconds(SPAN),
        audit_window=Seconds(SPAN),
        response_window=Seconds(SPAN),
        chunk_fee=Wei(0),
        salt=Hash32(bytes([status]) * 32),
    )


def _build_call(
    market: MarketContract, name: str, task: Task, client: Account, worker: Account
) -> Call:
    if name == "resolve":
        half = Wei(task.price // 2)
        document = build_resolution(market.domain, task, half)
        return market.resolve(
            task, half, client.sign_typed_data(document), worker.sign_typed_data(document)
        )
    if name in {"accept", "cancel", "expire"}:
        return getattr(market, name)(task)  # type: ignore[no-any-return]
    return getattr(market, name)(task, CLAIM)  # type: ignore[no-any-return]
