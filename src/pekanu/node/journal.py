"""The journal: every step of every task, written and synced before it is taken.

SQLite by default (write-ahead log, every commit synced), any SQLAlchemy URL else. It holds
secrets, such as the key of a seal that is not given yet, so its file is readable by its owner
alone. What is not here: what the steps are (`client_machine`, `worker_machine`).
Source: design/product.md, "Node, discovery, channel".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, insert, select, update
from sqlalchemy.exc import DatabaseError

from pekanu.errors import JournalError
from pekanu.node.account_lock import AccountLock
from pekanu.node.journal_sends import JournalSends
from pekanu.node.journal_tables import (
    SCHEMA_VERSION,
    jobs,
    metadata,
    receipts,
    steps,
    tasks,
    versions,
)
from pekanu.types import Address, Hash32, Seconds, Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What is to be written before a step is taken."""

    #: ``client`` or ``worker``.
    role: str
    task_id: Hash32
    chain_id: int
    market: Address
    step: str
    #: Whether anything is left to do after this step.
    is_live: bool
    #: The whole state of the task as JSON.
    state: str
    #: The client's job that the task is a try of; empty for a worker.
    job_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a mined transaction of a task cost its sender."""

    call: str
    transaction: Hash32
    gas_used: int
    fee: Wei


class Journal:
    """The journal of one account; made by `open_journal`.

    Args:
        engine: A database with the tables of `journal_tables`.
        account: Whose steps these are.
    """

    def __init__(self, engine: Engine, account: Address) -> None:
        self.account = account
        self._engine = engine

    def build_sends(self, chain_id: int) -> JournalSends:
        """Return the store of this account's transactions on a chain."""
        return JournalSends(self._engine, self.account, chain_id)

    def record(self, entry: Entry, at: Seconds) -> None:
        """Write a task's step and state; they are on disk when this returns."""
        key = {"role": entry.role, "account": self.account, "task_id": entry.task_id.hex()}
        values = {
            "step": entry.step,
            "is_live": int(entry.is_live),
            "state": entry.state,
            "updated_at": at,
        }
        with self._engine.begin() as connection:
            found = connection.execute(
                update(tasks).where(*_match(tasks, key)).values(**values)
            ).rowcount
            if not found:
                new = {"chain_id": entry.chain_id, "market": entry.market, "job_id": entry.job_id}
                connection.execute(insert(tasks).values(**key, **values, **new, created_at=at))
            connection.execute(insert(steps).values(**key, step=entry.step, at=at))

    def load_state(self, role: str, task_id: Hash32) -> str | None:
        """Return a task's state, or None when it was never recorded."""
        key = {"role": role, "account": self.account, "task_id": task_id.hex()}
        with self._engine.connect() as connection:
            return connection.execute(
                select(tasks.c.state).where(*_match(tasks, key))
            ).scalar_one_or_none()

    def load_states(
        self, role: str, *, chain_id: int, live_only: bool = True, job_id: str | None = None
    ) -> list[str]:
        """Return the states of this account's tasks on a chain, oldest first."""
        wanted = {"role": role, "account": self.account, "chain_id": chain_id}
        if live_only:
            wanted["is_live"] = 1
        if job_id is not None:
            wanted["job_id"] = job_id
        query = select(tasks.c.state).where(*_match(tasks, wanted)).order_by(tasks.c.number)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def list_live(self, chain_id: int) -> list[Hash32]:
        """Return the ids of all that this account has under way on a chain, in any role."""
        wanted = {"account": self.account, "chain_id": chain_id, "is_live": 1}
        query = select(tasks.c.task_id).where(*_match(tasks, wanted)).order_by(tasks.c.number)
        with self._engine.connect() as connection:
            return [Hash32(bytes.fromhex(one)) for one in connection.execute(query).scalars()]

    def load_steps(self, role: str, task_id: Hash32) -> list[tuple[str, Seconds]]:
        """Return the steps of a task in the order they were recorded, with chain time."""
        key = {"role": role, "account": self.account, "task_id": task_id.hex()}
        query = select(steps.c.step, steps.c.at).where(*_match(steps, key)).order_by(steps.c.number)
        with self._engine.connect() as connection:
            return [(step, Seconds(at)) for step, at in connection.execute(query)]

    def record_job(self, job_id: str, state: str, at: Seconds, *, is_live: bool) -> None:
        """Write a job."""
        values = {"state": state, "is_live": int(is_live)}
        with self._engine.begin() as connection:
            key = {"job_id": job_id, "account": self.account}
            found = connection.execute(
                update(jobs).where(*_match(jobs, key)).values(**values)
            ).rowcount
            if not found:
                connection.execute(insert(jobs).values(**key, **values, created_at=at))

    def load_jobs(self, *, live_only: bool = True) -> list[str]:
        """Return this account's jobs, oldest first."""
        wanted: dict[str, Any] = {"account": self.account}
        if live_only:
            wanted["is_live"] = 1
        query = select(jobs.c.state).where(*_match(jobs, wanted)).order_by(jobs.c.number)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def record_cost(
        self, task_id: Hash32, cost: Cost, *, attempts: Collection[Hash32] = ()
    ) -> None:
        """Write what a transaction cost, in the place of what it cost in a block that is lost.

        Args:
            task_id: What it was about.
            cost: Where it was mined now.
            attempts: All that were signed for its nonce, of which one alone is ever paid for.
        """
        key = {"account": self.account, "task_id": task_id.hex()}
        values = {
            "transaction": cost.transaction.hex(),
            "gas_used": cost.gas_used,
            "fee": str(cost.fee),
        }
        is_same = receipts.c.transaction.in_({one.hex() for one in (cost.transaction, *attempts)})
        with self._engine.begin() as connection:
            found = connection.execute(
                update(receipts).where(*_match(receipts, key), is_same).values(**values)
            ).rowcount
            if not found:
                number = _count(connection, receipts, {**key, "call": cost.call})
                new = {"call": cost.call, "number": number}
                connection.execute(insert(receipts).values(**key, **values, **new))

    def load_costs(self, task_id: Hash32) -> list[Cost]:
        """Return what this account's transactions of a task cost."""
        key = {"account": self.account, "task_id": task_id.hex()}
        with self._engine.connect() as connection:
            rows = connection.execute(select(receipts).where(*_match(receipts, key))).mappings()
            return [
                Cost(
                    call=row["call"],
                    transaction=Hash32(bytes.fromhex(row["transaction"])),
                    gas_used=row["gas_used"],
                    fee=Wei(int(row["fee"])),
                )
                for row in rows
            ]


@contextmanager
def open_journal(place: Path | str, account: Address, *, purpose: str) -> Iterator[Journal]:
    """Yield an account's journal, locked against every other process.

    Args:
        place: A SQLite file, or an SQLAlchemy URL.
        account: Whose journal it is.
        purpose: What this process does, for the messages of those locked out.

    Raises:
        JournalError: Another process holds the account, or the file is from another version.
    """
    path = place if isinstance(place, Path) else None
    folder = path.parent if path else Path.home() / ".pekanu"
    lock = AccountLock(folder / "locks", account, purpose)
    lock.acquire()
    try:
        engine = create_engine(f"sqlite:///{path}" if path else str(place))
        if path is not None:
            path.touch(mode=0o600)
            event.listen(engine, "connect", configure_sqlite)
        try:
            _prepare(engine)
            yield Journal(engine, account)
        except DatabaseError as error:
            raise JournalError(f"the journal {place} cannot be used: {error.orig}") from error
        finally:
            engine.dispose()
    finally:
        lock.release()


@contextmanager
def read_journal(path: Path, account: Address) -> Iterator[Journal]:
    """Yield an account's journal to read from, whoever writes it meanwhile.

    Raises:
        JournalError: There is none, or it cannot be read.
    """
    if not path.exists():
        raise JournalError(f"there is no journal at {path}")
    engine = create_engine(f"sqlite:///file:{path}?mode=ro&uri=true")
    try:
        yield Journal(engine, account)
    except DatabaseError as error:
        raise JournalError(f"the journal {path} cannot be read: {error.orig}") from error
    finally:
        engine.dispose()


def configure_sqlite(connection: Any, _record: object) -> None:
    """Let a fresh SQLite connection sync every commit and wait for others' locks."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare(engine: Engine) -> None:
    with engine.begin() as connection:
        metadata.create_all(connection)
        found = connection.execute(select(versions.c.version)).scalar_one_or_none()
        if found is None:
            connection.execute(insert(versions).values(version=SCHEMA_VERSION))
        elif found != SCHEMA_VERSION:
            raise JournalError(
                f"the journal is of version {found}, this program writes {SCHEMA_VERSION}",
                hint="finish its tasks with the program that wrote it, or use another --home",
            )


def _match(table: Any, key: dict[str, Any]) -> list[Any]:
    return [table.c[name] == value for name, value in key.items()]


def _count(connection: Connection, table: Any, key: dict[str, Any]) -> int:
    query = select(func.count()).select_from(table).where(*_match(table, key))
    return int(connection.execute(query).scalar_one())
