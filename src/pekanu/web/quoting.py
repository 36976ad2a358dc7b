"""Asking workers for quotes without being anybody: a fresh channel key, forgotten at the end.

So prices can be seen before there is an account. What is not here: buying (`accounts`).
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import Final

from pekanu.catalog import Function
from pekanu.chain import Account
from pekanu.chain.events import Announced
from pekanu.market.pricing import get_price
from pekanu.market.task import MarketDomain
from pekanu.node.batch_file import join_items
from pekanu.node.channel_keys import ChannelIdentity
from pekanu.node.client import build_ref
from pekanu.node.client_machine import WorkerRef
from pekanu.node.dispute_terms import get_max_steps
from pekanu.node.input_facts import get_inputs_root
from pekanu.node.market_index import MarketIndex, Record
from pekanu.node.offers import Demand, Offer, fetch_offers
from pekanu.node.peer_client import PeerClient, PeerPatience
from pekanu.node.peer_line import PeerAddress
from pekanu.node.peer_messages import QuoteRequest
from pekanu.node.worker_terms import WorkerTerms
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei, format_wei
from pekanu.web.index import SiteIndex
from pekanu.web.views.compute import QuoteRow, QuotesView
from pekanu.web.wording import build_money, format_span, link_address

_PATIENCE: Final = PeerPatience(connect_seconds=2.0, read_seconds=10.0, patience_seconds=2.0)
_MAX_ASKED: Final = 64


class _Records(MarketIndex):
    """Workers' records, from the site's index."""

    def __init__(self, records: dict[Address, Record]) -> None:
        super().__init__()
        self._found = records

    def get_record(self, worker: Address) -> Record:
        return self._found.get(worker, Record())


class Quoting:
    """Asks workers; closed with `close`.

    Args:
        index: Knows the workers.
        domain: The market.
    """

    def __init__(self, index: SiteIndex, domain: MarketDomain) -> None:
        self._index, self._domain = index, domain
        self._identity = ChannelIdentity.from_wallet(Account.create(), domain, now=time.time())
        self._peers: dict[WorkerRef, PeerClient] = {}
        self._stack = AsyncExitStack()

    async def close(self) -> None:
        """Hang up."""
        await self._stack.aclose()

    async def fetch_offers(self, demand: Demand, now: Seconds) -> tuple[list[Offer], int]:
        """Return what workers ask, the best first, and how many were asked."""
        workers = self._index.list_workers()[-_MAX_ASKED:]
        records = _Records(self._index.count_records())
        refs = [build_ref(one) for one in workers]
        return await fetch_offers(demand, refs, records, self._connect, now), len(refs)

    async def _connect(self, worker: WorkerRef) -> PeerClient:
        if worker not in self._peers:
            address = PeerAddress(
                endpoint=worker.endpoint,
                worker=worker.address,
                channel_key=worker.channel_key,
                domain=self._domain,
            )
            peer = PeerClient(address, self._identity, patience=_PATIENCE)
            self._peers[worker] = await self._stack.enter_async_context(peer)
        return self._peers[worker]


def build_demand(function: Function, data: bytes, referee: Address) -> Demand:
    """Return a single computation as workers are asked for it; blocks."""
    steps = function.estimate_steps(data)
    output_bytes = function.estimate_output_size(data)
    return Demand(
        client=ZERO_ADDRESS,
        request=QuoteRequest(
            function=function.name,
            program_id=function.program_id,
            count=1,
            input_bytes=sum(map(len, join_items([data]))),
            steps=steps,
            max_steps=get_max_steps(steps),
            output_bytes=output_bytes,
        ),
        inputs_root=Hash32(get_inputs_root([data])),
        referee=referee,
        output_bytes=output_bytes,
    )


def estimate_cost(steps: int, workers: list[Announced]) -> str:
    """Return about what a computation costs at usual terms; empty when nobody works."""
    if not workers:
        return ""
    terms = WorkerTerms()
    return f"about {format_wei(get_price(steps, terms.gigastep_price, terms.base_price))}"


def build_quotes(offers: list[Offer], asked: int, max_price: Wei | None) -> QuotesView:
    """Return offers for a page."""
    rows = tuple(
        QuoteRow(
            worker=link_address(Address(offer.worker.address)),
            price=build_money(offer.price),
            stake=build_money(offer.quote.stake),
            settled=offer.record.settled,
            expired=offer.record.expired,
            lost=offer.record.lost,
            capacity=offer.quote.capacity,
            longest=format_span(offer.longest_seconds),
            risk=describe_risk(offer),
            value=f"{offer.worker.address}:{offer.price}",
            is_best=number == 0,
            is_too_dear=max_price is not None and offer.price > max_price,
        )
        for number, offer in enumerate(offers)
    )
    problem, hint = "", ""
    if not asked:
        problem, hint = "No worker announces itself on this chain.", "Start one on the Work page."
    elif not rows:
        problem = "No worker makes an offer for this."
        hint = "Try again later, or make the computation smaller."
    return QuotesView(rows=rows, asked=asked, problem=problem, hint=hint)


def describe_risk(offer: Offer) -> str:
    """Return what each side can lose, in one sentence."""
    return (
        f"You can lose at most {format_wei(offer.risk.client_wei)} and gas; "
        f"the worker stakes {format_wei(offer.risk.faulty_worker_wei)}."
    )
