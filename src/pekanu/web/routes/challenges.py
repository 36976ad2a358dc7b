"""Challenging the claim of a task: what it computes, computing it again, the challenge."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from pekanu.errors import UsageError
from pekanu.node.audit_bundle import SUFFIX
from pekanu.node.client_shelf import ClientShelf
from pekanu.node.market_index import StandingClaim
from pekanu.types import Hash32
from pekanu.web.challenge_pages import find_claim, plan_challenge
from pekanu.web.dispute_pages import link_dispute
from pekanu.web.requests import answer_file, answer_fragment, answer_seeing, take_reviewed
from pekanu.web.reviews import review
from pekanu.web.routes.market import Looking
from pekanu.web.task_pages import find_subject
from pekanu.web.viewer import Viewer, require_account

router = APIRouter(prefix="/tasks")
#: Seconds for which the page waits for the dispute to be on chain.
_WAIT_SECONDS = 10.0


@router.get("/{subject}/bundle")
async def download(viewer: Looking, subject: str) -> Response:
    """Give what a challenger needs to watch a task of this node's client."""
    found = find_subject(viewer.site, subject)
    if found.task is None or not viewer.is_mine(found.task.task.client):
        raise UsageError("only a task's client can make its bundle")
    shelf = ClientShelf(viewer.site.options.home, found.task.task.client)
    bundle = await asyncio.to_thread(shelf.find, Hash32(found.task.task_id))
    if bundle is None:
        raise UsageError("the input of this task is not here any more")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"bundle{SUFFIX}"
        await asyncio.to_thread(bundle.write, path)
        data = await asyncio.to_thread(path.read_bytes)
    name = f"pekanu-{found.task.task_id.hex()[:8]}{SUFFIX}"
    return answer_file(data, name)


@router.post("/{subject}/bring")
async def bring(request: Request, viewer: Looking, subject: str) -> Response:
    """Take a bundle, whose bytes are the body."""
    require_account(viewer)
    await viewer.site.challenges.bring(_find(viewer, subject), request.stream())
    return Response(status_code=204)


@router.post("/{subject}/check")
async def check(viewer: Looking, subject: str) -> Response:
    """Compute a claim again."""
    claim = _find(viewer, subject)
    await viewer.site.challenges.check(require_account(viewer), claim)
    return answer_seeing(f"/tasks/{subject}")


@router.post("/{subject}/challenge/review")
async def show_review(viewer: Looking, subject: str) -> Response:
    """Show what a challenge binds, and what comes of it."""
    plan = await plan_challenge(viewer, _find(viewer, subject))
    return answer_fragment("review.html", await review(viewer, plan))


@router.post("/{subject}/challenge")
async def challenge(request: Request, viewer: Looking, subject: str) -> Response:
    """Challenge a claim as it was reviewed; lead to the dispute."""
    site, plan = viewer.site, await take_reviewed(request, viewer)
    account = plan.account or require_account(viewer)
    node, suspicion = await site.challenges.get_suspicion(account, _find(viewer, subject))
    if plan.calls != (node.build_call(suspicion),):
        raise UsageError(
            "this claim does not stand as the dialog has shown it", hint="press the button again"
        )
    dispute = await node.challenge(suspicion)
    site.pulse.beat()
    is_there = await site.disputes.wait_for(dispute, timeout_seconds=_WAIT_SECONDS)
    return answer_seeing(link_dispute(dispute).href if is_there else f"/tasks/{subject}")


def _find(viewer: Viewer, subject: str) -> StandingClaim:
    found = find_subject(viewer.site, subject)
    claim = None if found.chain is None else find_claim(viewer.site, found.chain.task_id)
    if claim is None:
        raise UsageError("there is no claim of this task that can be challenged now")
    return claim
