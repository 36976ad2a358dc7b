"""Finding storage providers, and opening the one that was chosen: its contract is checked first.

Not here: dealing with it (`deal`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from pekanu.chain import Account, AddressBook
from pekanu.chain.events import Announced
from pekanu.chain.storage_contract import StorageFactoryContract, StorageServerContract
from pekanu.chain.storage_deploy import open_storage_server
from pekanu.errors import NoWorker, PekanuError, ProtocolError
from pekanu.node.channel_keys import ChannelIdentity
from pekanu.node.market_desk import MarketDesk
from pekanu.node.peer_line import PeerAddress
from pekanu.node.peer_talk import PeerPatience
from pekanu.node.storage.messages import ProviderInfo
from pekanu.node.storage.provider_client import ProviderClient
from pekanu.types import Address, Hash32, Wei

_GIB: Final = 1 << 30
_MONTH: Final = 30 * 86400
_REREAD_SECONDS: Final = 2.0
_ASKING: Final = PeerPatience(connect_seconds=2, read_seconds=5, patience_seconds=3)


class NoProvider(NoWorker):
    """Nobody stores this on these terms."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderOffer:
    """What a provider asks for an upload; the quote that it signs decides."""

    announced: Announced
    info: ProviderInfo
    price: Wei
    penalty: Wei
    #: Burned when a paid upload never comes.
    reservation_fee: Wei
    #: Of the provider's deposit, what no agreement reserves.
    free_deposit: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenProvider:
    """A provider whose contract was checked, and the line to it."""

    announced: Announced
    server: StorageServerContract
    factory: StorageFactoryContract
    client: ProviderClient

    @property
    def address(self) -> Address:
        """The provider's wallet."""
        return self.announced.account


async def fetch_offers(
    desk: MarketDesk, *, size: int, term: int, provider: Address | None = None
) -> list[ProviderOffer]:
    """Return what providers ask, the cheapest first; nothing is signed by the wallet."""
    offers, _ = await _ask_providers(desk, size=size, term=term, provider=provider)
    return offers


async def _ask_providers(
    desk: MarketDesk, *, size: int, term: int, provider: Address | None
) -> tuple[list[ProviderOffer], list[PekanuError]]:
    """Return the offers, and why there are none of the other providers that are announced."""
    announced = [
        one
        for one in desk.watch.index.list_providers()
        if provider is None or one.account == provider
    ]
    # Nobody in particular asks: a fresh key, forgotten afterwards.
    identity = ChannelIdentity.from_wallet(Account.create(), desk.domain, now=time.time())
    found = await asyncio.gather(
        *(_fetch_offer(desk, identity, one, size=size, term=term) for one in announced)
    )
    offers = [one for one in found if isinstance(one, ProviderOffer)]
    failures = [one for one in found if isinstance(one, PekanuError)]
    return sorted(offers, key=lambda one: one.price), failures


async def _fetch_offer(
    desk: MarketDesk, identity: ChannelIdentity, announced: Announced, *, size: int, term: int
) -> ProviderOffer | PekanuError:
    who = announced.account
    try:
        async with ProviderClient(
            _get_address(desk, announced), identity, patience=_ASKING
        ) as client:
            info = await client.fetch_provider_info()
        if info.provider != who:
            return ProtocolError(f"{who} says that it is {info.provider}")
        server = StorageServerContract(desk.chain, info.server)
        free = await server.fetch_free()
    except PekanuError as error:
        return ProtocolError(f"{who} makes no offer: {error.message}", hint=error.hint)
    price = Wei(max(info.base_price, -(-info.gib_month_price * size * term // (_GIB * _MONTH))))
    return ProviderOffer(
        announced=announced,
        info=info,
        price=price,
        penalty=Wei(max(info.least_penalty, price * info.penalty_factor)),
        reservation_fee=Wei(price * info.reservation_permille // 1000),
        free_deposit=free,
    )


async def choose_offer(
    desk: MarketDesk,
    *,
    size: int,
    term: int,
    provider: Address | None = None,
    max_price: Wei | None = None,
) -> ProviderOffer:
    """Return the cheapest offer that can be taken.

    Raises:
        NoProvider: There is none; the message says why.
    """
    offers, failures = await _ask_providers(desk, size=size, term=term, provider=provider)
    reasons: list[str] = []
    for offer in offers:
        reason = _find_reason(offer, size=size, term=term, max_price=max_price)
        if reason is None:
            return offer
        reasons.append(f"{offer.announced.account} {reason}")
    reasons += [failure.message for failure in failures]
    if reasons:
        hint = next((failure.hint for failure in failures if failure.hint), None)
        raise NoProvider(f"no provider takes this: {'; '.join(reasons[:3])}", hint=hint)
    who = "no storage provider announces itself" if provider is None else f"{provider} does not"
    raise NoProvider(
        f"{who} announce itself on this chain" if provider else f"{who} on this chain",
        hint="`pekanu provider deploy` and `pekanu provider start` make one",
    )


def _find_reason(
    offer: ProviderOffer, *, size: int, term: int, max_price: Wei | None
) -> str | None:
    info = offer.info
    if size > info.most_bytes:
        return f"takes at most {info.most_bytes} bytes at once"
    if size > info.free_bytes:
        return f"has room for {info.free_bytes} bytes"
    if not info.least_term <= term <= info.most_term:
        return f"takes terms of {info.least_term} to {info.most_term} seconds"
    if offer.free_deposit < offer.penalty:
        return "has too little deposit left for the penalty"
    if max_price is not None and offer.price > max_price:
        return f"asks {offer.price} wei"
    return None


async def find_announced(desk: MarketDesk, provider: Address) -> Announced:
    """Return a provider's announcement.

    After a reorganization all announcements are read again, which takes moments.

    Raises:
        NoProvider: It has none now.
    """
    until = time.monotonic() + _REREAD_SECONDS
    find = desk.watch.index.find_provider
    while (found := find(provider)) is None and time.monotonic() < until:  # noqa: ASYNC110 - untold
        await asyncio.sleep(_REREAD_SECONDS / 20)
    if found is None:
        raise NoProvider(
            f"the provider {provider} does not announce itself now",
            hint="its node may be down; a challenge on chain needs no node of it",
        )
    return found


@asynccontextmanager
async def open_provider_line(
    desk: MarketDesk,
    book: AddressBook,
    announced: Announced,
    server: Address,
    *,
    patience: PeerPatience | None = None,
) -> AsyncIterator[OpenProvider]:
    """Yield a provider after checking that its contract is what it must be.

    Raises:
        NotDeployed: Other code stands at the contract's address.
        ProtocolError: The contract is another provider's.
    """
    factory = book["StorageFactory"].address
    contract = await open_storage_server(desk.chain, server, factory)
    if await contract.fetch_provider() != announced.account:
        raise ProtocolError(f"the contract {server} is not {announced.account}'s")
    identity = await asyncio.to_thread(
        ChannelIdentity.from_wallet, desk.account, desk.domain, now=time.time()
    )
    async with ProviderClient(_get_address(desk, announced), identity, patience=patience) as client:
        yield OpenProvider(
            announced=announced,
            server=contract,
            factory=StorageFactoryContract(desk.chain, factory),
            client=client,
        )


def _get_address(desk: MarketDesk, announced: Announced) -> PeerAddress:
    return PeerAddress(
        endpoint=announced.endpoint,
        worker=announced.account,
        channel_key=Hash32(announced.channel_key),
        domain=desk.domain,
        role="storage provider",
    )
