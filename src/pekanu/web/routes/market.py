"""The market, lists of tasks, explanations, and the stream of what changes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from pekanu.web.explanations import build_explanation
from pekanu.web.live import MAX_LISTENERS, fetch_snapshot, stream_page
from pekanu.web.market_pages import build_market, build_task_list
from pekanu.web.requests import answer_page, get_viewer
from pekanu.web.viewer import Viewer

router = APIRouter()
Looking = Annotated[Viewer, Depends(get_viewer)]


@router.get("/")
async def market(viewer: Looking) -> Response:
    """Show the market."""
    page = await build_market(viewer)
    return await answer_page(
        viewer, "market.html", page, title="Market", path="/", live_page="market"
    )


@router.get("/tasks")
async def tasks(
    viewer: Looking,
    chosen: Annotated[str, Query(alias="filter", max_length=16)] = "all",
    page: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """List tasks."""
    listed = build_task_list(viewer, chosen, page)
    return await answer_page(
        viewer,
        "tasks.html",
        listed,
        title="Tasks",
        path="/tasks",
        live_page=f"tasks:{listed.filter}:{page}",
    )


@router.get("/explain/{state}")
async def explain(viewer: Looking, state: str) -> Response:
    """Say what a state means."""
    page = build_explanation(state)
    return await answer_page(
        viewer, "explain.html", page, title=f"What {state} means", path="/tasks"
    )


@router.get("/events")
async def events(
    request: Request, viewer: Looking, page: Annotated[str, Query(max_length=100)]
) -> Response:
    """Stream a page's regions: a snapshot, then what changes."""
    broadcast = viewer.site.broadcast
    if broadcast.listeners >= MAX_LISTENERS:
        return PlainTextResponse("too many pages are open\n", 503, headers={"retry-after": "10"})
    await fetch_snapshot(viewer, page)
    return StreamingResponse(
        stream_page(viewer, page, request.is_disconnected),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},
    )
