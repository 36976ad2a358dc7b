"""Storage: files that are to be stored, the offer, objects, and what can be asked of a provider."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse

from pekanu.errors import InvalidInput, PekanuError, UsageError
from pekanu.node.storage.reading import find_file
from pekanu.node.storage.stored import StoredObject
from pekanu.web.keeping_pages import build_keeping
from pekanu.web.requests import answer_fragment, answer_page, answer_seeing, pick, read_form
from pekanu.web.routes.market import Looking
from pekanu.web.storage_acts import ACTS, build_renew_act
from pekanu.web.storage_archive import write_archive
from pekanu.web.storage_offers import (
    build_challenge,
    build_end,
    build_held,
    build_quote,
    build_renewal,
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


@router.post("/quote")
async def show_quote(request: Request, viewer: Looking) -> Response:
    """Show what storing would cost, and what each side can lose."""
    account, _ = await open_viewers_store(viewer)
    form = await read_form(request)
    batch = pick(form, "batch")
    prepared, cost = await viewer.site.storage.prepare(
        account,
        batch,
        term=pick(form, "term"),
        name=pick(form, "name"),
        phrase=read_phrase(form),
    )
    return answer_fragment("storage_review.html", build_quote(batch, prepared, cost))


@router.post("/put")
async def put(request: Request, viewer: Looking) -> Response:
    """Store what was shown."""
    account, _ = await open_viewers_store(viewer)
    run = await viewer.site.storage.put(account, pick(await read_form(request), "batch"))
    return answer_seeing(f"/storage/{run.id}")


@router.get("/provider")
async def show_keeping(viewer: Looking, of: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Show what a provider of this node keeps, owes and earns."""
    page = await build_keeping(viewer, of)
    return await answer_page(
        viewer,
        "keeping.html",
        page,
        title="Provider",
        path="/storage",
        live_page=f"keeping:{page.provider.full if page.provider else ''}",
    )


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


@router.post("/{subject}/resume")
async def resume(viewer: Looking, subject: str) -> Response:
    """Go on with a put that was broken off."""
    found, stored = await _find(viewer, subject)
    await viewer.site.storage.resume(found.account, stored)
    return answer_seeing(f"/storage/0x{stored.agreement_id.hex()}")


@router.post("/{subject}/challenge/review")
async def review_challenge(viewer: Looking, subject: str) -> Response:
    """Show what a challenge costs, and what comes of it."""
    found, stored = await _find(viewer, subject)
    review = await build_challenge(found.store, stored, f"/storage/{subject}/challenge")
    return answer_fragment("storage_review.html", review)


@router.post("/{subject}/renew/review")
async def review_renewal(request: Request, viewer: Looking, subject: str) -> Response:
    """Show what another term costs."""
    found, stored = await _find(viewer, subject)
    term = pick(await read_form(request), "term")
    review = await build_renewal(found.store, stored, f"/storage/{subject}/renew", term)
    return answer_fragment("storage_review.html", review)


@router.post("/{subject}/renew")
async def renew(request: Request, viewer: Looking, subject: str) -> Response:
    """Agree on another term, for no more than was shown."""
    found, stored = await _find(viewer, subject)
    form = await read_form(request)
    act = build_renew_act(pick(form, "term"), pick(form, "max_price"))
    viewer.site.storage.begin(act, found.store, stored)
    return answer_seeing(f"/storage/{subject}")


@router.post("/{subject}/end/review")
async def review_end(viewer: Looking, subject: str) -> Response:
    """Show what comes back, and what is lost."""
    found, stored = await _find(viewer, subject)
    state = await viewer.site.storage.fetch_state(found.store, stored, viewer.site.feed.block)
    review = build_end(stored, state, viewer.site.feed.now, f"/storage/{subject}/end")
    return answer_fragment("storage_review.html", review)


@router.post("/{subject}/{act}")
async def ask(viewer: Looking, subject: str, act: str) -> Response:
    """Ask the provider for something; what comes of it stands on the object's page."""
    if act not in ACTS:
        raise HTTPException(404)
    found, stored = await _find(viewer, subject)
    viewer.site.storage.begin(ACTS[act], found.store, stored)
    return answer_seeing(f"/storage/{subject}")


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
