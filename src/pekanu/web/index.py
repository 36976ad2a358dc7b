"""The site's index: the chain's events in a file, and the tasks, workers and figures they make.

One writer, the feed; reads are quick enough to stay in the event loop. What is not here:
following the chain (`feed`), how a task is folded (`fold`), what pages say (`present`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pekanu.chain import Cursor, Log, MarketEvent, Receipt, TaskEvent, decode_event
from pekanu.chain.events import Announced
from pekanu.market.state import Status
from pekanu.node.market_index import WORKER_ROLE, Record
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei
from pekanu.web.fold import FoldedTask, fold_task
from pekanu.web.index_tables import SCHEMA, VERSION

_TASK_COLUMNS: Final = (
    "task_id, client, worker, status, deadline, challenges, price, stake, created, updated, "
    "updated_block, is_live"
)
_HOUR: Final = 3600

#: Events that are kept decoded.
_DECODED: Final = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskEntry:
    """A task as lists need it; fields in the order of the table."""

    task_id: Hash32
    client: Address
    worker: Address | None
    status: Status
    deadline: Seconds
    challenges: int
    price: Wei
    stake: Wei
    created: Seconds
    updated: Seconds
    updated_block: int
    is_live: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskFilter:
    """Which tasks; all conditions hold at once."""

    is_live: bool | None = None
    #: Client or worker.
    party: Address | None = None
    worker: Address | None = None
    #: Live ones whose deadline is before this.
    due_before: Seconds | None = None


class SiteIndex:
    """Events and what they make, of one market on one chain.

    Args:
        place: A file, or ``:memory:``.
        market: What it is of: another one's index is emptied.
    """

    def __init__(self, place: Path | str, market: str) -> None:
        self._database = sqlite3.connect(str(place), isolation_level=None, check_same_thread=False)
        self._database.executescript("pragma journal_mode=wal; pragma synchronous=off;")
        #: Raised by each change; what is made of the index can be kept until then.
        self.version = 0
        self._records: tuple[int, dict[Address, Record]] | None = None
        self._prepare(f"{VERSION}:{market}")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # --- writing ----------------------------------------------------------------------------------

    def load_cursor(self) -> Cursor | None:
        """Return where the feed stopped, or None before it began."""
        found = self._read("select value from meta where key = 'cursor'")
        return Cursor.from_json(found[0][0]) if found else None

    def add(
        self,
        events: Sequence[MarketEvent],
        times: Mapping[int, Seconds],
        receipts: Iterable[Receipt],
        cursor: Cursor,
    ) -> None:
        """Take in a batch of events.

        Args:
            events: In order.
            times: Of each of their blocks.
            receipts: Of their transactions, as far as known.
            cursor: Where to go on.
        """
        if not events:
            # Nothing that anybody sees has changed.
            self._set("cursor", cursor.to_json())
            return
        with self._writing():
            self._database.executemany(
                "insert or replace into blocks values (?, ?)", list(times.items())
            )
            for event in events:
                self._add_event(event)
            self._database.executemany(
                "insert or replace into costs values (?, ?, ?, ?)",
                [
                    (bytes(one.transaction), one.block_number, one.gas_used, str(one.fee))
                    for one in receipts
                ],
            )
            self._refold({event.task_id for event in events if isinstance(event, TaskEvent)})
            self._set("cursor", cursor.to_json())

    def roll_back(self, to_block: int, cursor: Cursor) -> None:
        """Forget what came after a block."""
        with self._writing():
            touched = {
                row[0]
                for row in self._read(
                    "select distinct task_id from events where block > ? and task_id is not null",
                    to_block,
                )
            }
            for table, column in (
                ("events", "block"),
                ("parties", "block"),
                ("blocks", "number"),
                ("costs", "block"),
            ):
                self._database.execute(f"delete from {table} where {column} > ?", (to_block,))  # noqa: S608 - names from the line above
            self._refold(touched)
            self._set("cursor", cursor.to_json())

    def clear(self) -> None:
        """Forget everything."""
        with self._writing():
            for table in ("meta", "blocks", "events", "parties", "tasks", "costs"):
                self._database.execute(f"delete from {table}")  # noqa: S608 - names from the line above

    # --- tasks ------------------------------------------------------------------------------------

    def list_tasks(
        self, wanted: TaskFilter | None = None, *, limit: int = 25, offset: int = 0
    ) -> list[TaskEntry]:
        """Return tasks, the newest first."""
        where, values = _build_where(wanted or TaskFilter())
        rows = self._read(
            f"select {_TASK_COLUMNS} from tasks {where} "  # noqa: S608 - built from constants
            "order by created desc, task_id limit ? offset ?",
            *values,
            limit,
            offset,
        )
        return [_build_entry(row) for row in rows]

    def count_tasks(self, wanted: TaskFilter | None = None) -> int:
        """Return how many tasks there are."""
        where, values = _build_where(wanted or TaskFilter())
        return int(self._read(f"select count(*) from tasks {where}", *values)[0][0])  # noqa: S608 - as above

    def count_by_status(self) -> dict[Status, int]:
        """Return how many tasks stand in each status."""
        rows = self._read("select status, count(*) from tasks group by status")
        return {Status(status): count for status, count in rows}

    def count_waiting(self, now: Seconds) -> list[tuple[Status, bool, bool, int]]:
        """Return live tasks: status, whether late, whether challenged, how many."""
        rows = self._read(
            "select status, deadline < ?, challenges > 0, count(*) from tasks "
            "where is_live = 1 group by 1, 2, 3",
            now,
        )
        return [(Status(row[0]), bool(row[1]), bool(row[2]), row[3]) for row in rows]

    def find_entry(self, task_id: bytes) -> TaskEntry | None:
        """Return a task for a list, or None when the market never saw it."""
        rows = self._read(f"select {_TASK_COLUMNS} from tasks where task_id = ?", task_id)  # noqa: S608 - constants
        return _build_entry(rows[0]) if rows else None

    def find_task(self, task_id: bytes) -> FoldedTask | None:
        """Return a task with its terms and claim, or None when the market never saw it."""
        return fold_task(self.list_task_events(task_id), self.get_time)

    def list_task_events(self, task_id: bytes) -> list[TaskEvent]:
        """Return what happened to a task, in order."""
        events = self._read_events("where task_id = ? order by block, position", task_id)
        return [event for event in events if isinstance(event, TaskEvent)]

    def list_payments(self, worker: Address) -> list[tuple[Seconds, Wei]]:
        """Return when a worker was paid what, in order."""
        rows = self._read(
            "select updated, price from tasks where worker = ? and status = ? order by updated",
            worker,
            int(Status.SETTLED),
        )
        return [(Seconds(when), Wei(int(price))) for when, price in rows]

    # --- workers ----------------------------------------------------------------------------------

    def list_workers(self) -> list[Announced]:
        """Return the last announcement of each worker that did not retract it."""
        last: dict[Address, Announced] = {}
        for event in self._read_events("where name = 'Announced' order by block, position"):
            if isinstance(event, Announced) and event.role == WORKER_ROLE:
                last[event.account] = event
        return [event for event in last.values() if event.endpoint]

    def count_records(self) -> dict[Address, Record]:
        """Return how each worker's tasks ended; counted once after each change."""
        if self._records is None or self._records[0] != self.version:
            self._records = self.version, self._count_records()
        return self._records[1]

    def _count_records(self) -> dict[Address, Record]:
        found: dict[Address, dict[str, int]] = {}
        kinds = {
            Status.SETTLED: "settled",
            Status.EXPIRED: "expired",
            Status.FORFEITED: "lost",
            Status.REFUTED: "lost",
        }
        rows = self._read(
            "select worker, status, count(*) from tasks where worker is not null "
            "group by worker, status"
        )
        for worker, status, count in rows:
            kind = kinds.get(Status(status))
            if kind is not None:
                counts = found.setdefault(worker, {})
                counts[kind] = counts.get(kind, 0) + count
        return {worker: Record(**counts) for worker, counts in found.items()}

    def count_live_by_worker(self) -> dict[Address, int]:
        """Return how many live tasks each worker has."""
        rows = self._read(
            "select worker, count(*) from tasks where is_live = 1 and worker is not null "
            "group by worker"
        )
        return {Address(worker): count for worker, count in rows}

    # --- events and figures -----------------------------------------------------------------------

    def list_events(self, *, limit: int = 50, offset: int = 0) -> list[MarketEvent]:
        """Return events, the newest first."""
        return self._read_events(
            "order by block desc, position desc limit ? offset ?", limit, offset
        )

    def count_events(self) -> int:
        """Return how many events there are."""
        return int(self._read("select count(*) from events")[0][0])

    def list_block_events(self, number: int) -> list[MarketEvent]:
        """Return the events of a block, in order."""
        return self._read_events("where block = ? order by position", number)

    def list_account_events(
        self, account: Address, *, limit: int = 50, offset: int = 0
    ) -> list[MarketEvent]:
        """Return the events that name an account, the newest first."""
        return self._read_events(
            "natural join (select block, position from parties where account = ?) "
            "order by block desc, position desc limit ? offset ?",
            account,
            limit,
            offset,
        )

    def count_account_events(self, account: Address) -> int:
        """Return how many events name an account."""
        return int(self._read("select count(*) from parties where account = ?", account)[0][0])

    def get_time(self, block: int) -> Seconds:
        """Return the chain time of a block with events; 0 when it is none."""
        rows = self._read("select time from blocks where number = ?", block)
        return Seconds(rows[0][0] if rows else 0)

    def sum_volume_by_hour(self, hours: int = 48) -> list[tuple[int, int]]:
        """Return hours, as their first second, and the wei settled in each, in order."""
        rows = self._read(
            "select updated / ?, price from tasks where status = ? "
            "and updated > (select coalesce(max(updated), 0) from tasks) - ?",
            _HOUR,
            int(Status.SETTLED),
            hours * _HOUR,
        )
        sums: dict[int, int] = {}
        for hour, price in rows:
            sums[hour * _HOUR] = sums.get(hour * _HOUR, 0) + int(price)
        return sorted(sums.items())

    def sum_gas_by_hour(self, hours: int = 48) -> list[tuple[int, int]]:
        """Return hours, as their first second, and the gas that the market took in each."""
        rows = self._read(
            "select time / ? * ?, sum(gas) from costs join blocks on block = number "
            "where time > (select coalesce(max(time), 0) from blocks) - ? "
            "group by 1 order by 1",
            _HOUR,
            _HOUR,
            hours * _HOUR,
        )
        return [(int(hour), int(gas)) for hour, gas in rows]

    def sum_settled(self) -> Wei:
        """Return all prices that were paid."""
        rows = self._read("select price from tasks where status = ?", int(Status.SETTLED))
        return Wei(sum(int(price) for (price,) in rows))

    # --- within -----------------------------------------------------------------------------------

    def _prepare(self, identity: str) -> None:
        self._database.executescript(SCHEMA)
        found = self._read("select value from meta where key = 'identity'")
        if not found or found[0][0] != identity:
            self.clear()
            with self._writing():
                self._set("identity", identity)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._database.execute("begin")
        try:
            yield
        except BaseException:
            self._database.execute("rollback")
            raise
        self._database.execute("commit")
        self.version += 1

    def _set(self, key: str, value: str) -> None:
        self._database.execute("insert or replace into meta values (?, ?)", (key, value))

    def _read(self, query: str, *values: object) -> list[Any]:
        return self._database.execute(query, values).fetchall()

    def _read_events(self, rest: str, *values: object) -> list[MarketEvent]:
        rows = self._read(
            f"select block, position, block_hash, tx, topics, data from events {rest}",  # noqa: S608 - constants
            *values,
        )
        decoded = map(_decode, rows)
        return [event for event in decoded if event is not None]

    def _add_event(self, event: MarketEvent) -> None:
        log = event.log
        task_id = event.task_id if isinstance(event, TaskEvent) else None
        place = (log.block_number, log.index)
        self._database.execute(
            "insert or replace into events values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *place,
                bytes(log.block_hash),
                bytes(log.transaction),
                type(event).__name__,
                task_id,
                b"".join(log.topics),
                log.data,
            ),
        )
        named = {
            str(getattr(event, name))
            for name in ("account", "client", "worker", "challenger")
            if hasattr(event, name)
        }
        self._database.executemany(
            "insert or replace into parties values (?, ?, ?)",
            [(account, *place) for account in named],
        )

    def _refold(self, task_ids: Iterable[bytes]) -> None:
        for task_id in task_ids:
            folded = self.find_task(task_id)
            if folded is None:
                self._database.execute("delete from tasks where task_id = ?", (task_id,))
                continue
            self._store_entry(
                TaskEntry(
                    task_id=folded.task_id,
                    client=folded.task.client,
                    worker=folded.worker,
                    status=folded.status,
                    deadline=folded.deadline,
                    challenges=folded.challenges,
                    price=folded.task.price,
                    stake=folded.task.stake,
                    created=folded.created,
                    updated=folded.updated,
                    updated_block=folded.updated_block,
                    is_live=not folded.status.is_terminal,
                )
            )

    def _store_entry(self, entry: TaskEntry) -> None:
        row = astuple(entry)
        values = [str(one) if isinstance(one, int) and one >> 60 else one for one in row]
        values[6], values[7] = str(entry.price), str(entry.stake)
        self._database.execute(
            f"insert or replace into tasks values ({', '.join('?' * len(values))})",  # noqa: S608 - question marks
            values,
        )


def _build_where(wanted: TaskFilter) -> tuple[str, list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    if wanted.is_live is not None:
        conditions.append("is_live = ?")
        values.append(int(wanted.is_live))
    if wanted.party is not None:
        conditions.append("(client = ? or worker = ?)")
        values += [wanted.party, wanted.party]
    if wanted.worker is not None:
        conditions.append("worker = ?")
        values.append(wanted.worker)
    if wanted.due_before is not None:
        conditions.append("is_live = 1 and deadline < ?")
        values.append(wanted.due_before)
    return ("where " + " and ".join(conditions) if conditions else ""), values


def _build_entry(row: Sequence[Any]) -> TaskEntry:
    return TaskEntry(
        task_id=Hash32(row[0]),
        client=Address(row[1]),
        worker=None if row[2] is None else Address(row[2]),
        status=Status(row[3]),
        deadline=Seconds(row[4]),
        challenges=row[5],
        price=Wei(int(row[6])),
        stake=Wei(int(row[7])),
        created=Seconds(row[8]),
        updated=Seconds(row[9]),
        updated_block=row[10],
        is_live=bool(row[11]),
    )


@lru_cache(maxsize=_DECODED)
def _decode(row: tuple[Any, ...]) -> MarketEvent | None:
    """Return an event; pages of lists show the same ones again and again."""
    return decode_event(_build_log(row))


def _build_log(row: Sequence[Any]) -> Log:
    topics = row[4]
    return Log(
        address=ZERO_ADDRESS,  # the market's, whose events alone are here
        topics=tuple(Hash32(topics[at : at + 32]) for at in range(0, len(topics), 32)),
        data=row[5],
        block_number=row[0],
        block_hash=Hash32(row[2]),
        transaction=Hash32(row[3]),
        index=row[1],
    )
