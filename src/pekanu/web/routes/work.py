"""The work page: starting and stopping a worker, its money."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from pekanu.errors import KeystoreError, UsageError
from pekanu.types import Address, parse_address, parse_wei
from pekanu.web.accounts import DEVELOPMENT_PASSWORD
from pekanu.web.actions import Plan, carry_out, plan_deposit, plan_withdrawal, review
from pekanu.web.requests import answer_fragment, answer_page, answer_seeing, pick, read_form
from pekanu.web.routes.market import Looking
from pekanu.web.viewer import Viewer
from pekanu.web.work_pages import build_work, read_terms
from pekanu.web.worker_process import WorkerOrder

router = APIRouter(prefix="/work")


@router.get("")
async def show(viewer: Looking) -> Response:
    """Show the worker of this node."""
    page = await build_work(viewer)
    return await answer_page(
        viewer, "work.html", page, title="Work", path="/work", live_page="work"
    )


@router.post("/start")
async def start(request: Request, viewer: Looking) -> Response:
    """Start a worker: a process of its own, under an account of its own."""
    site = viewer.site
    if site.options.is_hosted:
        raise UsageError("a worker runs on your own node")
    form = await read_form(request)
    multi = await request.form()
    functions = [str(one) for one in multi.getlist("functions")]
    options = read_terms(form, functions)
    address = parse_address(pick(form, "account"))
    name, password = await asyncio.to_thread(_find_key, viewer, address, form)
    order = WorkerOrder(address=address, options=options, name=name, password=password)
    await site.accounts.close_client(address)
    await site.worker.start(order)
    return answer_seeing("/work")


@router.post("/stop")
async def stop(viewer: Looking) -> Response:
    """Stop it."""
    await viewer.site.worker.stop()
    return answer_seeing("/work")


@router.post("/{kind}/review")
async def show_review(request: Request, viewer: Looking, kind: str) -> Response:
    """Show what a deposit or a withdrawal would do."""
    plan = _plan(viewer, kind, pick(await read_form(request), "amount"))
    return answer_fragment("review.html", await review(viewer, plan))


@router.post("/deposit")
async def deposit(request: Request, viewer: Looking) -> Response:
    """Put money into the market."""
    await carry_out(viewer, _plan(viewer, "deposit", pick(await read_form(request), "amount")))
    return answer_seeing("/work")


@router.post("/withdraw")
async def withdraw(request: Request, viewer: Looking) -> Response:
    """Take free money out."""
    await carry_out(viewer, _plan(viewer, "withdraw", pick(await read_form(request), "amount")))
    return answer_seeing("/work")


def _plan(viewer: Viewer, kind: str, amount: str) -> Plan:
    plans = {"deposit": plan_deposit, "withdraw": plan_withdrawal}
    if kind not in plans:
        raise UsageError(f"{kind[:20]!r} is nothing to do here")
    wei = parse_wei(amount)
    if not wei:
        raise UsageError("the amount is 0")
    return plans[kind](viewer.site, wei)


def _find_key(viewer: Viewer, address: Address, form: dict[str, str]) -> tuple[str, str]:
    """Return the keyfile's name and password with which a worker's process unlocks it."""
    accounts = viewer.site.accounts
    known = {one.address: one for one in accounts.list_accounts()}
    found = known.get(address)
    if found is None or not found.is_unlocked:
        raise KeystoreError("this account is locked", hint="unlock it under Settings")
    if found.kind == "development":
        name = accounts.export(found.address, DEVELOPMENT_PASSWORD)
        return name, DEVELOPMENT_PASSWORD
    password = form.get("password", "")
    if not password and accounts.is_development_keyfile(found.address):
        password = DEVELOPMENT_PASSWORD
    accounts.keystore.unlock(found.address, password)
    return found.name, password
