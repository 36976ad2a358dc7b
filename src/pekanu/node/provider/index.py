"""A provider's index: which chunk lies in which pack, and which agreements refer to it.

SQLite by default (write-ahead log, every commit synced), PostgreSQL by a URL; the tables are
brought to this version at every start. A chunk is referred to by each live agreement that lists
it, from the payment on; one that none refers to is forgotten with its bytes.
Not here: the bytes (`vault`), what an agreement is (`agreements`).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import (
    Connection,
    Engine,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from pekanu.errors import JournalError, UsageError
from pekanu.node.journal_tables import configure_sqlite
from pekanu.node.provider.tables import agreements, chunks, clients, packs
from pekanu.storage.chunk_names import ChunkList, ChunkName
from pekanu.types import Hash32

#: Values of one question, at most.
_MANY: Final = 512
#: Agreements in memory at once, where all are gone through.
_FEW: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a chunk's bytes lie."""

    pack: str
    offset: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreementHead:
    """An agreement as the index keeps it, without its lists, which may be megabytes."""

    agreement_id: Hash32
    server: str
    client: str
    agent: str
    stage: str
    is_live: bool
    is_held: bool
    state: str
    awaited_bytes: int
    created_at: int
    ends_at: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreementRow(AgreementHead):
    """All of an agreement."""

    entries: bytes
    #: A byte a chunk: whether its client brought or showed it.
    shown: bytes

    @property
    def names(self) -> ChunkList:
        """The chunks in their order."""
        return ChunkList(self.entries)


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """How full a provider is."""

    #: Bytes of all packs.
    pack_bytes: int
    #: Of them, those that a live agreement refers to.
    live_bytes: int
    #: Bytes that live agreements still await.
    awaited_bytes: int
    chunk_count: int


_HEADS: Final = select(*(agreements.c[field.name] for field in fields(AgreementHead)))
#: Asked for with each request; to put it together takes longer than to answer it.
_HEAD: Final = _HEADS.where(agreements.c.agreement_id == bindparam("id"))


class ProviderIndex:
    """The index of one provider; made by `open_index`. All methods block."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._lock = engine, threading.Lock()

    @contextmanager
    def _change(self) -> Iterator[Connection]:
        with self._lock, self._engine.begin() as connection:
            yield connection

    # --- agreements ---------------------------------------------------------------------------

    def add_agreement(self, row: AgreementRow) -> None:
        """Write a new agreement; one that is there is left as it is."""
        values = {field.name: getattr(row, field.name) for field in fields(AgreementRow)}
        values["agreement_id"] = row.agreement_id.hex()
        with self._change() as connection:
            if _find_agreement(connection, row.agreement_id) is None:
                connection.execute(insert(agreements).values(**values))

    def get_agreement(self, agreement_id: Hash32) -> AgreementRow | None:
        """Return an agreement, or None."""
        with self._engine.connect() as connection:
            return _find_agreement(connection, agreement_id)

    def load_names(self, agreement_id: Hash32) -> ChunkList:
        """Return an agreement's chunks; none where there is no such agreement."""
        query = select(agreements.c.entries)
        with self._engine.connect() as connection:
            found = connection.execute(
                query.where(agreements.c.agreement_id == agreement_id.hex())
            ).scalar_one_or_none()
        return ChunkList(bytes(found or b""))

    def get_head(self, agreement_id: Hash32) -> AgreementHead | None:
        """Return an agreement without its lists, or None."""
        with self._engine.connect() as connection:
            found = connection.execute(_HEAD, {"id": agreement_id.hex()}).mappings().one_or_none()
        return None if found is None else _to_head(found)

    def list_agreements(
        self, *, agent: str | None = None, live_only: bool = False
    ) -> list[AgreementHead]:
        """Return agreements, oldest first."""
        query = _HEADS.order_by(agreements.c.number)
        if agent is not None:
            query = query.where(agreements.c.agent == agent)
        if live_only:
            query = query.where(agreements.c.is_live)
        with self._engine.connect() as connection:
            return [_to_head(found) for found in connection.execute(query).mappings()]

    def iterate_others(self, row: AgreementHead, since: int) -> Iterator[AgreementRow]:
        """Yield all agreements but one that had not ended at a second, one after the other."""
        query = select(agreements).where(
            agreements.c.ends_at > since, agreements.c.agreement_id != row.agreement_id.hex()
        )
        with self._engine.connect().execution_options(yield_per=_FEW) as connection:
            for found in connection.execute(query).mappings():
                yield _to_row(found)

    def count_live(self, *, agent: str, stage: str) -> int:
        """Return how many of somebody's live agreements stand at a stage."""
        query = select(func.count()).where(
            agreements.c.agent == agent, agreements.c.stage == stage, agreements.c.is_live
        )
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def set_state(
        self,
        agreement_id: Hash32,
        *,
        stage: str,
        state: str,
        is_live: bool,
        expected: str,
        ends_at: int | None = None,
    ) -> bool:
        """Write where an agreement stands; return False if it stands elsewhere than expected."""
        values = {"stage": stage, "state": state, "is_live": is_live}
        if ends_at is not None:
            values["ends_at"] = ends_at
        with self._change() as connection:
            changed = connection.execute(
                update(agreements)
                .where(
                    agreements.c.agreement_id == agreement_id.hex(), agreements.c.stage == expected
                )
                .values(values)
            )
            return changed.rowcount > 0

    def remove_agreement(self, agreement_id: Hash32) -> None:
        """Forget an agreement that never held anything."""
        with self._change() as connection:
            connection.execute(
                delete(agreements).where(
                    agreements.c.agreement_id == agreement_id.hex(), ~agreements.c.is_held
                )
            )

    # --- clients ------------------------------------------------------------------------------

    def get_client(self, agent: str, server: str) -> str | None:
        """Return what was written of a client, or None."""
        query = select(clients.c.state).where(clients.c.agent == agent, clients.c.server == server)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def set_client(self, agent: str, server: str, state: str) -> None:
        """Write what is known of a client."""
        mine = (clients.c.agent == agent, clients.c.server == server)
        with self._change() as connection:
            if not connection.execute(update(clients).where(*mine).values(state=state)).rowcount:
                connection.execute(insert(clients).values(agent=agent, server=server, state=state))

    # --- chunks -------------------------------------------------------------------------------

    def hold(self, agreement_id: Hash32) -> None:
        """Refer to all chunks of an agreement, so that none is forgotten; once."""
        with self._change() as connection:
            row = _find_agreement(connection, agreement_id)
            if row is None or row.is_held:
                return
            for wanted in _split_wanted(row.names):
                there = _find_keys(connection, list(wanted))
                _count(connection, there, 1)
                new = [
                    {"chunk": key, "size": size, "pack": None, "place": 0, "holders": 1}
                    for key, size in wanted.items()
                    if key not in there
                ]
                if new:
                    connection.execute(insert(chunks), new)
            connection.execute(
                update(agreements)
                .where(agreements.c.agreement_id == agreement_id.hex())
                .values(is_held=True)
            )

    def release(self, agreement_id: Hash32) -> list[str]:
        """Refer no longer to an agreement's chunks; return the packs that nobody needs now."""
        with self._change() as connection:
            row = _find_agreement(connection, agreement_id)
            if row is None or not row.is_held:
                return []
            live: Counter[str] = Counter()
            for wanted in _split_wanted(row.names):
                there = _find_keys(connection, list(wanted))
                _count(connection, there, -1)
                lost = {key: place for key, place in there.items() if place.holders == 1}
                for key, place in lost.items():
                    if place.pack:
                        live[place.pack] -= wanted[key]
                for some in _split(list(lost)):
                    connection.execute(delete(chunks).where(chunks.c.chunk.in_(some)))
            _add_live(connection, live)
            connection.execute(
                update(agreements)
                .where(agreements.c.agreement_id == agreement_id.hex())
                .values(is_held=False, awaited_bytes=0)
            )
            return _take_dead(connection)

    def find_places(self, names: Iterable[ChunkName]) -> dict[str, Place]:
        """Return where those of some chunks lie that are held, by their keys."""
        with self._engine.connect() as connection:
            found = _find_keys(connection, [name.key for name in names])
        return {
            key: Place(pack=place.pack, offset=place.offset, size=place.size)
            for key, place in found.items()
            if place.pack is not None
        }

    def record_pack(
        self,
        agreement_id: Hash32,
        names: ChunkList,
        *,
        pack: str | None,
        places: Mapping[str, Place],
        shown: Iterable[int],
    ) -> bool:
        """Write that chunks are held, and which of an agreement's the client has shown.

        Args:
            agreement_id: Whose upload it is.
            names: The agreement's chunks.
            pack: The new pack; None when every chunk was held before.
            places: By key; chunks that another upload brought meanwhile stay where they are.
            shown: Places in the agreement's order.

        Returns:
            Whether anything refers to the pack now; otherwise it is to be deleted.
        """
        with self._change() as connection:
            query = select(agreements.c.shown, agreements.c.awaited_bytes)
            is_this = agreements.c.agreement_id == agreement_id.hex()
            row = connection.execute(query.where(is_this)).one_or_none()
            if row is None:
                return False
            there = _find_keys(connection, list(places))
            fresh = {key: places[key] for key, found in there.items() if found.pack is None}
            if fresh and pack is not None:
                size = max(place.offset + place.size for place in places.values())
                live = sum(place.size for place in fresh.values())
                connection.execute(insert(packs).values(name=pack, size=size, live_bytes=live))
                _set_places(connection, fresh)
            marks, done = bytearray(row.shown), 0
            for number in shown:
                done += names[number].size if not marks[number] else 0
                marks[number] = 1
            connection.execute(
                update(agreements)
                .where(is_this)
                .values(shown=bytes(marks), awaited_bytes=max(0, row.awaited_bytes - done))
            )
            return bool(fresh)

    # --- upkeep -------------------------------------------------------------------------------

    def list_packs(self) -> set[str]:
        """Return the names of all packs that are known."""
        with self._engine.connect() as connection:
            return set(connection.execute(select(packs.c.name)).scalars())

    def find_sparse_pack(self) -> str | None:
        """Return a pack of which less than half is needed, or None."""
        query = select(packs.c.name).where(packs.c.live_bytes * 2 < packs.c.size).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def list_places(self, pack: str) -> dict[str, Place]:
        """Return the chunks of a pack."""
        query = select(chunks).where(chunks.c.pack == pack).order_by(chunks.c.place)
        with self._engine.connect() as connection:
            return {
                row["chunk"]: Place(pack=pack, offset=row["place"], size=row["size"])
                for row in connection.execute(query).mappings()
            }

    def move(self, old: str, new: str, places: Mapping[str, Place]) -> None:
        """Write that what was needed of a pack lies in a new one."""
        with self._change() as connection:
            there = _find_keys(connection, list(places))
            kept = {key: places[key] for key, found in there.items() if found.pack == old}
            size = sum(place.size for place in places.values())
            live = sum(place.size for place in kept.values())
            connection.execute(insert(packs).values(name=new, size=size, live_bytes=live))
            _set_places(connection, kept)
            connection.execute(delete(packs).where(packs.c.name == old))

    def measure(self) -> Usage:
        """Return how full the provider is."""
        with self._engine.connect() as connection:
            size, live = connection.execute(
                select(
                    func.coalesce(func.sum(packs.c.size), 0),
                    func.coalesce(func.sum(packs.c.live_bytes), 0),
                )
            ).one()
            awaited = connection.execute(
                select(func.coalesce(func.sum(agreements.c.awaited_bytes), 0)).where(
                    agreements.c.is_live
                )
            ).scalar_one()
            count = connection.execute(
                select(func.count()).select_from(chunks).where(chunks.c.pack.is_not(None))
            ).scalar_one()
        return Usage(
            pack_bytes=int(size),
            live_bytes=int(live),
            awaited_bytes=int(awaited),
            chunk_count=int(count),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    pack: str | None
    offset: int
    size: int
    holders: int


def _find_agreement(connection: Connection, agreement_id: Hash32) -> AgreementRow | None:
    query = select(agreements).where(agreements.c.agreement_id == agreement_id.hex())
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else _to_row(found)


def _to_head(found: Mapping[Any, Any]) -> AgreementHead:
    return AgreementHead(**{**found, "agreement_id": _to_id(found)})


def _to_row(found: Mapping[Any, Any]) -> AgreementRow:
    values = {field.name: found[field.name] for field in fields(AgreementRow)}
    lists = {name: bytes(found[name]) for name in ("entries", "shown")}
    return AgreementRow(**{**values, **lists, "agreement_id": _to_id(found)})


def _to_id(found: Mapping[Any, Any]) -> Hash32:
    return Hash32(bytes.fromhex(found["agreement_id"]))


def _find_keys(connection: Connection, keys: list[str]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for some in _split(keys):
        query = select(chunks).where(chunks.c.chunk.in_(some))
        for row in connection.execute(query).mappings():
            found[row["chunk"]] = _Found(
                pack=row["pack"], offset=row["place"], size=row["size"], holders=row["holders"]
            )
    return found


def _count(connection: Connection, keys: Iterable[str], change: int) -> None:
    for some in _split(list(keys)):
        connection.execute(
            update(chunks).where(chunks.c.chunk.in_(some)).values(holders=chunks.c.holders + change)
        )


def _add_live(connection: Connection, changes: Mapping[str, int]) -> None:
    for name, change in changes.items():
        connection.execute(
            update(packs).where(packs.c.name == name).values(live_bytes=packs.c.live_bytes + change)
        )


def _set_places(connection: Connection, places: Mapping[str, Place]) -> None:
    if places:
        connection.execute(
            update(chunks)
            .where(chunks.c.chunk == bindparam("key"))
            .values(pack=bindparam("new_pack"), place=bindparam("new_place")),
            [
                {"key": key, "new_pack": place.pack, "new_place": place.offset}
                for key, place in places.items()
            ],
        )


def _take_dead(connection: Connection) -> list[str]:
    """Forget the packs of which nothing is needed, and return them."""
    query = select(packs.c.name).where(packs.c.live_bytes <= 0)
    dead = list(connection.execute(query).scalars())
    for some in _split(dead):
        connection.execute(delete(packs).where(packs.c.name.in_(some)))
    return dead


def _split_wanted(names: ChunkList) -> Iterator[dict[str, int]]:
    """Yield the sizes of an agreement's chunks by their keys, many at a time, each once."""
    for some in names.split_different(_MANY):
        found = (names[number] for number in some)
        yield {name.key: name.size for name in found}


def _split(keys: list[str]) -> Iterator[list[str]]:
    """Yield keys, many at a time and so many that there are few lengths: the last several times.

    A connection keeps a hundred prepared questions, one for each length: a kilobyte a chunk.
    """
    for start in range(0, len(keys), _MANY):
        some = keys[start : start + _MANY]
        yield some + some[-1:] * ((1 << (len(some) - 1).bit_length()) - len(some))


@contextmanager
def open_index(place: Path | str) -> Iterator[ProviderIndex]:
    """Yield an index whose tables are of this version.

    Args:
        place: A SQLite file, or a URL such as ``postgresql://user@host/name``.

    Raises:
        UsageError: The URL is of no database that is installed here.
        JournalError: The database cannot be used.
    """
    path = place if isinstance(place, Path) else None
    try:
        url = make_url(f"sqlite:///{path}" if path else str(place))
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+pg8000")
        engine = create_engine(url)
    except (ImportError, NoSuchModuleError) as error:
        raise UsageError(
            f"{place} needs a driver that is not installed: {error}",
            hint="for PostgreSQL: pip install 'pekanu[postgresql]'",
        ) from error
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", configure_sqlite)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
    try:
        with engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        yield ProviderIndex(engine)
    except DBAPIError as error:
        raise JournalError(f"the index cannot be used: {error.orig}") from error
    finally:
        engine.dispose()
