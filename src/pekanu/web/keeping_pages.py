"""A provider's page: deposit, agreements, challenges and income, read from the chain alone.

What is not here: the events (`keeping`), what a client stores (`storage_pages`).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import chain
from typing import Final

from pekanu.chain.storage_events import (
    AgreementEvent,
    Answered,
    Challenged,
    Collected,
    Fined,
    GivenBack,
    Paid,
)
from pekanu.errors import PekanuError, UsageError
from pekanu.node.provider.keeper import get_due
from pekanu.storage.state import AgreementState
from pekanu.types import Address, Hash32, format_wei, parse_address
from pekanu.web.offering_pages import build_offer
from pekanu.web.site import Site
from pekanu.web.storage_pages import STATES, build_until
from pekanu.web.viewer import Viewer
from pekanu.web.views.shell import Figure, Link
from pekanu.web.views.storage import ChallengeRow, KeepingPage, KeptRow
from pekanu.web.wording import (
    build_amount,
    build_money,
    format_size,
    link_address,
    link_block,
    link_transaction,
)

#: Agreements and events on the page, the newest first.
_SHOWN: Final = 50
#: Agreements that are asked about for the sums.
_SUMMED: Final = 500


async def build_keeping(viewer: Viewer, wanted: str = "") -> KeepingPage:
    """Return the page of a provider of this node; by default of the account that acts.

    Raises:
        UsageError: It is none of this node's.
    """
    page = await _build_kept(viewer, wanted)
    return replace(page, offer=await build_offer(viewer))


async def _build_kept(viewer: Viewer, wanted: str) -> KeepingPage:
    site = viewer.site
    if site.options.is_hosted:
        return _build_empty("A provider is shown on its own node.")
    providers = site.keeping.list_providers()
    if wanted:
        provider = parse_address(wanted)
        if provider not in providers:
            raise UsageError(f"{provider} is no provider of this node")
    elif not providers:
        return _build_empty("No account of this node offers storage yet.")
    else:
        likely = (site.provider.address, viewer.account, *providers)
        provider = next(one for one in likely if one is not None and one in providers)
    others = tuple(one for one in providers if one != provider)
    return await _build_page(site, provider, others)


async def _build_page(site: Site, provider: Address, others: tuple[Address, ...]) -> KeepingPage:
    try:
        server, watch = await site.keeping.open(provider)
        paid = {
            agreement: event
            for agreement in tuple(watch.events)
            if (event := watch.find(agreement, Paid)) is not None
        }
        newest = sorted(paid.values(), key=_place, reverse=True)[:_SUMMED]
        block = site.feed.block
        states = await asyncio.gather(
            *(site.keeping.fetch_state(server, one.agreement_id, block) for one in newest)
        )
        free = await server.fetch_free()
    except PekanuError as error:
        return _build_empty(error.message)
    events = sorted(chain.from_iterable(watch.events.values()), key=_place, reverse=True)
    pairs = list(zip(newest, states, strict=True))
    return KeepingPage(
        provider=link_address(provider, site.get_name(provider)),
        server=link_address(server.address),
        others=tuple(_link_provider(site, one) for one in others),
        figures=_build_figures(site, free, pairs, events),
        rows=tuple(_build_row(event, state) for event, state in pairs[:_SHOWN]),
        challenges=tuple(row for event in events if (row := _build_challenge(event)) is not None)[
            :_SHOWN
        ],
        problem="",
        offer=None,
    )


def _place(event: AgreementEvent) -> tuple[int, int]:
    return event.log.block_number, event.log.index


def _build_figures(
    site: Site,
    free: int,
    pairs: list[tuple[Paid, AgreementState]],
    events: list[AgreementEvent],
) -> tuple[Figure, ...]:
    live = [(one.quote, state) for one, state in pairs if state.status.is_live]
    collected = sum(one.amount for one in events if isinstance(one, Collected))
    given = sum(one.to_provider for one in events if isinstance(one, GivenBack))
    challenged = sum(isinstance(one, Challenged) for one in events)
    answered = sum(isinstance(one, Answered) and one.is_closed for one in events)
    fined = sum(isinstance(one, Fined) for one in events)
    kept = sum(quote.content.size for quote, _ in live)
    due = sum(get_due(quote.terms, state, site.feed.now) for quote, state in live)
    reserved = sum(quote.terms.penalty for quote, _ in live)
    return (
        build_amount("Free deposit", free, note="can be withdrawn"),
        build_amount("Reserved penalties", reserved, note=f"in {_count(len(live), 'agreement')}"),
        build_amount("Collected", collected + given, note="from prices, in all"),
        build_amount("To collect now", due),
        Figure(title="Answers for", value=format_size(kept)),
        Figure(
            title="Challenges",
            value=str(challenged),
            note=f"{answered} answered, {fined} fined",
        ),
    )


def _build_row(event: Paid, state: AgreementState) -> KeptRow:
    terms = event.quote.terms
    return KeptRow(
        id=_link_agreement(event.agreement_id),
        client=link_address(event.client),
        state=STATES[state.status][0],
        size=format_size(event.quote.content.size),
        price=build_money(terms.price),
        penalty=build_money(terms.penalty),
        until=build_until(terms, state),
    )


def _build_challenge(event: AgreementEvent) -> ChallengeRow | None:
    match event:
        case Challenged():
            title, what = (
                "Challenged",
                f"{_count(event.count, 'leaf', 'leaves')} of chunk {event.chunk}",
            )
        case Answered():
            title = "Answered"
            what = "all that was asked for was shown" if event.is_closed else "a part was shown"
        case Fined():
            title, what = "Fined", f"{format_wei(event.to_client)} went to the client"
        case _:
            return None
    return ChallengeRow(
        title=title,
        what=what,
        agreement=_link_agreement(event.agreement_id),
        block=link_block(event.log.block_number),
        transaction=link_transaction(event.log.transaction),
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _link_agreement(agreement_id: Hash32) -> Link:
    text = "0x" + agreement_id.hex()
    return Link(full=text, short=text[:10])


def _link_provider(site: Site, provider: Address) -> Link:
    link = link_address(provider, site.get_name(provider))
    return Link(
        full=link.full, short=link.short, name=link.name, href=f"/storage/provider?of={provider}"
    )


def _build_empty(problem: str) -> KeepingPage:
    return KeepingPage(
        provider=None,
        server=None,
        others=(),
        figures=(),
        rows=(),
        challenges=(),
        problem=problem,
        offer=None,
    )
