"""The journal: every step of every task, written and synced before it is taken.

A SQLite file (write-ahead log, every commit synced). It holds secrets, such as the key of a seal
that is not given yet, so it is readable by its owner alone. What is not here: what the steps are
(`client_machine`, `worker_machine`), how the file is used (`journal_tables`).
Source: design/product.md, "Node, discovery, channel".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pekanu.errors import JournalError
from pekanu.node.account_lock import AccountLock
from pekanu.node.journal_sends import JournalSends
from pekanu.node.journal_tables import SCHEMA_VERSION, Tables
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
        tables: The tables of its file.
        account: Whose steps these are.
    """

    def __init__(self, tables: Tables, account: Address) -> None:
        self.account = account
        self._tables = tables

    def build_sends(self, chain_id: int) -> JournalSends:
        """Return the store of this account's transactions on a chain."""
        return JournalSends(self._tables, self.account, chain_id)

    def record(self, entry: Entry, at: Seconds) -> None:
        """Write a task's step and state; they are on disk when this returns."""
        key = {"role": entry.role, "account": self.account, "task_id": entry.task_id.hex()}
        values = {
            "step": entry.step,
            "is_live": int(entry.is_live),
            "state": entry.state,
            "updated_at": at,
        }
        new = {
            "chain_id": entry.chain_id,
            "market": entry.market,
            "job_id": entry.job_id,
            "created_at": at,
        }
        with self._tables.change():
            self._tables.put("tasks", key, values, new)
            self._tables.insert("steps", {**key, "step": entry.step, "at": at})

    def load_state(self, role: str, task_id: Hash32) -> str | None:
        """Return a task's state, or None when it was never recorded."""
        key = {"role": role, "account": self.account, "task_id": task_id.hex()}
        found = self._list("tasks", "state", key)
        return found[0] if found else None

    def load_states(
        self, role: str, *, chain_id: int, live_only: bool = True, job_id: str | None = None
    ) -> list[str]:
        """Return the states of this account's tasks on a chain, oldest first."""
        wanted = {"role": role, "account": self.account, "chain_id": chain_id}
        if live_only:
            wanted["is_live"] = 1
        if job_id is not None:
            wanted["job_id"] = job_id
        return self._list("tasks", "state", wanted)

    def list_live(self, chain_id: int) -> list[Hash32]:
        """Return the ids of all that this account has under way on a chain, in any role."""
        wanted = {"account": self.account, "chain_id": chain_id, "is_live": 1}
        found = self._list("tasks", "task_id", wanted)
        return [Hash32(bytes.fromhex(one)) for one in found]

    def load_steps(self, role: str, task_id: Hash32) -> list[tuple[str, Seconds]]:
        """Return the steps of a task in the order they were recorded, with chain time."""
        key = {"role": role, "account": self.account, "task_id": task_id.hex()}
        found = self._tables.select("steps", ("step", "at"), key)
        return [(step, Seconds(at)) for step, at in found]

    def record_job(self, job_id: str, state: str, at: Seconds, *, is_live: bool) -> None:
        """Write a job."""
        key = {"job_id": job_id, "account": self.account}
        values = {"state": state, "is_live": int(is_live)}
        with self._tables.change():
            self._tables.put("jobs", key, values, {"created_at": at})

    def load_jobs(self, *, live_only: bool = True) -> list[str]:
        """Return this account's jobs, oldest first."""
        wanted: dict[str, Any] = {"account": self.account}
        if live_only:
            wanted["is_live"] = 1
        return self._list("jobs", "state", wanted)

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
        same = {one.hex() for one in (cost.transaction, *attempts)}
        with self._tables.change():
            rows = self._tables.select("receipts", ("call", "number", "transaction"), key)
            there = [(call, number) for call, number, known in rows if known in same]
            if not there:
                there = [(cost.call, sum(call == cost.call for call, _, _ in rows))]
            for call, number in there:
                self._tables.put("receipts", {**key, "call": call, "number": number}, values)

    def load_costs(self, task_id: Hash32) -> list[Cost]:
        """Return what this account's transactions of a task cost."""
        key = {"account": self.account, "task_id": task_id.hex()}
        columns = ("call", "transaction", "gas_used", "fee")
        found = self._tables.select("receipts", columns, key, order="call, number")
        return [
            Cost(
                call=call,
                transaction=Hash32(bytes.fromhex(transaction)),
                gas_used=gas_used,
                fee=Wei(int(fee)),
            )
            for call, transaction, gas_used, fee in found
        ]

    def _list(self, table: str, column: str, wanted: dict[str, Any]) -> list[str]:
        rows = self._tables.select(table, (column,), wanted)
        return [str(one) for (one,) in rows]


@contextmanager
def open_journal(path: Path, account: Address, *, purpose: str) -> Iterator[Journal]:
    """Yield an account's journal, locked against every other process.

    Args:
        path: Its file.
        account: Whose journal it is.
        purpose: What this process does, for the messages of those locked out.

    Raises:
        JournalError: Another process holds the account, or the file is from another version.
    """
    lock = AccountLock(path.parent / "locks", account, purpose)
    lock.acquire()
    try:
        path.touch(mode=0o600)
        try:
            with closing(Tables(path, is_writable=True)) as tables:
                _prepare(tables)
                yield Journal(tables, account)
        except sqlite3.DatabaseError as error:
            raise JournalError(f"the journal {path} cannot be used: {error}") from error
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
    try:
        with closing(Tables(path, is_writable=False)) as tables:
            yield Journal(tables, account)
    except sqlite3.DatabaseError as error:
        raise JournalError(f"the journal {path} cannot be read: {error}") from error


def _prepare(tables: Tables) -> None:
    found = tables.create()
    if found != SCHEMA_VERSION:
        raise JournalError(
            f"the journal is of version {found}, this program writes {SCHEMA_VERSION}",
            hint="finish its tasks with the program that wrote it, or use another --home",
        )
