"""Asking workers for quotes without being anybody: a fresh channel key, forgotten at the end.

So prices can be seen before there is an account. What is not here: buying (`accounts`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from pekanu import catalog
from pekanu.catalog import Function
from pekanu.chain import Account
from pekanu.chain.events import Announced
from pekanu.crypto.keccak import keccak256
from pekanu.market.pricing import get_price
from pekanu.market.task import MarketDomain
from pekanu.node import client_draft
from pekanu.node.channel_keys import ChannelIdentity
from pekanu.node.client import build_ref
from pekanu.node.client_job import JobRequest
from pekanu.node.client_task import WorkerRef
from pekanu.node.market_index import MarketIndex, Record
from pekanu.node.offers import Demand, Offer, ask_workers, rank
from pekanu.node.peer_client import PeerClient
from pekanu.node.peer_line import PeerAddress
from pekanu.node.peer_messages import BlobRef
from pekanu.node.peer_talk import PeerPatience
from pekanu.node.worker_terms import WorkerTerms
from pekanu.ringers import RingerCount
from pekanu.types import ZERO_ADDRESS, Address, Seconds, Wei, format_wei
from pekanu.web.index import SiteIndex
from pekanu.web.views.compute import QuoteRow, QuotesView
from pekanu.web.wording import ABOUT, build_money, format_span, link_address

_PATIENCE: Final = PeerPatience(connect_seconds=2.0, read_seconds=10.0, patience_seconds=2.0)
_MAX_ASKED: Final = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Replies:
    """What workers have answered so far, the best offer first."""

    offers: tuple[Offer, ...]
    asked: int
    answered: int


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

    async def fetch_offers(self, demand: Demand, now: Seconds) -> list[Offer]:
        """Return what workers ask, the best first."""
        *_, latest = [replies async for replies in self.stream(demand, now)]
        return list(latest.offers)

    async def stream(self, demand: Demand, now: Seconds) -> AsyncIterator[Replies]:
        """Yield what is known so far: at once, and whenever another worker has answered."""
        workers = self._index.list_workers()[-_MAX_ASKED:]
        records = _Records(self._index.count_records())
        asking = [
            asyncio.create_task(ask_workers(demand, [build_ref(one)], records, self._connect, now))
            for one in workers
        ]
        offers: list[Offer] = []
        yield Replies(offers=(), asked=len(asking), answered=0)
        try:
            for answered, reply in enumerate(asyncio.as_completed(asking), 1):
                offers = sorted([*offers, *(await reply).offers], key=rank)
                yield Replies(offers=tuple(offers), asked=len(asking), answered=answered)
        finally:
            for one in asking:
                one.cancel()

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


def build_demand(
    function: Function, data: bytes, referee: Address, ringers: RingerCount | None = None
) -> Demand:
    """Return a single computation as workers are asked for it; blocks."""
    policy = catalog.parse_policy(function.manifest.default_policy)
    request = JobRequest(function=function.name, items=(data,), policy=policy, ringers=ringers)
    job = client_draft.build_job(request, _name_input, secrets.token_bytes)
    return client_draft.build_demand(job, ZERO_ADDRESS, referee)


def _name_input(file: bytes) -> BlobRef:
    """Return what would name an input, which is not kept."""
    return BlobRef(blob_id=keccak256(file), size=len(file))


def estimate_cost(steps: int, workers: list[Announced]) -> str:
    """Return about what a computation costs at usual terms; empty when nobody works."""
    if not workers:
        return ""
    terms = WorkerTerms()
    price = build_money(get_price(steps, terms.gigastep_price, terms.base_price))
    return f"about {price.short.removeprefix(ABOUT)}"


def build_quotes(replies: Replies, max_price: Wei | None) -> QuotesView:
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
        for number, offer in enumerate(replies.offers)
    )
    problem, hint = "", ""
    if not replies.asked:
        problem, hint = "No worker announces itself on this chain.", "Start one on the Work page."
    elif not rows:
        problem = "No worker makes an offer for this."
        hint = "Try again later, or make the computation smaller."
    return QuotesView(
        rows=rows, asked=replies.asked, answered=replies.answered, problem=problem, hint=hint
    )


def describe_loss(wei: int) -> str:
    """Return the most that can be lost, in words."""
    return f"at most {format_wei(Wei(wei))} and gas" if wei else "nothing but gas"


def describe_risk(offer: Offer) -> str:
    """Return what each side can lose, in one sentence."""
    return (
        f"You can lose {describe_loss(offer.risk.client_wei)}; "
        f"the worker stakes {format_wei(offer.risk.faulty_worker_wei)}."
    )
