"""The explorer."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from pekanu.errors import UsageError
from pekanu.web.explorer_pages import build_explorer, build_place, find_place
from pekanu.web.requests import answer_page
from pekanu.web.routes.market import Looking

#: The live page of each template.
_LIVE: Final = {
    "explorer_address.html": "address:{place}:{page}",
    "explorer_transaction.html": "transaction:{place}:{page}",
}

router = APIRouter(prefix="/explorer")


@router.get("")
async def show(
    viewer: Looking,
    page: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    find: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Show contracts and events, or the page of what is looked for."""
    not_found = ""
    if find:
        try:
            return RedirectResponse(find_place(viewer.site, find), 303)
        except UsageError as error:
            not_found = error.message
    model = build_explorer(viewer, str(page), not_found)
    return await answer_page(
        viewer,
        "explorer.html",
        model,
        title="Explorer",
        path="/explorer",
        live_page=f"explorer:{page}",
    )


@router.get("/{place}")
async def show_place(
    viewer: Looking, place: str, page: Annotated[int, Query(ge=0, le=1_000_000)] = 0
) -> Response:
    """Show a transaction, an address or a block."""
    template, model = await build_place(viewer, place, page)
    return await answer_page(
        viewer,
        template,
        model,
        title=place[:20],
        path="/explorer",
        live_page=_LIVE.get(template, "page").format(place=place, page=page),
    )
