"""The market of the chosen chain, as commands see it: its events, and its tasks folded from them.

Not here: following the chain for as long as a node runs (`pekanu.node`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pekanu.cli.session import Session
from pekanu.errors import UsageError
from pekanu.types import Address, Hash32

if TYPE_CHECKING:
    from pekanu.chain import AddressBook, Connection, MarketContract, MarketEvent, Sender, TaskEvent
    from pekanu.market.claim import Claim
    from pekanu.market.task import Task


@dataclass(frozen=True, kw_only=True, slots=True)
class MarketDoor:
    """A market whose code was verified."""

    chain: Connection
    book: AddressBook
    contract: MarketContract


@dataclass(kw_only=True, slots=True)
class TaskRecord:
    """What the chain's events say of one task."""

    task_id: Hash32
    task: Task
    worker: Address | None = None
    claim: Claim | None = None
    events: list[TaskEvent] = field(default_factory=list)


@asynccontextmanager
async def open_market(session: Session) -> AsyncIterator[MarketDoor]:
    """Yield the market of the chosen chain.

    Raises:
        ChainError: The chain does not answer, or no known market stands there.
    """
    from pekanu.chain import AddressBook, MarketContract

    async with session.connect() as chain:
        book = AddressBook.load(session.home, chain.chain_id)
        await book.verify(chain)
        contract = MarketContract(chain, book.market.address)
        yield MarketDoor(chain=chain, book=book, contract=contract)


def make_sender(session: Session, chain: Connection) -> Sender:
    """Return a sender for the chosen account, which is unlocked now.

    Raises:
        KeystoreError: The account or its password is missing or wrong.
    """
    from pekanu.chain import MemoryPendingStore, Sender

    return Sender(chain, session.unlock(), MemoryPendingStore())


async def fetch_events(door: MarketDoor, first_block: int | None = None) -> list[MarketEvent]:
    """Return the market's events from a block on, or all of them."""
    from pekanu.chain import Cursor, EventBatch, EventStream

    begin = door.book.market.block_number if first_block is None else first_block
    stream = EventStream(door.chain, door.contract.address, Cursor(next_block=begin))
    events: list[MarketEvent] = []
    while (found := await stream.poll()) is not None:
        if isinstance(found, EventBatch):
            events += found.events
        else:
            events = [event for event in events if event.log.block_number <= found.to_block]
    return events


def fold_tasks(events: Iterable[MarketEvent]) -> list[TaskRecord]:
    """Return the tasks that events tell of, in the order in which they appeared."""
    from pekanu.chain import TaskEvent
    from pekanu.chain.events import Accepted, Delivered, Posted

    records: dict[Hash32, TaskRecord] = {}
    for event in events:
        if not isinstance(event, TaskEvent):
            continue
        if isinstance(event, Posted | Accepted) and event.task_id not in records:
            records[event.task_id] = TaskRecord(task_id=event.task_id, task=event.task)
        record = records.get(event.task_id)
        if record is None:  # it began before the first block that was read
            continue
        record.events.append(event)
        if isinstance(event, Accepted):
            record.worker = event.worker
        elif isinstance(event, Delivered):
            record.claim = event.claim
    return list(records.values())


def find_task(records: Iterable[TaskRecord], text: str) -> TaskRecord:
    """Return the task whose id begins with some hex digits.

    Raises:
        UsageError: None does, or several do.
    """
    wanted = text.lower().removeprefix("0x")
    found = [record for record in records if wanted and record.task_id.hex().startswith(wanted)]
    if len(found) != 1:
        count = "no task's id begins" if not found else f"the ids of {len(found)} tasks begin"
        raise UsageError(f"{count} with {text!r}", hint="`pekanu tasks` lists them")
    return found[0]
