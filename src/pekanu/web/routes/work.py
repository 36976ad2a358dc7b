"""The work page: starting and stopping a worker, its money."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from pekanu.errors import UsageError
from pekanu.types import parse_address
from pekanu.web.actions import carry_out, plan_deposit, plan_withdrawal
from pekanu.web.node_keys import find_account, find_key
from pekanu.web.node_process import NodeOrder
from pekanu.web.requests import (
    answer_fragment,
    answer_page,
    answer_seeing,
    pick,
    pick_amount,
    read_form,
    take_reviewed,
)
from pekanu.web.reviews import review
from pekanu.web.routes.market import Looking
from pekanu.web.viewer import Viewer
from pekanu.web.work_pages import build_work, read_terms
from pekanu.web.worker_plans import plan_start, plan_stop

router = APIRouter(prefix="/work")


@router.get("")
async def show(viewer: Looking) -> Response:
    """Show the worker of this node."""
    page = await build_work(viewer)
    return await answer_page(
        viewer, "work.html", page, title="Work", path="/work", live_page="work"
    )


@router.post("/{kind}/review")
async def show_review(request: Request, viewer: Looking, kind: str) -> Response:
    """Show what starting, stopping, a deposit or a withdrawal would send."""
    match kind:
        case "start":
            plan = await plan_start(viewer.site, await _read_order(request, viewer))
        case "stop":
            plan = plan_stop(viewer.site)
        case "deposit":
            plan = plan_deposit(viewer.site, pick_amount(await read_form(request)))
        case "withdraw":
            plan = plan_withdrawal(viewer.site, pick_amount(await read_form(request)))
        case _:
            raise UsageError(f"{kind[:20]!r} is nothing to do here")
    return answer_fragment("review.html", await review(viewer, plan))


@router.post("/start")
async def start(request: Request, viewer: Looking) -> Response:
    """Start a worker as it was reviewed: a process of its own, under an account of its own."""
    site = viewer.site
    order = (await take_reviewed(request, viewer)).order
    if not isinstance(order, NodeOrder):
        raise UsageError("this is no worker")
    password = (await read_form(request)).get("password", "")
    name, password = await asyncio.to_thread(find_key, site.accounts, order.address, password)
    await site.accounts.close_client(order.address)
    await site.worker.start(replace(order, name=name, password=password))
    return answer_seeing("/work")


@router.post("/stop")
async def stop(request: Request, viewer: Looking) -> Response:
    """Stop it."""
    await take_reviewed(request, viewer)
    await viewer.site.worker.stop()
    return answer_seeing("/work")


@router.post("/deposit")
@router.post("/withdraw")
async def move_money(request: Request, viewer: Looking) -> Response:
    """Put money into the market or take it out, as it was reviewed."""
    await carry_out(viewer, await take_reviewed(request, viewer))
    return answer_seeing("/work")


async def _read_order(request: Request, viewer: Viewer) -> NodeOrder:
    """Return how a worker is to run; its password is not asked for before it starts.

    Raises:
        UsageError: A term cannot be read.
        KeystoreError: The account is locked.
    """
    if viewer.site.options.is_hosted:
        raise UsageError("a worker runs on your own node")
    form = await read_form(request)
    functions = [str(one) for one in (await request.form()).getlist("functions")]
    options = read_terms(form, functions)
    address = parse_address(pick(form, "account"))
    find_account(viewer.site.accounts, address)
    return NodeOrder(address=address, options=options)
