"""Storage: files that are to be stored, the offer, objects, and what can be asked of a provider."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from pekanu.errors import InvalidInput, PekanuError, UsageError
from pekanu.node.storage.reading import find_file
from pekanu.node.storage.stored import StoredObject
from pekanu.node.storage.storer import Prepared
from pekanu.web.requests import (
    answer_fragment,
    answer_page,
    answer_seeing,
    pick,
    read_form,
    take_reviewed,
)
from pekanu.web.reviews import review
from pekanu.web.routes.market import Looking
from pekanu.web.storage_acts import VERIFY
from pekanu.web.storage_archive import write_archive
from pekanu.web.storage_offers import (
    Introduction,
    Put,
    build_held,
    plan_introduction,
    plan_put,
    read_phrase,
)
from pekanu.web.storage_pages import (
    NOT_HERE,
    Found,
    build_found,
    build_storage,
    find_subject,
    open_viewers_store,
)
from pekanu.web.storage_plans import Asked, Resumption, find_payment, plan_act
from pekanu.web.viewer import Viewer
from pekanu.web.views.shell import Tone
from pekanu.web.views.storage import Outcome

router = APIRouter(prefix="/storage")
Name = Annotated[str, Query(max_length=1000)]


@router.get("")
async def show(viewer: Looking) -> Response:
    """List what the account stores, with the form to store more."""
    page = await build_storage(viewer)
    return await answer_page(
        viewer, "storage.html", page, title="Storage", path="/storage", live_page="storage"
    )


@router.post("/upload/{batch}")
async def upload(
    request: Request, viewer: Looking, batch: str, name: Name, modified: int = 0
) -> Response:
    """Keep a file, whose bytes are the body; answer with all that wait."""
    await open_viewers_store(viewer)
    problem = ""
    try:
        await viewer.site.storage.uploads.take(batch, name, request.stream(), modified=modified)
    except InvalidInput as error:
        problem = ". ".join(filter(None, (error.message, error.hint)))
    return answer_fragment("storage_files.html", build_held(viewer.site, batch, problem))


@router.post("/drop/{batch}")
async def drop(viewer: Looking, batch: str, name: Name) -> Response:
    """Drop a file that waits."""
    await open_viewers_store(viewer)
    viewer.site.storage.uploads.drop(batch, name)
    return answer_fragment("storage_files.html", build_held(viewer.site, batch))


@router.post("/put/review")
async def review_put(request: Request, viewer: Looking) -> Response:
    """Show what storing pays, or first what the provider needs to let the account in."""
    account, _ = await open_viewers_store(viewer)
    form = await read_form(request)
    batch = pick(form, "batch")
    prepared = await viewer.site.storage.prepare(
        account,
        batch,
        term=pick(form, "term"),
        name=pick(form, "name"),
        phrase=read_phrase(form),
    )
    return await _show_put(viewer, batch, prepared)


@router.post("/introduce")
async def introduce(request: Request, viewer: Looking) -> Response:
    """Be let in by a provider as it was reviewed; then show what storing pays."""
    plan = await take_reviewed(request, viewer)
    account, _ = await open_viewers_store(viewer, plan.account)
    order = plan.order
    if not isinstance(order, Introduction):
        raise UsageError(NOT_HERE)
    await viewer.site.storage.introduce(account, order.prepared, now=order.now)
    return await _show_put(viewer, order.batch, order.prepared)


@router.post("/put")
async def put(request: Request, viewer: Looking) -> Response:
    """Store what was reviewed."""
    plan = await take_reviewed(request, viewer)
    account, _ = await open_viewers_store(viewer, plan.account)
    if not isinstance(plan.order, Put):
        raise UsageError(NOT_HERE)
    run = await viewer.site.storage.put(account, plan.order.batch, plan.order.agreed)
    return answer_seeing(f"/storage/{run.id}")


@router.get("/{subject}")
async def show_stored(viewer: Looking, subject: str) -> Response:
    """Show an object, or the steps of one that is being stored."""
    found = await find_subject(viewer, subject)
    if found.stored is not None:
        viewer.site.storage.forget_contents(found.stored)
    page = await build_found(viewer.site, found)
    return await answer_page(
        viewer,
        "stored.html",
        page,
        title=page.name,
        path="/storage",
        live_page=f"stored:{subject}",
    )


@router.get("/{subject}/receipt")
async def receipt(viewer: Looking, subject: str) -> Response:
    """Give the signed receipt as a file that anyone can check offline."""
    found, stored = await _find(viewer, subject)
    name = f"pekanu-{stored.agreement_id.hex()[:8]}.receipt"
    return JSONResponse(
        found.store.export_receipt(stored),
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


@router.get("/{subject}/file")
async def fetch(viewer: Looking, subject: str, path: Name) -> Response:
    """Give a file; each byte was verified before it is sent, and a broken one never ends well."""
    found, stored = await _find(viewer, subject)
    manifest = await found.store.contents(stored)
    _, size = find_file(manifest, path)
    return await _send(
        viewer,
        stored,
        found.store.iterate(stored, path),
        f"All {size} bytes of {path} were verified as they came.",
        name=path.rpartition("/")[2],
        size=size,
    )


@router.get("/{subject}/archive")
async def fetch_all(viewer: Looking, subject: str) -> Response:
    """Give all files in one; it breaks off where a byte is not what was stored."""
    found, stored = await _find(viewer, subject)
    manifest = await found.store.contents(stored)
    return await _send(
        viewer,
        stored,
        write_archive(manifest, lambda path: found.store.iterate(stored, path)),
        f"All {stored.file_bytes} bytes of all files were verified as they came.",
        name=stored.name + ".zip",
        media_type="application/zip",
    )


@router.post("/{subject}/{act}/review")
async def show_review(request: Request, viewer: Looking, subject: str, act: str) -> Response:
    """Show what is sent, what it costs, and what comes of it."""
    found, stored = await _find(viewer, subject)
    form = await read_form(request)
    plan = await plan_act(found.store, stored, act, form, f"/storage/{subject}/{act}")
    return answer_fragment("review.html", await review(viewer, plan))


@router.post("/{subject}/verify")
async def verify(viewer: Looking, subject: str) -> Response:
    """Check that the provider holds every byte; nothing is sent to the chain."""
    found, stored = await _find(viewer, subject)
    viewer.site.storage.begin(VERIFY, found.store, stored)
    return answer_seeing(f"/storage/{subject}")


@router.post("/{subject}/{act}")  # noqa: FAST003 - the plan was made for this address
async def ask(request: Request, viewer: Looking, subject: str) -> Response:
    """Do what was reviewed; what comes of it stands on the object's page."""
    plan = await take_reviewed(request, viewer)
    account, store = await open_viewers_store(viewer, plan.account)
    match plan.order:
        case Asked(act=act, stored=stored):
            viewer.site.storage.begin(act, store, stored)
        case Resumption(stored=stored, payment=payment):
            if await find_payment(store, stored) != payment:
                raise UsageError(
                    "the payment is not as the dialog has shown it", hint="press the button again"
                )
            await viewer.site.storage.resume(account, stored)
        case _:
            raise UsageError(NOT_HERE)
    return answer_seeing(f"/storage/{subject}")


async def _show_put(viewer: Viewer, batch: str, prepared: Prepared) -> Response:
    account, store = await open_viewers_store(viewer)
    agreed = await viewer.site.storage.agree(account, prepared)
    if agreed is None:
        order = Introduction(batch=batch, prepared=prepared, now=time.time())
        plan = await plan_introduction(store, order)
    else:
        plan = plan_put(store, Put(batch=batch, agreed=agreed))
    return answer_fragment("review.html", await review(viewer, plan))


async def _find(viewer: Viewer, subject: str) -> tuple[Found, StoredObject]:
    found = await find_subject(viewer, subject)
    if found.stored is None:
        raise UsageError(NOT_HERE)
    return found, found.stored


async def _send(  # noqa: PLR0913 - what a download is
    viewer: Viewer,
    stored: StoredObject,
    parts: AsyncGenerator[bytes, None],
    verified: str,
    *,
    name: str,
    size: int | None = None,
    media_type: str = "application/octet-stream",
) -> Response:
    """Return a download that breaks off where a byte is not what was stored.

    Args:
        viewer: Who fetches.
        stored: What is fetched.
        parts: The bytes, each verified.
        verified: Said on the page once all have gone out.
        name: Of the file.
        size: Its bytes, where they are known before.
        media_type: Of the file.
    """
    # What fails at once is told in a sentence; later the download breaks off, short of its length.
    first = await anext(parts, b"")

    async def write() -> AsyncIterator[bytes]:
        done = len(first)
        try:
            yield first
            async for part in parts:
                done += len(part)
                yield part
        except PekanuError as error:
            _note(viewer, stored, "Not fetched", error.message, Tone.BAD)
            raise
        finally:
            # Whoever stops a download in the middle ends the talk with the provider too.
            await parts.aclose()
        if size in (None, done):
            _note(viewer, stored, "Fetched", verified, Tone.GOOD)

    named = quote(name, safe="", errors="replace")
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{named}"}
    if size is not None:
        headers["content-length"] = str(size)
    return StreamingResponse(write(), media_type=media_type, headers=headers)


def _note(viewer: Viewer, stored: StoredObject, title: str, sentence: str, tone: Tone) -> None:
    viewer.site.storage.note(stored, Outcome(title=title, sentence=sentence, tone=tone))
