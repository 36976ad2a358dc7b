"""The market page: live tasks, workers, what waits for whom, and how it moves."""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.web.views.shell import Figure, Link, Moment, Money, Series
from pekanu.web.views.task import TaskRow


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerRow:
    """A worker that announces itself."""

    address: Link
    endpoint: str
    since: Moment
    settled: int
    expired: int
    lost: int
    live: int
    #: Its free money in the market.
    collateral: Money
    #: Share of tasks that it kept its word in, 0 to 100; None before the first.
    kept_percent: int | None
    is_mine: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Tasks that wait for one party."""

    #: ``client``, ``worker`` or ``anyone``.
    party: str
    title: str
    count: int
    href: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MarketPage:
    """`market.html`."""

    figures: tuple[Figure, ...]
    waiting: tuple[Waiting, ...]
    #: Live ones, at most 25, the newest first.
    tasks: tuple[TaskRow, ...]
    live_total: int
    workers: tuple[WorkerRow, ...]
    #: Volume settled by hour and tasks by hour.
    charts: tuple[Series, ...]
