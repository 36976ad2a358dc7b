"""Finding workers and choosing among their offers.

Workers announce themselves on chain; all are asked at once. What is not here: the talk with one
of them (`peer_client`), the task that follows (`client`).
Source: design/product.md, "Node, discovery, channel".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pekanu.dispute.clock import get_longest_seconds
from pekanu.errors import NoWorker, ProtocolError
from pekanu.market.delivery import Layout
from pekanu.market.lifecycle import MAX_WINDOW, MIN_WINDOW
from pekanu.market.pricing import Risk, get_risk
from pekanu.market.task import Task, Terms
from pekanu.node.client_task import WorkerRef
from pekanu.node.dispute_terms import build_terms
from pekanu.node.market_index import MarketIndex, Record
from pekanu.node.peer_client import PeerClient
from pekanu.node.peer_errors import PeerRefused, PeerUnreachable
from pekanu.node.peer_messages import Quote, QuoteRequest
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei, format_wei

_LOG: Final = logging.getLogger(__name__)
#: Seconds that a client gives itself to get a signed task onto the chain.
OFFER_SECONDS: Final = 600


#: Refusals of a worker that may make an offer a little later.
_PASSING: Final = frozenset({"busy", "quota", "slow"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What one worker asks, and what each side risks; shown before anything is signed."""

    worker: WorkerRef
    quote: Quote
    record: Record
    #: Of the market alone; a dispute comes on top (`longest_seconds`).
    risk: Risk
    terms: Terms

    @property
    def price(self) -> Wei:
        """Return what the worker is paid on success."""
        return Wei(self.quote.price)

    @property
    def longest_seconds(self) -> Seconds:
        """Return the time from acceptance to the last possible end, one dispute included."""
        return Seconds(self.risk.longest_seconds + get_longest_seconds(self.terms, share=1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """What a client wants quoted."""

    client: Address
    request: QuoteRequest
    #: What the terms name.
    program_id: Hash32
    inputs_root: Hash32
    #: Rules on challenges.
    referee: Address
    #: May act for the client; zero is nobody.
    agent: Address = ZERO_ADDRESS
    #: Bytes of an item's output at most, as estimated.
    output_bytes: int


def draft_terms(demand: Demand, quote: Quote) -> Terms:
    """Return what is to be computed, and how a dispute about it would be played."""
    return build_terms(
        demand.program_id,
        demand.inputs_root,
        max_steps=demand.request.max_steps,
        bond=Wei(quote.bond),
        response_window=Seconds(quote.response_window),
    )


def draft_task(demand: Demand, quote: Quote, *, now: Seconds, salt: Hash32) -> Task:
    """Return the task that a quote leads to."""
    return Task(
        client=demand.client,
        agent=demand.agent,
        referee=demand.referee,
        terms=draft_terms(demand, quote).hash(),
        count=demand.request.count,
        price=Wei(quote.price),
        stake=Wei(quote.stake),
        offered_until=Seconds(now + OFFER_SECONDS),
        compute_window=Seconds(quote.compute_window),
        audit_window=Seconds(quote.audit_window),
        response_window=Seconds(quote.response_window),
        chunk_fee=Wei(quote.chunk_fee),
        salt=salt,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What workers said when they were asked for offers."""

    #: The best first.
    offers: list[Offer]
    #: Somebody may make an offer a little later.
    are_busy: bool
    #: Somebody gave no answer, and may be gone.
    are_silent: bool


async def ask_workers(
    demand: Demand,
    workers: Sequence[WorkerRef],
    index: MarketIndex,
    connect: Callable[[WorkerRef], Awaitable[PeerClient]],
    now: Seconds,
) -> Answers:
    """Return what workers say: offers, and whether others may follow."""
    busy: set[Address] = set()
    silent: set[Address] = set()

    async def ask(worker: WorkerRef) -> Offer | None:
        try:
            peer = await connect(worker)
            quote = await peer.fetch_quote(demand.request)
        except ProtocolError as error:
            _LOG.info("%s makes no offer: %s", worker.address, error)
            if isinstance(error, PeerRefused) and error.code in _PASSING:
                busy.add(worker.address)
            if isinstance(error, PeerUnreachable) and error.may_pass:
                silent.add(worker.address)
            return None
        windows = (quote.compute_window, quote.audit_window, quote.response_window)
        # With a bond above the stake a lie could not be challenged for less than it costs.
        if not all(MIN_WINDOW <= window <= MAX_WINDOW for window in windows) or (
            quote.bond > quote.stake
        ):
            return None
        terms = draft_terms(demand, quote)
        draft = draft_task(demand, quote, now=now, salt=Hash32(bytes(32)))
        chunks = [Layout.from_size(demand.output_bytes).chunk_count] * demand.request.count
        return Offer(
            worker=worker,
            quote=quote,
            record=index.get_record(worker.address),
            risk=get_risk(draft, chunks),
            terms=terms,
        )

    found = await asyncio.gather(*map(ask, workers))
    offers = sorted((offer for offer in found if offer is not None), key=rank)
    return Answers(offers=offers, are_busy=bool(busy), are_silent=bool(silent))


def choose(offers: Sequence[Offer], *, max_price: Wei | None) -> Offer:
    """Return the best offer that is not too dear.

    Raises:
        NoWorker: There is none.
    """
    if not offers:
        raise NoWorker(
            "nobody sells this computation now", hint="start a worker, or try again later"
        )
    for offer in offers:
        if max_price is None or offer.price <= max_price:
            return offer
    cheapest = min(offer.price for offer in offers)
    raise NoWorker(
        f"the cheapest offer is {format_wei(cheapest)}, more than {format_wei(max_price or 0)}",
        hint=f"offer --max-price {format_wei(cheapest)!r} or more",
    )


def rank(offer: Offer) -> tuple[bool, float, int]:
    """Free workers first, then by price over how often the worker kept its word."""
    return offer.quote.capacity == 0, offer.price / offer.record.score, -offer.quote.capacity
