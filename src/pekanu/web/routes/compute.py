"""New computation: forms, files, estimates, quotes, the dialog and the order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response, StreamingResponse

from pekanu import catalog
from pekanu.errors import InvalidInput, UsageError
from pekanu.web.compute_pages import (
    build_catalog,
    build_estimate_of,
    build_form,
    place_order,
    plan_order,
    stream_quotes,
)
from pekanu.web.forms import Draft, build_field, find_spec, read_draft
from pekanu.web.live import format_event
from pekanu.web.rendering import render
from pekanu.web.requests import (
    answer_fragment,
    answer_page,
    answer_seeing,
    read_form,
    take_reviewed,
)
from pekanu.web.reviews import review
from pekanu.web.routes.market import Looking
from pekanu.web.uploads import PREFIX
from pekanu.web.viewer import Viewer

router = APIRouter(prefix="/compute")


@router.get("")
async def show_catalog(viewer: Looking) -> Response:
    """Show the catalog."""
    return await answer_page(
        viewer, "compute.html", build_catalog(), title="New computation", path="/compute"
    )


@router.get("/{function}")
async def show_form(viewer: Looking, function: str) -> Response:
    """Show a function's form."""
    found = catalog.get(function)
    page = await build_form(viewer, found, {})
    return await answer_page(viewer, "compute_form.html", page, title=found.title, path="/compute")


@router.post("/{function}/upload/{field}")
async def upload(request: Request, viewer: Looking, function: str, field: str) -> Response:
    """Keep a file for a field; answer with the field that holds it."""
    found = catalog.get(function)
    spec = find_spec(found, field)
    uploads = viewer.site.uploads
    if not spec.is_file:
        raise UsageError(f"{field} takes no file")
    value, problem = "", ""
    async with request.form(max_files=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise UsageError("no file was sent")
        try:
            held = await uploads.take(file, file.filename or "file", spec.files)
            value = f"{PREFIX}{held.id}"
        except InvalidInput as error:
            problem = error.message
    return answer_fragment("upload.html", build_field(found, spec, value, problem, uploads))


@router.post("/{function}/estimate")
async def estimate(request: Request, viewer: Looking, function: str) -> Response:
    """Say what is wrong with a form, or how much it computes."""
    draft = await _read(viewer, function, await read_form(request))
    return answer_fragment("estimate.html", build_estimate_of(viewer.site, draft))


@router.post("/{function}/quotes")
async def quotes(request: Request, viewer: Looking, function: str) -> Response:
    """Ask workers; the answer grows as they answer."""
    draft = await _read(viewer, function, await read_form(request))

    async def write() -> AsyncIterator[str]:
        async for found in stream_quotes(viewer.site, draft):
            yield format_event("", render("quotes.html", page=found))

    return StreamingResponse(write(), media_type="text/event-stream")


@router.post("/{function}/review")
async def show_review(request: Request, viewer: Looking, function: str) -> Response:
    """Show what would be signed."""
    form = await read_form(request)
    plan = await plan_order(viewer, await _read(viewer, function, form), form)
    return answer_fragment("review.html", await review(viewer, plan))


@router.post("/{function}/order")  # noqa: FAST003 - the plan was made for this address
async def order(request: Request, viewer: Looking) -> Response:
    """Buy what was reviewed."""
    job_id = await place_order(viewer, await take_reviewed(request, viewer))
    return answer_seeing(f"/tasks/{job_id}")


async def _read(viewer: Viewer, function: str, form: Mapping[str, str]) -> Draft:
    return await asyncio.to_thread(read_draft, catalog.get(function), form, viewer.site.uploads)
