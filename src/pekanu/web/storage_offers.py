"""Files that wait to be stored, and what is shown before a signature: an offer, a challenge.

What is not here: doing it (`storage_desk`), what is stored already (`storage_pages`).
"""

from __future__ import annotations

from pekanu.node.storage.keeping import get_server
from pekanu.node.storage.store import Store
from pekanu.node.storage.stored import StoredObject
from pekanu.node.storage.storer import Prepared
from pekanu.types import format_wei
from pekanu.web.site import Site
from pekanu.web.views.storage import HeldFile, HeldFiles, StorageReview
from pekanu.web.views.task import Fact
from pekanu.web.wording import build_money, format_size, format_span, link_address


def build_held(site: Site, batch: str, problem: str = "") -> HeldFiles:
    """Return the files that wait in a batch."""
    paths = site.storage.uploads.list(batch)
    sizes = [path.stat().st_size for path in paths]
    return HeldFiles(
        files=tuple(
            HeldFile(name=path.name, size=format_size(size))
            for path, size in zip(paths, sizes, strict=True)
        ),
        size=format_size(sum(sizes)),
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
