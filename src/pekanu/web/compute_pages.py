"""New computation: the catalog, forms, the dialog before an order, the order.

What is not here: reading forms (`forms`), asking workers (`quoting`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from pekanu import catalog
from pekanu.aio import build_request
from pekanu.catalog import Function
from pekanu.errors import InvalidInput, PekanuError, UsageError
from pekanu.node.offers import Offer, draft_task
from pekanu.types import ZERO_HASH, Address, Hash32, Wei, format_wei, parse_address, parse_wei
from pekanu.web.decoding import decode_call
from pekanu.web.forms import (
    Draft,
    build_card,
    build_estimate,
    build_fields,
    build_policies,
    read_draft,
)
from pekanu.web.guard import MAX_FILE_BYTES
from pekanu.web.plans import Plan
from pekanu.web.quoting import (
    build_demand,
    build_quotes,
    describe_loss,
    describe_risk,
    estimate_cost,
)
from pekanu.web.ringer_choice import build_ringers_field
from pekanu.web.site import Site
from pekanu.web.viewer import Viewer, require_account
from pekanu.web.views.compute import CatalogPage, EstimateView, FormPage, QuotesView
from pekanu.web.views.review import Argument
from pekanu.web.wording import format_span


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The quote that somebody chose."""

    worker: Address
    price: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is ordered: a form as it was reviewed; its files are read again later."""

    function: Function
    form: Mapping[str, str]


def build_catalog() -> CatalogPage:
    """Return the catalog."""
    return CatalogPage(functions=tuple(build_card(catalog.get(name)) for name in catalog.names()))


async def build_form(viewer: Viewer, function: Function, form: Mapping[str, str]) -> FormPage:
    """Return a function's form: with what was typed, or with defaults."""
    site = viewer.site
    draft = await asyncio.to_thread(read_draft, function, form, site.uploads) if form else None
    obstacle, href = find_obstacle(viewer)
    return FormPage(
        function=build_card(function),
        description=str(function.manifest.document.get("description", "")),
        fields=build_fields(function, draft, site.uploads),
        policies=build_policies(
            function, draft.policy if draft else function.manifest.default_policy
        ),
        ringers=build_ringers_field(form.get("ringers", "")) if function.is_search else None,
        max_price=form.get("max_price", ""),
        estimate=build_estimate_of(site, draft)
        if draft
        else EstimateView(
            is_valid=False, problems=(), odds=(), steps="", input_size="", output_size="", cost=""
        ),
        obstacle=obstacle,
        obstacle_href=href,
        max_file_bytes=MAX_FILE_BYTES,
        is_orderable=not site.options.is_hosted,
    )


def build_estimate_of(site: Site, draft: Draft) -> EstimateView:
    """Return what is known of a draft before anybody is asked."""
    return build_estimate(draft, estimate_cost(draft.steps, site.index.list_workers()))


def find_obstacle(viewer: Viewer) -> tuple[str, str]:
    """Return why nothing can be ordered now, and where that is changed; empty when it can."""
    site, account = viewer.site, viewer.account
    if site.options.is_hosted:
        return "Computations are ordered from your own node: start it with pekanu up.", ""
    if account is None:
        return "No account is chosen.", "/settings"
    if not viewer.is_wallet and not site.accounts.is_unlocked(account):
        return "The account is locked.", "/settings"
    if account == site.worker.address and site.worker.is_up:
        return "This account works now; buy with another one.", "/settings"
    if account in site.accounts.busy:
        return site.accounts.busy[account], "/settings"
    return "", ""


async def stream_quotes(site: Site, draft: Draft) -> AsyncIterator[QuotesView]:
    """Yield what workers ask for a draft, again whenever another one has answered."""
    try:
        demand = await asyncio.to_thread(
            build_demand,
            draft.function,
            draft.require(),
            site.get_referee(draft.function),
            draft.ringers,
        )
        async for replies in site.quoting.stream(demand, site.feed.now):
            yield build_quotes(replies, draft.max_price)
    except PekanuError as error:
        yield QuotesView(rows=(), asked=0, answered=0, problem=error.message, hint=error.hint or "")


async def plan_order(viewer: Viewer, draft: Draft, form: Mapping[str, str]) -> Plan:
    """Return an order: the terms, and what the node will send for them.

    Raises:
        InvalidInput: The form is not filled in.
        UsageError: The quote does not stand any more.
    """
    site, account = viewer.site, require_account(viewer)
    choice = parse_choice(form.get("quote", ""))
    if draft.max_price is not None and choice.price > draft.max_price:
        raise UsageError(f"it costs {format_wei(choice.price)}, more than you want to spend")
    demand = await asyncio.to_thread(
        build_demand,
        draft.function,
        draft.require(),
        site.get_referee(draft.function),
        draft.ringers,
    )
    offers = await site.quoting.fetch_offers(demand, site.feed.now)
    offer = _find_offer(offers, choice)
    task = draft_task(demand, offer.quote, now=site.feed.now, salt=Hash32(ZERO_HASH))
    _, ledger = await site.balances.fetch(account)
    missing = Wei(max(0, offer.price - ledger))
    call = site.market.post_accepted(task, choice.worker, 0, bytes(65), value=Wei(0))
    _, arguments = decode_call(call.data)
    own = {"client", "salt", "offered_until", "offeredUntil", "terms"}
    refusal, _ = find_obstacle(viewer)
    sentences = [
        (
            f"{draft.function.title}: {format_wei(offer.price)} to the worker, once the output "
            f"is verified ({_describe_policy(draft)})."
        ),
        describe_risk(offer),
    ]
    if missing:
        sentences.append(f"{format_wei(missing)} goes into the market first, where it is missing.")
    if viewer.is_wallet:
        sentences.append(
            "Your wallet signs each step, and shows it decoded; this node only talks to the worker."
        )
    else:
        sentences.append(
            "This node locks the price by these terms once the worker has signed them, and signs "
            "the approval once the output is verified."
        )
    return Plan(
        title=f"Buy: {draft.function.title}",
        sentences=tuple(sentences),
        account=account,
        calls=(site.market.deposit(missing),) if missing else (),
        terms=tuple(
            Argument(name=one.name, type=one.type, value=one.value, meaning=one.meaning)
            for one in arguments
            if one.depth == 1 and one.name not in own
        ),
        at_most=describe_loss(
            # Who verifies nothing pays for whatever comes.
            offer.price if draft.policy == "none" else offer.risk.client_wei
        ),
        longest=format_span(offer.longest_seconds),
        refusal=refusal,
        path=f"/compute/{draft.function.name}/order",
        confirm_title=f"Buy for {format_wei(offer.price)}",
        order=Order(function=draft.function, form=dict(form)),
    )


async def place_order(viewer: Viewer, plan: Plan) -> str:
    """Return the id of a job that was begun: the reviewed worker, for the reviewed price at most.

    Raises:
        UsageError: Nothing can be ordered now.
    """
    site, account = viewer.site, plan.account or require_account(viewer)
    if not isinstance(plan.order, Order):
        raise UsageError("this is no order")
    function, form = plan.order.function, plan.order.form
    draft = await asyncio.to_thread(read_draft, function, form, site.uploads)
    choice = parse_choice(form.get("quote", ""))
    obstacle, _ = find_obstacle(viewer)
    if obstacle:
        raise UsageError(obstacle)
    request = build_request(
        draft.function,
        (draft.require(),),
        price=choice.price,
        verify=draft.policy,
        ringers=draft.ringers,
        worker=choice.worker,
    )
    client = await site.accounts.open_client(account)
    handle = await client.node.submit(request, confirm=lambda offer: offer.price <= choice.price)
    site.accounts.follow(client, handle)
    return handle.job.job_id


def parse_choice(text: str) -> Choice:
    """Return the quote in a form's field, ``ADDRESS:WEI``; raises UsageError."""
    worker, _, price = text.partition(":")
    if not worker or not price:
        raise UsageError("no quote is chosen", hint="choose one of the workers")
    return Choice(worker=parse_address(worker), price=parse_wei(price))


def _find_offer(offers: list[Offer], choice: Choice) -> Offer:
    for offer in offers:
        if offer.worker.address == choice.worker and offer.price <= choice.price:
            return offer
    raise InvalidInput("this quote does not stand any more", hint="ask for quotes again")


def _describe_policy(draft: Draft) -> str:
    words = {
        "check": "by the function's own check",
        "recompute": "by computing it again here",
        "none": "nothing is checked",
        "ringers": "your ringers are among what was found",
    }
    return words.get(draft.policy, draft.policy)
