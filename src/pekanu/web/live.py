"""Live pages: on each connect a snapshot of a page's regions, then those that changed.

A region is a partial template in an element of the same name. A listener that is slow misses
what came between and gets the newest state, so nothing is queued. What is not here: what changed
(`pulse`), the pages' models.
Source: the HTML standard, "Server-sent events".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pekanu.errors import PekanuError, UsageError
from pekanu.web.broadcast import Snapshot
from pekanu.web.dispute_pages import build_dispute, build_dispute_list
from pekanu.web.explorer_pages import build_explorer, build_gone, build_place, parse_page
from pekanu.web.keeping_pages import build_keeping
from pekanu.web.market_pages import build_market, build_task_list
from pekanu.web.rendering import format_series, render
from pekanu.web.storage_pages import build_storage, build_stored
from pekanu.web.task_pages import build_task_page
from pekanu.web.viewer import Viewer, build_shell
from pekanu.web.views.market import MarketPage
from pekanu.web.views.shell import Series
from pekanu.web.views.work import WorkPage
from pekanu.web.work_pages import build_work

Builder: TypeAlias = Callable[[Viewer, str], Awaitable[Any]]

#: Browsers' open streams; more are refused.
MAX_LISTENERS: Final = 128
#: Seconds between signs of life while nothing changes.
_SILENCE_SECONDS: Final = 15.0
#: Seconds between two messages at least.
_REST_SECONDS: Final = 0.2
#: What a browser waits before it connects again.
_RETRY_MILLISECONDS: Final = 1000


async def _build_explorer(viewer: Viewer, parameter: str) -> Any:
    return build_explorer(viewer, parameter or "0")


async def _build_tasks(viewer: Viewer, parameter: str) -> Any:
    wanted, _, page = parameter.partition(":")
    return build_task_list(viewer, wanted, parse_page(page))


async def _build_disputes(viewer: Viewer, _parameter: str) -> Any:
    return build_dispute_list(viewer)


async def _build_place(viewer: Viewer, parameter: str) -> Any:
    place, _, page = parameter.partition(":")
    _, model = await build_place(viewer, place, parse_page(page))
    return model


async def _build_transaction(viewer: Viewer, parameter: str) -> Any:
    digest = parameter.partition(":")[0]
    try:
        return await _build_place(viewer, digest)
    except UsageError:
        # It was there when the page was loaded.
        return build_gone(viewer.site, digest)


async def _build_nothing(_viewer: Viewer, _parameter: str) -> Any:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class LivePage:
    """A page that lives."""

    build: Builder
    #: Element ids; the partial has the same name with underscores.
    regions: tuple[str, ...]


LIVE_PAGES: Final[dict[str, LivePage]] = {
    "page": LivePage(build=_build_nothing, regions=()),
    "market": LivePage(
        build=build_market, regions=("market-figures", "market-tasks", "market-workers")
    ),
    "task": LivePage(
        build=build_task_page,
        regions=(
            "task-status",
            "task-timeline",
            "task-actions",
            "task-challenge",
            "task-disputes",
            "task-result",
            "task-facts",
        ),
    ),
    "tasks": LivePage(build=_build_tasks, regions=("task-list",)),
    "dispute": LivePage(
        build=build_dispute,
        regions=("dispute-standing", "dispute-proof", "dispute-rungs", "dispute-clocks"),
    ),
    "disputes": LivePage(build=_build_disputes, regions=("dispute-list",)),
    "address": LivePage(build=_build_place, regions=("address-content",)),
    "transaction": LivePage(build=_build_transaction, regions=("transaction-content",)),
    "storage": LivePage(build=build_storage, regions=("storage-list",)),
    "keeping": LivePage(build=build_keeping, regions=("keeping-status", "keeping-content")),
    "stored": LivePage(
        build=build_stored,
        regions=("stored-status", "stored-actions", "stored-files", "stored-steps", "stored-facts"),
    ),
    "work": LivePage(build=build_work, regions=("work-status", "work-queue")),
    "explorer": LivePage(build=_build_explorer, regions=("explorer-events",)),
}


async def fetch_snapshot(viewer: Viewer, name: str) -> Snapshot:
    """Return a page's regions as of now, made once for all who see the same.

    Args:
        viewer: Who looks.
        name: Of the page, perhaps with a parameter behind a colon.

    Raises:
        UsageError: There is no such page, or nothing under its parameter.
    """
    site = viewer.site
    key = (name, viewer.account, viewer.is_wallet, site.pulse.count)
    kept = site.broadcast.find(key)
    if kept is None:
        kept = await _make(viewer, name)
        site.broadcast.keep(key, kept)
    return kept


async def stream_page(
    viewer: Viewer, name: str, is_gone: Callable[[], Awaitable[bool]]
) -> AsyncIterator[str]:
    """Yield a snapshot and then what changes, as server-sent events, until nobody listens."""
    pulse, broadcast = viewer.site.pulse, viewer.site.broadcast
    broadcast.listeners += 1
    shown = Snapshot(regions={}, charts={})
    try:
        yield f"retry: {_RETRY_MILLISECONDS}\n\n"
        while True:
            seen = pulse.count
            try:
                snapshot = await fetch_snapshot(viewer, name)
            except PekanuError:
                return
            message = format_changes(shown, snapshot)
            shown = snapshot
            yield message or ": nothing new\n\n"
            # However fast the chain is, a browser is not asked to draw more often.
            await asyncio.sleep(_REST_SECONDS)
            await pulse.wait(seen, timeout_seconds=_SILENCE_SECONDS)
            if await is_gone():
                return
    finally:
        broadcast.listeners -= 1


def format_changes(shown: Snapshot, snapshot: Snapshot) -> str:
    """Return the events that turn one snapshot into the next; empty when nothing changed."""
    partials = "".join(
        f'<div data-region="{region}">{html}</div>'
        for region, html in snapshot.regions.items()
        if shown.regions.get(region) != html
    )
    events = [format_event("", partials)] if partials else []
    events += [
        format_event("chart", data)
        for name, data in snapshot.charts.items()
        if shown.charts.get(name) != data
    ]
    return "".join(events)


def format_event(name: str, data: str) -> str:
    """Return one server-sent event; data may have several lines."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return (f"event: {name}\n" if name else "") + lines + "\n"


async def _make(viewer: Viewer, name: str) -> Snapshot:
    kind, _, parameter = name.partition(":")
    page = LIVE_PAGES.get(kind)
    if page is None:
        raise UsageError(f"{name[:80]!r} is no live page")
    model = await page.build(viewer, parameter)
    shell = await build_shell(viewer, title="", path="", live_page=name)
    regions = {
        region: render(f"partials/{region.replace('-', '_')}.html", shell=shell, page=model)
        for region in ("head", *page.regions)
    }
    return Snapshot(
        regions=regions,
        charts={series.name: format_series(series) for series in _list_charts(model)},
    )


def _list_charts(model: object) -> tuple[Series, ...]:
    if isinstance(model, MarketPage):
        return model.charts
    if isinstance(model, WorkPage):
        return (model.chart,)
    return ()
