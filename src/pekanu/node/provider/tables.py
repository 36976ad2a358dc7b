"""The tables of a provider's index.

Hashes are hex text, so that SQLite and PostgreSQL keep and show them alike; lists of chunks are one
value, since they are read and written whole. A change here needs a migration (`migrations`).
Not here: who writes and when (`index`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata: Final = MetaData()

#: Files or objects that hold chunks one behind the other.
packs: Final = Table(
    "packs",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("size", BigInteger, nullable=False),
    # Bytes of chunks that a live agreement refers to.
    Column("live_bytes", BigInteger, nullable=False),
)

#: Chunks that a live agreement refers to, held or still awaited.
chunks: Final = Table(
    "chunks",
    metadata,
    # Root and size: who names a root with a wrong size names another chunk.
    Column("chunk", String(72), primary_key=True),
    Column("size", BigInteger, nullable=False),
    # Null until the chunk is held.
    Column("pack", String(32), nullable=True),
    Column("place", BigInteger, nullable=False, default=0),
    # Live agreements that refer to it.
    Column("holders", Integer, nullable=False),
    Index("chunks_of_pack", "pack"),
)

agreements: Final = Table(
    "agreements",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("agreement_id", String(64), nullable=False, unique=True),
    Column("server", String(42), nullable=False),
    # The client's contract, and the wallet that speaks for it.
    Column("client", String(42), nullable=False),
    Column("agent", String(42), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("is_live", Boolean, nullable=False),
    # Its chunks are referred to.
    Column("is_held", Boolean, nullable=False),
    # Quote, signatures, transactions and all else that is needed to carry on, as JSON.
    Column("state", Text, nullable=False),
    # Records of 36 bytes: root, size.
    Column("entries", LargeBinary, nullable=False),
    # One byte a chunk: 1 when the client uploaded it or showed that it holds it.
    Column("shown", LargeBinary, nullable=False),
    # Bytes that are kept free for what is still to come.
    Column("awaited_bytes", BigInteger, nullable=False),
    # Chain time.
    Column("created_at", BigInteger, nullable=False),
    # When its bytes cease to be kept: the end of its term, or the second at which it ended before.
    Column("ends_at", BigInteger, nullable=False),
    Index("live_agreements", "is_live"),
    Index("agreements_of_agent", "agent"),
    Index("ends_of_agreements", "ends_at"),
)

#: Clients that were let in.
clients: Final = Table(
    "clients",
    metadata,
    Column("agent", String(42), primary_key=True),
    Column("server", String(42), primary_key=True),
    # Registration, admission and signatures as JSON.
    Column("state", Text, nullable=False),
)
