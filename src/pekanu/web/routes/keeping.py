"""Storage kept for others: a provider's page, starting and stopping one, its deposit."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from pekanu.errors import UsageError
from pekanu.node.provider.provider import deploy_provider
from pekanu.types import Address, parse_address, parse_wei
from pekanu.web.actions import carry_out
from pekanu.web.keeping_pages import build_keeping
from pekanu.web.node_keys import find_account, find_key
from pekanu.web.node_process import NodeOrder
from pekanu.web.offering_pages import read_terms
from pekanu.web.plans import Plan
from pekanu.web.provider_plans import (
    Opening,
    find_server,
    plan_deposit,
    plan_start,
    plan_stop,
    plan_withdrawal,
)
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

router = APIRouter(prefix="/storage/provider")


@router.get("")
async def show(viewer: Looking, of: Annotated[str, Query(max_length=100)] = "") -> Response:
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


@router.post("/{kind}/review")
async def show_review(request: Request, viewer: Looking, kind: str) -> Response:
    """Show what starting, stopping, a deposit or a withdrawal would send."""
    if viewer.site.options.is_hosted:
        raise UsageError("a provider runs on your own node")
    plan = await _plan(request, viewer, kind)
    return answer_fragment("review.html", await review(viewer, plan))


@router.post("/start")
async def start(request: Request, viewer: Looking) -> Response:
    """Offer storage as it was reviewed: make the contract where there is none, then start."""
    site, order = viewer.site, (await take_reviewed(request, viewer)).order
    if not isinstance(order, Opening):
        raise UsageError("this is no provider")
    password = (await read_form(request)).get("password", "")
    provider = order.process.address
    name, password = await asyncio.to_thread(find_key, site.accounts, provider, password)
    if order.deposit is not None and find_server(site, provider) is None:
        client = await site.accounts.open_client(provider)
        await deploy_provider(client.node.desk, site.options.home, order.deposit)
    await site.accounts.close_client(provider)
    await site.provider.start(replace(order.process, name=name, password=password))
    return answer_seeing(_link(provider))


@router.post("/stop")
async def stop(request: Request, viewer: Looking) -> Response:
    """Stop it."""
    await take_reviewed(request, viewer)
    await viewer.site.provider.stop()
    return answer_seeing("/storage/provider")


@router.post("/deposit")
@router.post("/withdraw")
async def move_money(request: Request, viewer: Looking) -> Response:
    """Add to a provider's deposit or take out of it, as it was reviewed."""
    plan = await take_reviewed(request, viewer)
    await carry_out(viewer, plan)
    return answer_seeing("/storage/provider")


async def _plan(request: Request, viewer: Viewer, kind: str) -> Plan:
    site, form = viewer.site, await read_form(request)
    match kind:
        case "start":
            options = read_terms(form)
            deposit = parse_wei(options.pop("deposit"))
            account = find_account(site.accounts, parse_address(pick(form, "account")))
            return await plan_start(
                site, NodeOrder(address=account.address, options=options), deposit
            )
        case "stop":
            return plan_stop(site)
        case "deposit":
            return plan_deposit(site, _read_provider(form), pick_amount(form))
        case "withdraw":
            return plan_withdrawal(site, _read_provider(form), pick_amount(form))
        case _:
            raise UsageError(f"{kind[:20]!r} is nothing to do here")


def _read_provider(form: dict[str, str]) -> Address:
    return parse_address(pick(form, "provider"))


def _link(provider: Address) -> str:
    return f"/storage/provider?of={provider}"
