"""The market in figures, made once for all who look at it.

What is not here: words (`market_pages`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pekanu.errors import ChainError
from pekanu.market.moves import get_outlook
from pekanu.market.state import Status
from pekanu.node.market_index import Record
from pekanu.types import Address, Seconds, Wei
from pekanu.web.balances import Balances
from pekanu.web.feed import ChainFeed
from pekanu.web.index import SiteIndex
from pekanu.web.views.shell import Series


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSummary:
    """A worker that announces itself."""

    address: Address
    endpoint: str
    since: Seconds
    record: Record
    live: int
    collateral: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """The market in figures."""

    live: int
    settled: int
    paid: Wei
    #: By party: client, worker, anyone.
    waiting: dict[str, int]
    workers: tuple[WorkerSummary, ...]
    charts: tuple[Series, ...]


class Summaries:
    """Makes the summary when the chain moved, and keeps it until then."""

    def __init__(self, index: SiteIndex, feed: ChainFeed, balances: Balances) -> None:
        self._index, self._feed, self._balances = index, feed, balances
        self._made: tuple[int, int] | None = None
        self._summary: Summary | None = None
        self._charts: tuple[int, tuple[Series, ...], Wei] | None = None
        self._making = asyncio.Lock()

    async def fetch(self) -> Summary:
        """Return the market as of now."""
        async with self._making:
            state = (self._index.version, self._feed.block)
            if self._summary is None or self._made != state:
                self._summary = await self._make()
                self._made = state
            return self._summary

    async def _make(self) -> Summary:
        index = self._index
        waiting = {"client": 0, "worker": 0, "anyone": 0}
        live = 0
        now = self._feed.now
        for status, is_late, is_challenged, count in index.count_waiting(now):
            live += count
            deadline = Seconds(now - 1 if is_late else now)
            turn = get_outlook(status, deadline, now, is_challenged=is_challenged).turn
            if turn is not None:
                waiting[turn.value] += count
        charts, paid = self._get_charts()
        return Summary(
            live=live,
            settled=index.count_by_status().get(Status.SETTLED, 0),
            paid=paid,
            waiting=waiting,
            workers=await self._summarize_workers(),
            charts=charts,
        )

    def _get_charts(self) -> tuple[tuple[Series, ...], Wei]:
        version = self._index.version
        if self._charts is None or self._charts[0] != version:
            charts = (
                _build_series(
                    "volume",
                    "Paid to workers by hour",
                    "ether",
                    [(hour, wei / 10**18) for hour, wei in self._index.sum_volume_by_hour()],
                ),
                _build_series(
                    "gas",
                    "Gas by hour",
                    "gas",
                    [(hour, float(gas)) for hour, gas in self._index.sum_gas_by_hour()],
                ),
            )
            self._charts = version, charts, self._index.sum_settled()
        return self._charts[1], self._charts[2]

    async def _summarize_workers(self) -> tuple[WorkerSummary, ...]:
        index = self._index
        records, live = index.count_records(), index.count_live_by_worker()
        found = []
        for event in index.list_workers():
            try:
                _, collateral = await self._balances.fetch(event.account)
            except ChainError:
                collateral = Wei(0)
            found.append(
                WorkerSummary(
                    address=event.account,
                    endpoint=event.endpoint,
                    since=index.get_time(event.log.block_number),
                    record=records.get(event.account, Record()),
                    live=live.get(event.account, 0),
                    collateral=collateral,
                )
            )
        return tuple(sorted(found, key=lambda one: (-one.record.score, one.address)))


def _build_series(name: str, title: str, unit: str, points: list[tuple[int, float]]) -> Series:
    return Series(
        name=name,
        title=title,
        unit=unit,
        times=tuple(when for when, _ in points),
        values=tuple(value for _, value in points),
    )
