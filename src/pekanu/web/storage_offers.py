"""Files that wait to be stored, and what is shown before a signature: an offer, a challenge.

What is not here: doing it (`storage_desk`), what is stored already (`storage_pages`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pekanu.errors import UsageError
from pekanu.node.storage.keeping import get_server
from pekanu.node.storage.providers import choose_offer
from pekanu.node.storage.store import Store
from pekanu.node.storage.stored import StoredObject
from pekanu.node.storage.storer import Prepared
from pekanu.node.storage.units import parse_span
from pekanu.storage.domains import DomainKind
from pekanu.storage.money import get_vested, get_vested_seconds
from pekanu.storage.state import AgreementState
from pekanu.types import Seconds, format_wei
from pekanu.web.site import Site
from pekanu.web.views.storage import HeldFile, HeldFiles, StorageReview
from pekanu.web.views.task import Fact
from pekanu.web.wording import build_money, format_size, format_span, link_address

#: What a shared encryption domain reveals, in one sentence.
_SHARED: Final = (
    "Identical files of everyone who knows the phrase are kept once; each of those people can tell "
    "that you store a file which he has too."
)


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


def build_quote(batch: str, prepared: Prepared, cost: dict[str, int]) -> StorageReview:
    """Return the dialog with an offer: all that it costs, and what each side can lose."""
    offer, source, plan = prepared.offer, prepared.source, prepared.plan
    whole = offer.price + cost["gas_wei"]
    term = format_span(prepared.request.term)
    short = cost["balance_wei"] < whole
    balance = format_wei(cost["balance_wei"])
    return StorageReview(
        title=f"Store {source.name} for {term}",
        sentences=(
            "The price goes into escrow; the provider is paid from it by the second.",
            "The same transaction reserves the penalty that it pays when it loses one byte.",
            "The files are encrypted on this node; the provider sees sizes, and no content.",
            *([_SHARED] if prepared.domain.kind is DomainKind.SHARED else []),
        ),
        facts=(
            Fact(name="Files", value=f"{len(source.entries)}, {format_size(source.size)}"),
            Fact(name="To be kept", value=f"{format_size(plan.size)}, {len(plan.names)} chunks"),
            Fact(name="Provider", value="", link=link_address(offer.announced.account)),
            Fact(name="Price", value=build_money(offer.price).text),
            Fact(name="Gas, about", value=build_money(cost["gas_wei"]).short),
            Fact(name="In all, about", value=build_money(whole).short),
            Fact(
                name="You can lose",
                value="price and gas; if no upload comes, all of the price comes back but "
                f"{build_money(offer.reservation_fee).text}, which is burned",
            ),
            Fact(
                name="The provider can lose",
                value=f"{build_money(offer.penalty).text} as penalty, and what is not served yet",
            ),
            Fact(name="You have", value=balance),
        ),
        refusal=f"The account has {balance}, which is less than it takes." if short else "",
        confirm="/storage/put",
        confirm_title=f"Store for {build_money(offer.price).short}",
        hidden=(("batch", batch),),
    )


async def build_challenge(store: Store, stored: StoredObject, confirm: str) -> StorageReview:
    """Return the dialog with a challenge: what it costs, and what comes of it.

    Args:
        store: The account's storage.
        stored: What is challenged.
        confirm: Where it is confirmed.
    """
    fee = await get_server(store.storer, stored).fetch_challenge_fee(1)
    terms = stored.quote.terms
    window = format_span(terms.response_window)
    return StorageReview(
        title=f"Challenge the provider of {stored.name}",
        sentences=(
            f"It must show 256 bytes that chance names, on chain, within {window}.",
            "Meanwhile it earns nothing.",
        ),
        facts=(
            Fact(name="You put up", value=build_money(fee).text),
            Fact(name="You can lose", value="that fee, which pays for the answer, and gas"),
            Fact(
                name="The provider can lose",
                value=f"{build_money(terms.penalty).text} as penalty, and what is not served",
            ),
        ),
        refusal="",
        confirm=confirm,
        confirm_title="Challenge",
    )


async def build_renewal(
    store: Store, stored: StoredObject, confirm: str, term: str
) -> StorageReview:
    """Return the dialog with a renewal: another term, that begins where this one ends.

    Args:
        store: The account's storage.
        stored: What is renewed.
        confirm: Where it is confirmed.
        term: How much longer, such as ``30d``.

    Raises:
        InvalidInput: The term cannot be read.
        NoProvider: Its provider takes no more.
    """
    seconds, size = parse_span(term or "30d"), stored.quote.content.size
    offer = await choose_offer(store.storer.desk, size=size, term=seconds, provider=stored.provider)
    return StorageReview(
        title=f"Renew {stored.name} for {format_span(seconds)}",
        sentences=(
            "The new term begins where the present one ends; nothing is uploaded again.",
            "The price goes into escrow now, and a penalty is reserved for it.",
        ),
        facts=(
            Fact(name="Kept", value=format_size(size)),
            Fact(name="Provider", value="", link=link_address(stored.provider)),
            Fact(name="Price at most", value=build_money(offer.price).text),
            Fact(name="You can lose", value="the price, and gas"),
            Fact(
                name="The provider can lose",
                value=f"{build_money(offer.penalty).text} as penalty, and what is not served yet",
            ),
        ),
        refusal="",
        confirm=confirm,
        confirm_title=f"Renew for {build_money(offer.price).short}",
        hidden=(("term", str(seconds)), ("max_price", f"{offer.price} wei")),
    )


def build_end(
    stored: StoredObject, state: AgreementState, now: Seconds, confirm: str
) -> StorageReview:
    """Return the dialog before an agreement is ended early."""
    terms = stored.quote.terms
    left = terms.price - get_vested(terms, get_vested_seconds(terms, state, now))
    return StorageReview(
        title=f"End {stored.name} early",
        sentences=(
            "The provider may forget the bytes at once: fetch first what you want to keep.",
            "What it has not served yet comes back to you.",
        ),
        facts=(
            Fact(name="Comes back, about", value=build_money(left).short),
            Fact(name="You can lose", value="the files, where you have no other copy, and gas"),
        ),
        refusal="",
        confirm=confirm,
        confirm_title="End it",
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
