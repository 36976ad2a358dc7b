"""What the provider's page says of offering storage from this node: its process, and the form.

What is not here: what a provider keeps (`keeping_pages`), starting one (`provider_plans`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pekanu.errors import PekanuError, UsageError
from pekanu.node.storage.units import parse_size, parse_span
from pekanu.types import parse_address, parse_wei
from pekanu.web.node_process import ProcessState
from pekanu.web.provider_plans import find_server
from pekanu.web.viewer import Viewer
from pekanu.web.views.storage import OfferView
from pekanu.web.views.work import AccountChoice, TermField
from pekanu.web.wording import build_money, link_address
from pekanu.web.work_pages import Term

_TITLES: Final = {
    ProcessState.STOPPED: "No provider was started from here",
    ProcessState.STARTING: "The provider starts",
    ProcessState.RUNNING: "The provider runs",
    ProcessState.STOPPING: "The provider stops",
    ProcessState.FAILED: "The provider failed",
}


_DEPOSIT: Final = "deposit"
TERMS: Final = (
    Term(
        option=_DEPOSIT,
        title="Deposit",
        description="Of a new contract: penalties are reserved out of it. Where there is one, not "
        "touched.",
        widget="amount",
        default="1 ether",
    ),
    Term(
        option="price",
        title="Price of a GiB for 30 days",
        description="Paid by the second.",
        widget="amount",
        default="0.001 ether",
    ),
    Term(
        option="base-price",
        title="Price at least",
        description="Of any agreement, however small.",
        widget="amount",
        default="0.00001 ether",
    ),
    Term(
        option="least-penalty",
        title="Penalty at least",
        description="What a lost byte costs you; five times the price where that is more.",
        widget="amount",
        default="0.001 ether",
    ),
    Term(
        option="response-window",
        title="Time to answer a challenge",
        description="Such as 1d or 12h; the node answers by itself while it runs.",
        widget="span",
        default="1d",
    ),
    Term(
        option="capacity",
        title="Room",
        description="Bytes for all that is kept, in a folder of this node.",
        widget="size",
        default="100 GiB",
    ),
)
_READERS: Final = {"amount": parse_wei, "span": parse_span, "size": parse_size}


def read_terms(form: Mapping[str, str]) -> dict[str, str]:
    """Return the options of a provider from a form, with the deposit of a new contract.

    Raises:
        UsageError: A term cannot be read.
    """
    options = {}
    for term in TERMS:
        text = form.get(term.option, "").strip() or term.default
        try:
            _READERS[term.widget](text)
        except PekanuError as error:
            raise UsageError(f"{term.title}: {error.message}", hint=error.hint) from error
        options[term.option] = text
    return options


async def build_offer(viewer: Viewer) -> OfferView | None:
    """Return what there is to say of offering storage; None on a site that holds no keys."""
    site = viewer.site
    if site.options.is_hosted:
        return None
    process, choices = site.provider, await _build_choices(viewer)
    return OfferView(
        state=process.state.value,
        state_title=_TITLES[process.state],
        problem=process.problem,
        provider=None
        if process.address is None
        else link_address(process.address, site.get_name(process.address)),
        endpoint=process.endpoint,
        accounts=choices,
        terms=tuple(
            TermField(
                name=term.option,
                title=term.title,
                description=term.description,
                widget=term.widget,
                value=process.options.get(term.option, term.default),
            )
            for term in TERMS
        ),
        obstacle="" if choices else "A provider needs an account of its own, unlocked.",
    )


async def _build_choices(viewer: Viewer) -> tuple[AccountChoice, ...]:
    """Return the unlocked accounts that do not work: who has a contract first, who buys last."""
    site = viewer.site
    at_work = site.worker.address if site.worker.is_up else None
    known = [
        (find_server(site, one.address), one)
        for one in site.accounts.list_accounts()
        if one.is_unlocked and one.address != at_work
    ]
    known.sort(key=lambda one: (one[0] is None, one[1].address == viewer.account, one[1].name))
    choices = []
    for number, (server, one) in enumerate(known):
        balance, _ = await site.balances.fetch(one.address)
        chosen = site.provider.address
        choices.append(
            AccountChoice(
                address=link_address(one.address, one.name),
                name=one.name,
                is_unlocked=True,
                is_chosen=number == 0 if chosen is None else parse_address(one.address) == chosen,
                ledger="has a contract" if server else build_money(balance).short,
                has_ledger=server is not None,
            )
        )
    return tuple(choices)
