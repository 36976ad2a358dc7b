"""The tables of the journal, and how its SQLite file is used.

`steps` is only ever added to; `tasks`, `jobs` and `sends` hold the latest state of each. Money,
hashes and states are text. What is not here: who writes and when (`journal`).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from pekanu.errors import JournalError

#: Raised with every change below.
SCHEMA_VERSION: Final = 1

Values: TypeAlias = Mapping[str, Any]

#: Of a database's pages that one connection keeps.
_KEPT_KIB: Final = 512
_TABLES: Final = """
-- One row: which version of these tables it is.
CREATE TABLE IF NOT EXISTS versions (version INTEGER PRIMARY KEY);
-- What a client wants computed; its tasks are the tries with one worker each. The state is the job
-- as JSON; times are the chain's.
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    is_live INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
-- The state is task, terms, secrets and all else that is needed to carry on, as JSON.
CREATE TABLE IF NOT EXISTS tasks (
    number INTEGER PRIMARY KEY,
    role TEXT NOT NULL,
    account TEXT NOT NULL,
    task_id TEXT NOT NULL,
    chain_id INTEGER NOT NULL,
    market TEXT NOT NULL,
    job_id TEXT NOT NULL,
    step TEXT NOT NULL,
    is_live INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (role, account, task_id)
);
CREATE TABLE IF NOT EXISTS steps (
    number INTEGER PRIMARY KEY,
    role TEXT NOT NULL,
    account TEXT NOT NULL,
    task_id TEXT NOT NULL,
    step TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS steps_of_task ON steps (role, account, task_id);
-- Transactions under way or mined, for the sender; by its own keys, its own record as JSON.
CREATE TABLE IF NOT EXISTS sends (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    chain_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    is_open INTEGER NOT NULL,
    PRIMARY KEY (account, key, chain_id)
);
CREATE INDEX IF NOT EXISTS open_sends ON sends (account, chain_id, is_open);
-- What each mined transaction of a task cost its sender.
CREATE TABLE IF NOT EXISTS receipts (
    account TEXT NOT NULL,
    task_id TEXT NOT NULL,
    call TEXT NOT NULL,
    number INTEGER NOT NULL,
    "transaction" TEXT NOT NULL,
    gas_used INTEGER NOT NULL,
    fee TEXT NOT NULL,
    PRIMARY KEY (account, task_id, call, number)
);
"""


class Tables:
    """One connection to the journal's file, for all threads in turn.

    Names of tables and columns are this package's own; values are bound, never written out. What is
    closed can still be read.

    Args:
        path: The file.
        is_writable: Whether it may be changed, or made.
    """

    def __init__(self, path: Path, *, is_writable: bool) -> None:
        """Open the file."""
        self._path, self._lock = path, threading.RLock()
        self._connection: sqlite3.Connection | None = _connect(path, is_writable=is_writable)

    def create(self) -> int:
        """Create what is missing; return the version of what is there."""
        with self._lock:
            # Each statement is whole by itself: what a kill left undone the next one does.
            self._get_open().executescript(_TABLES)
            if not self.select("versions", ("version",), {}):
                with self.change():
                    if not self.select("versions", ("version",), {}):
                        self.insert("versions", {"version": SCHEMA_VERSION})
            ((version,),) = self.select("versions", ("version",), {})
        return int(version)

    @contextmanager
    def change(self) -> Iterator[None]:
        """Keep all that is written in the context, or nothing; it is on disk behind it."""
        with self._lock:
            connection = self._get_open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def select(
        self, table: str, columns: Sequence[str], key: Values, *, order: str = "rowid"
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a key.

        Args:
            table: Its name.
            columns: What is wanted of each.
            key: Values that they have in common.
            order: The columns by which they are sorted; else as they were added.
        """
        wanted = ", ".join(map(_quote, columns))
        query = f"SELECT {wanted} FROM {table} {_match(key)} ORDER BY {order}"  # noqa: S608 - our names
        with self._lock:
            if self._connection is not None:
                return self._connection.execute(query, key).fetchall()
            with closing(_connect(self._path, is_writable=False)) as connection:
                return connection.execute(query, key).fetchall()

    def put(self, table: str, key: Values, values: Values, new: Values | None = None) -> None:
        """Change the row of a key, or add it, within a change.

        Args:
            table: Its name.
            key: What tells it from others.
            values: What it shall hold beside.
            new: What it holds too if it is added.
        """
        if not self.update(table, key, values):
            self.insert(table, {**key, **values, **(new or {})})

    def insert(self, table: str, values: Values) -> None:
        """Add a row, within a change."""
        columns = ", ".join(map(_quote, values))
        places = ", ".join(f":{name}" for name in values)
        self._execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", values)  # noqa: S608 - our names

    def update(self, table: str, key: Values, values: Values) -> bool:
        """Change the rows of a key, within a change; return whether there is one."""
        change = ", ".join(map(_bind, values))
        statement = f"UPDATE {table} SET {change} {_match(key)}"  # noqa: S608 - our names
        return self._execute(statement, {**key, **values}) > 0

    def delete(self, table: str, key: Values) -> None:
        """Remove the rows of a key, within a change."""
        self._execute(f"DELETE FROM {table} {_match(key)}", key)  # noqa: S608 - our names

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _execute(self, statement: str, values: Values) -> int:
        return self._get_open().execute(statement, values).rowcount

    def _get_open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(f"the journal {self._path} was closed")
        return self._connection


def _connect(path: Path, *, is_writable: bool) -> sqlite3.Connection:
    place = path.absolute().as_uri() + ("" if is_writable else "?mode=ro")
    connection = sqlite3.connect(place, uri=True, isolation_level=None, check_same_thread=False)
    if is_writable:
        try:
            configure_sqlite(connection)
        except sqlite3.Error:
            connection.close()
            raise
    return connection


def _quote(name: str) -> str:
    return f'"{name}"'


def _bind(name: str) -> str:
    return f'"{name}" = :{name}'


def _match(key: Values) -> str:
    return "WHERE " + " AND ".join(map(_bind, key)) if key else ""


def configure_sqlite(connection: Any, _record: object = None) -> None:
    """Let a fresh SQLite connection sync every commit and wait for others' locks.

    Each connection of a pool keeps pages of its own: little, since the system keeps them as well.
    """
    cursor = connection.cursor()
    kept = f"cache_size=-{_KEPT_KIB}"
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", kept):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
