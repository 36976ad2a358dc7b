"""What a provider asks for, and what it takes: prices, penalties, terms, room.

The price depends on bytes and seconds alone, never on what the provider holds already: that would
tell anyone who asks. Not here: signing (`provider`), the rules of the contract (`pekanu.storage`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pekanu.node.peer_errors import PeerRefused
from pekanu.node.provider.index import Usage
from pekanu.node.storage.messages import UploadRequest
from pekanu.node.storage.units import parse_size, parse_span
from pekanu.storage.agreement import Content, Quote, Terms
from pekanu.storage.lifecycle import FEE_DIVISOR
from pekanu.storage.trees import commit_root
from pekanu.types import Address, Seconds, Wei, parse_wei

_GIB: Final = 1 << 30
_MONTH: Final = 30 * 86400
_THOUSAND: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderTerms:
    """What an operator decides."""

    #: Price of any agreement, however small.
    base_price: Wei = Wei(10**13)
    #: Price of a GiB over thirty days.
    gib_month_price: Wei = Wei(10**15)
    #: Times the price that the provider loses when it fails.
    penalty_factor: int = 5
    #: What it loses at least.
    least_penalty: Wei = Wei(10**15)
    #: Parts of a thousand of the price, at most ten, that are lost when a paid upload never comes.
    reservation_permille: int = 5
    #: Parts of a thousand of the price that come back for what others had stored here all the term.
    rebate_permille: int = 500
    least_term: Seconds = Seconds(600)
    most_term: Seconds = Seconds(3650 * 86400)
    #: Seconds from the payment to the receipt on chain.
    confirm_window: Seconds = Seconds(86400)
    #: Seconds to answer a challenge.
    response_window: Seconds = Seconds(86400)
    #: Seconds for which a quote can be paid.
    quote_seconds: Seconds = Seconds(1800)
    #: Bytes that all packs may take.
    capacity_bytes: int = 100 << 30
    #: Bytes of one agreement.
    most_bytes: int = 64 << 30
    #: Unpaid quotes of one client.
    most_quotes: int = 64

    def get_price(self, size: int, term: int) -> Wei:
        """Return the price of so many bytes for so many seconds, rounded up."""
        share = -(-self.gib_month_price * size * term // (_GIB * _MONTH))
        return Wei(max(self.base_price, share))

    def get_penalty(self, price: int) -> Wei:
        """Return what is reserved for an agreement of a price."""
        return Wei(max(self.least_penalty, price * self.penalty_factor))

    def get_reservation_fee(self, price: int) -> Wei:
        """Return what is burned when nothing comes."""
        fee = price * self.reservation_permille // _THOUSAND
        return Wei(min(fee, price // FEE_DIVISOR))


def parse_terms(options: Mapping[str, str]) -> ProviderTerms:
    """Return terms as the options of `pekanu provider start` give them.

    Args:
        options: By name, without dashes; those that are missing keep their defaults.

    Raises:
        UsageError: An amount, a size or a span cannot be read.
    """
    usual = ProviderTerms()

    def read(name: str, default: int, parse: Callable[[str], int]) -> int:
        text = options.get(name, "")
        return parse(text) if text else default

    return ProviderTerms(
        base_price=Wei(read("base-price", usual.base_price, parse_wei)),
        gib_month_price=Wei(read("price", usual.gib_month_price, parse_wei)),
        penalty_factor=read("penalty-factor", usual.penalty_factor, int),
        least_penalty=Wei(read("least-penalty", usual.least_penalty, parse_wei)),
        rebate_permille=read("rebate-permille", usual.rebate_permille, int),
        least_term=Seconds(read("least-term", usual.least_term, parse_span)),
        confirm_window=Seconds(read("confirm-window", usual.confirm_window, parse_span)),
        response_window=Seconds(read("response-window", usual.response_window, parse_span)),
        capacity_bytes=read("capacity", usual.capacity_bytes, parse_size),
        most_bytes=read("most", usual.most_bytes, parse_size),
    )


def build_quote(
    terms: ProviderTerms, request: UploadRequest, agent: Address, now: Seconds
) -> Quote:
    """Return the quote for a request that was checked."""
    price = terms.get_price(request.size, request.term)
    return Quote(
        content=Content(
            root_commitment=commit_root(request.root, request.blind),
            size=request.size,
            chunk_count=request.chunk_count,
        ),
        terms=Terms(
            client=request.client,
            agent=agent,
            price=price,
            penalty=terms.get_penalty(price),
            reservation_fee=terms.get_reservation_fee(price),
            starts_at=Seconds(request.starts_at),
            term=Seconds(request.term),
            valid_until=Seconds(now + terms.quote_seconds),
            confirm_window=terms.confirm_window,
            response_window=terms.response_window,
        ),
    )


def check_request(terms: ProviderTerms, request: UploadRequest, usage: Usage) -> None:
    """Refuse what this provider does not keep.

    Raises:
        PeerRefused: The term or the size is out of bounds (``terms``), or there is no room
            (``quota``).
    """
    if not terms.least_term <= request.term <= terms.most_term:
        raise PeerRefused(
            "terms",
            f"a term here has {terms.least_term} to {terms.most_term} seconds, not {request.term}",
        )
    if not 1 <= request.manifest_chunks <= request.chunk_count:
        raise PeerRefused("malformed", "an upload ends with its manifest")
    if not 0 < request.size <= terms.most_bytes:
        raise PeerRefused("quota", f"an upload here has at most {terms.most_bytes} bytes")
    if request.size > get_free_bytes(terms, usage):
        raise PeerRefused("quota", f"there is no room for {request.size} bytes")


def get_free_bytes(terms: ProviderTerms, usage: Usage) -> int:
    """Return the bytes that could be agreed on now."""
    return max(0, terms.capacity_bytes - usage.pack_bytes - usage.awaited_bytes)
