"""The tables of the journal.

`steps` is only ever added to; `tasks`, `jobs` and `sends` hold the latest state of each. Money,
hashes and states are text, so that SQLite and PostgreSQL keep them alike. What is not here: who
writes and when (`journal`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

#: Raised with every change below.
SCHEMA_VERSION: Final = 1

metadata: Final = MetaData()

#: One row: which version of these tables it is.
versions: Final = Table("versions", metadata, Column("version", Integer, primary_key=True))

#: What a client wants computed; its tasks are the tries with one worker each.
jobs: Final = Table(
    "jobs",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("job_id", String(64), nullable=False, unique=True),
    Column("account", String(42), nullable=False),
    Column("is_live", Integer, nullable=False),
    # The job as JSON.
    Column("state", Text, nullable=False),
    # Chain time.
    Column("created_at", BigInteger, nullable=False),
)

tasks: Final = Table(
    "tasks",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("role", String(8), nullable=False),
    Column("account", String(42), nullable=False),
    Column("task_id", String(64), nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("market", String(42), nullable=False),
    Column("job_id", String(64), nullable=False, default=""),
    Column("step", String(32), nullable=False),
    Column("is_live", Integer, nullable=False),
    # Task, terms, secrets and all else that is needed to carry on, as JSON.
    Column("state", Text, nullable=False),
    # Chain time.
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("role", "account", "task_id"),
)

steps: Final = Table(
    "steps",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("role", String(8), nullable=False),
    Column("account", String(42), nullable=False),
    Column("task_id", String(64), nullable=False),
    Column("step", String(32), nullable=False),
    # Chain time.
    Column("at", BigInteger, nullable=False),
    Index("steps_of_task", "role", "account", "task_id"),
)

#: Transactions under way or mined, for the sender; by its own keys.
sends: Final = Table(
    "sends",
    metadata,
    Column("account", String(42), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("chain_id", BigInteger, primary_key=True),
    # The sender's own record as JSON.
    Column("state", Text, nullable=False),
    Column("is_open", Integer, nullable=False),
    Index("open_sends", "account", "chain_id", "is_open"),
)

#: What each mined transaction of a task cost its sender.
receipts: Final = Table(
    "receipts",
    metadata,
    Column("account", String(42), primary_key=True),
    Column("task_id", String(64), primary_key=True),
    Column("call", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("transaction", String(64), nullable=False),
    Column("gas_used", BigInteger, nullable=False),
    Column("fee", String(78), nullable=False),
)
