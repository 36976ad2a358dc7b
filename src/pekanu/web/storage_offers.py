"""Files that wait to be stored, and storing them as plans: being let in by a provider, paying it.

The provider's signed quote is fetched for the dialog, so that the payment is shown to the byte.
What is not here: doing it (`storage_desk`), what is stored already (`storage_plans`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pekanu.chain.storage_contract import StorageFactoryContract, StorageServerContract
from pekanu.errors import UsageError
from pekanu.node.storage.deal import build_registration
from pekanu.node.storage.store import Store
from pekanu.node.storage.storer import Agreed, Prepared
from pekanu.storage.domains import DomainKind
from pekanu.storage.typed_data import build_typed_data
from pekanu.types import Address, format_wei
from pekanu.web.plans import Message, Plan
from pekanu.web.site import Site
from pekanu.web.views.storage import HeldFile, HeldFiles
from pekanu.web.views.task import Fact
from pekanu.web.wording import build_money, format_size, format_span, link_address

#: What a shared encryption domain reveals, in one sentence.
_SHARED: Final = (
    "Identical files of everyone who knows the phrase are kept once; each of those people can tell "
    "that you store a file which he has too."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Introduction:
    """What is asked of a provider that has not let an account in yet."""

    batch: str
    prepared: Prepared
    #: At which it is signed, in seconds since 1970.
    now: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Put:
    """What is stored once it is confirmed."""

    batch: str
    agreed: Agreed


def build_held(site: Site, batch: str, problem: str = "") -> HeldFiles:
    """Return the files that wait in a batch."""
    uploads = site.storage.uploads
    held = [(path, *uploads.measure(path)) for path in uploads.list(batch)]
    return HeldFiles(
        files=tuple(
            HeldFile(
                name=path.name,
                size=f"{count} files, {format_size(size)}" if path.is_dir() else format_size(size),
            )
            for path, count, size in held
        ),
        count=sum(count for _, count, _ in held),
        size=format_size(sum(size for _, _, size in held)),
        problem=problem,
    )


async def plan_introduction(store: Store, order: Introduction) -> Plan:
    """Return what an account signs and sends once with each provider, before the first payment."""
    desk, offer = store.storer.desk, order.prepared.offer
    server = StorageServerContract(desk.chain, Address(offer.info.server))
    factory = StorageFactoryContract(desk.chain, store.storer.book["StorageFactory"].address)
    provider = offer.announced.account
    has_contract = await factory.fetch_client(desk.address, server.address) is not None
    is_registered = await server.fetch_is_registered(desk.address)
    registration = build_registration(desk.address, store.storer.secret, now=order.now)
    return Plan(
        title="Be let in by the provider",
        sentences=(
            "This is asked once with each provider; what storing costs is shown next.",
            "The provider writes your account into its contract, which it pays for.",
            *(() if has_contract else ("Then you make your own contract with it, which pays it.",)),
        ),
        at_most="nothing but gas" if not has_contract else "nothing",
        path="/storage/introduce",
        account=desk.address,
        before=() if is_registered else ((provider, server.register(desk.address)),),
        calls=() if has_contract else (factory.create(server.address),),
        contracts={server.address: "StorageServer"},
        messages=(Message(document=build_typed_data(server.domain, registration)),),
        facts=(
            Fact(name="Provider", value="", link=link_address(provider)),
            Fact(name="Its contract", value="", link=link_address(server.address)),
        ),
        confirm_title="Go on",
        order=order,
    )


def plan_put(store: Store, order: Put) -> Plan:
    """Return what storing pays, by the quote that the provider has signed for it."""
    agreed, terms = order.agreed, order.agreed.stored.quote.terms
    source, plan = agreed.prepared.source, agreed.prepared.plan
    price = build_money(terms.price)
    return Plan(
        title=f"Store {source.name} for {format_span(terms.term)}",
        sentences=(
            "The price goes into escrow; the provider is paid from it by the second.",
            "The same transaction reserves the penalty that it pays when it loses one byte.",
            "The files are encrypted on this node; the provider sees sizes, and no content.",
            *([_SHARED] if agreed.prepared.domain.kind is DomainKind.SHARED else []),
            "Should the provider not show its receipt on chain by itself, this node does: for gas.",
        ),
        at_most=f"{price.text} and gas; if no upload comes, the price comes back but "
        f"{format_wei(terms.reservation_fee)}, which is burned",
        path="/storage/put",
        account=store.storer.desk.address,
        calls=(agreed.payment,),
        contracts={agreed.stored.client: "StorageClient"},
        facts=(
            Fact(name="Files", value=f"{len(source.entries)}, {format_size(source.size)}"),
            Fact(name="To be kept", value=f"{format_size(plan.size)}, {len(plan.names)} chunks"),
            Fact(name="Provider", value="", link=link_address(agreed.stored.provider)),
            Fact(name="Price", value=price.text),
            Fact(
                name="The provider can lose",
                value=f"{format_wei(terms.penalty)} as penalty, and what is not served yet",
            ),
        ),
        confirm_title=f"Store for {price.short}",
        order=order,
    )


def read_phrase(form: Mapping[str, str]) -> str:
    """Return the phrase of a shared domain; empty for the account's own.

    Raises:
        UsageError: The domain is to be shared, and there is none.
    """
    phrase = form.get("phrase", "").strip()
    if form.get("domain", "own") != "shared":
        return ""
    if not phrase:
        raise UsageError("a phrase is needed to share equal files with others")
    return phrase
