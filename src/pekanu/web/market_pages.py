"""The market's page, the list of tasks, and rows of tasks for every page."""

from __future__ import annotations

from typing import Final

from pekanu.market.moves import get_outlook
from pekanu.node.market_index import Record
from pekanu.types import Address
from pekanu.web.index import TaskEntry, TaskFilter
from pekanu.web.viewer import Viewer
from pekanu.web.views.market import MarketPage, Waiting, WorkerRow
from pekanu.web.views.shell import Figure, Pager
from pekanu.web.views.task import TaskList, TaskRow
from pekanu.web.wording import (
    build_amount,
    build_badge,
    build_moment,
    build_money,
    link_address,
    link_task,
)

#: Rows of a list.
PAGE_SIZE: Final = 25


def build_row(viewer: Viewer, entry: TaskEntry) -> TaskRow:
    """Return a task for a list."""
    site = viewer.site
    outlook = get_outlook(
        entry.status, entry.deadline, site.feed.now, is_challenged=entry.challenges > 0
    )
    worker = entry.worker
    return TaskRow(
        id=link_task(entry.task_id),
        function=site.functions.get(entry.task_id, ""),
        state=build_badge(entry.status),
        price=build_money(entry.price),
        client=link_address(entry.client, site.get_name(entry.client)),
        worker=None if worker is None else link_address(worker, site.get_name(worker)),
        turn=outlook.turn.value if outlook.turn else "",
        waiting_for=outlook.explanation,
        deadline=None if outlook.deadline is None else build_moment(outlook.deadline),
        updated=build_moment(entry.updated),
        is_mine=viewer.is_mine(entry.client, entry.worker),
    )


async def build_market(viewer: Viewer, _parameter: str = "") -> MarketPage:
    """Return the market's page."""
    site = viewer.site
    live = TaskFilter(is_live=True)
    summary = await site.summaries.fetch()
    return MarketPage(
        figures=(
            Figure(title="Live tasks", value=f"{summary.live:,}"),
            Figure(title="Workers", value=f"{len(summary.workers):,}", note="announced on chain"),
            Figure(title="Settled", value=f"{summary.settled:,}", note="tasks in all"),
            build_amount("Paid to workers", summary.paid),
        ),
        waiting=tuple(
            Waiting(party=party, title=title, count=summary.waiting[party], href=href)
            for party, title, href in (
                ("client", "wait for their client", "/tasks?filter=live"),
                ("worker", "wait for their worker", "/tasks?filter=live"),
                ("anyone", "wait for anyone", "/tasks?filter=overdue"),
            )
        ),
        tasks=tuple(
            build_row(viewer, entry) for entry in site.index.list_tasks(live, limit=PAGE_SIZE)
        ),
        live_total=summary.live,
        workers=tuple(
            WorkerRow(
                address=link_address(one.address, site.get_name(one.address)),
                endpoint=one.endpoint,
                since=build_moment(one.since),
                settled=one.record.settled,
                expired=one.record.expired,
                lost=one.record.lost,
                live=one.live,
                collateral=build_money(one.collateral),
                kept_percent=get_kept_percent(one.record),
                is_mine=viewer.is_mine(one.address) or one.address == site.worker.address,
            )
            for one in summary.workers
        ),
        charts=summary.charts,
    )


def build_task_list(viewer: Viewer, wanted: str, page: int) -> TaskList:
    """Return a page of tasks: ``all``, ``live``, ``mine`` or ``overdue`` ones."""
    site = viewer.site
    filters = {
        "all": TaskFilter(),
        "live": TaskFilter(is_live=True),
        "overdue": TaskFilter(is_live=True, due_before=site.feed.now),
        "mine": TaskFilter(party=viewer.account or Address("nobody")),
    }
    name = wanted if wanted in filters else "all"
    chosen = filters[name]
    total = site.index.count_tasks(chosen)
    entries = site.index.list_tasks(chosen, limit=PAGE_SIZE, offset=page * PAGE_SIZE)
    return TaskList(
        rows=tuple(build_row(viewer, entry) for entry in entries),
        pager=build_pager(f"/tasks?filter={name}&page=", page, total, len(entries)),
        filter=name,
    )


def build_pager(prefix: str, page: int, total: int, shown: int, size: int = PAGE_SIZE) -> Pager:
    """Return where a list goes on.

    Args:
        prefix: Address up to the page's number.
        page: From 0.
        total: Rows in all.
        shown: Rows on this page.
        size: Rows of a full page.
    """
    first = page * size
    return Pager(
        total=total,
        first=first + 1 if shown else 0,
        last=first + shown if shown else 0,
        newer=f"{prefix}{page - 1}" if page else "",
        older=f"{prefix}{page + 1}" if first + shown < total else "",
    )


def get_kept_percent(record: Record) -> int | None:
    """Return how often a worker kept its word, or None before its first task ended."""
    ended = record.settled + record.expired + record.lost
    return 100 * record.settled // ended if ended else None
