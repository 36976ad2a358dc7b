"""Disputes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from pekanu.web.dispute_pages import build_dispute, build_dispute_list
from pekanu.web.requests import answer_page
from pekanu.web.routes.market import Looking

router = APIRouter(prefix="/disputes")


@router.get("")
async def show_list(viewer: Looking) -> Response:
    """List disputes."""
    return await answer_page(
        viewer,
        "disputes.html",
        build_dispute_list(viewer),
        title="Disputes",
        path="/tasks",
        live_page="disputes",
    )


@router.get("/{dispute}")
async def show(viewer: Looking, dispute: str) -> Response:
    """Show a dispute as it narrows."""
    page = await build_dispute(viewer, dispute)
    return await answer_page(
        viewer,
        "dispute.html",
        page,
        title="Dispute",
        path="/tasks",
        live_page=f"dispute:{page.id.full}",
    )
