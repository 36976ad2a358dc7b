"""A task's page, its output, and what anyone may do to it."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from pekanu.errors import UsageError
from pekanu.types import Hash32
from pekanu.web.actions import carry_out, plan_move
from pekanu.web.requests import (
    answer_file,
    answer_fragment,
    answer_page,
    answer_seeing,
    take_reviewed,
)
from pekanu.web.results import parse_suffix, write
from pekanu.web.reviews import review
from pekanu.web.routes.market import Looking
from pekanu.web.task_pages import build_task_page, find_subject, get_function, load_outputs

router = APIRouter(prefix="/tasks")


@router.get("/{subject}")
async def show(viewer: Looking, subject: str) -> Response:
    """Show a task, or a job of this node."""
    page = await build_task_page(viewer, subject)
    return await answer_page(
        viewer,
        "task.html",
        page,
        title=page.title or "Task",
        path="/tasks",
        live_page=f"task:{page.id}",
    )


@router.get("/{subject}/output{suffix}")
async def download(viewer: Looking, subject: str, suffix: str) -> Response:
    """Give an output as a file."""
    found = find_subject(viewer.site, subject)
    outputs = load_outputs(found)
    if outputs is None:
        raise UsageError("there is no verified output of this task here")
    function, ending = get_function(found), parse_suffix(suffix)
    data = await asyncio.to_thread(write, function, outputs[0], ending)
    name = f"{function.name}-{found.id.removeprefix('0x')[:8]}{ending}"
    return answer_file(data, name)


@router.get("/{subject}/picture/{number}.png")
async def picture(viewer: Looking, subject: str, number: int) -> Response:
    """Give a picture of an output."""
    found = find_subject(viewer.site, subject)
    outputs = load_outputs(found)
    if outputs is None:
        raise UsageError("there is no verified output of this task here")
    shown = await viewer.site.results.show(found.id, get_function(found).name, outputs)
    if number not in shown.pictures:
        raise UsageError("this output has no such picture")
    return Response(
        shown.pictures[number],
        media_type="image/png",
        headers={"cache-control": "private, max-age=3600"},
    )


@router.post("/{subject}/{action}/review")
async def show_review(viewer: Looking, subject: str, action: str) -> Response:
    """Show what a move would do."""
    found = find_subject(viewer.site, subject)
    if found.chain is None:
        raise UsageError("this task is not on chain")
    plan = plan_move(viewer.site, Hash32(found.chain.task_id), action)
    return answer_fragment("review.html", await review(viewer, plan))


@router.post("/{subject}/{action}")  # noqa: FAST003 - the plan was made for this address
async def act(request: Request, viewer: Looking, subject: str) -> Response:
    """Make the move that was reviewed."""
    await carry_out(viewer, await take_reviewed(request, viewer))
    return answer_seeing(f"/tasks/{subject}")
