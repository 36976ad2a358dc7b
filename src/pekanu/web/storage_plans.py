"""What can be done about a stored object on chain, as plans: challenge, renew, end, fine, reclaim.

What is not here: storing (`storage_offers`), doing it (`storage_acts`, `storage_desk`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pekanu.chain import Call
from pekanu.chain.storage_contract import StorageClientContract
from pekanu.errors import UsageError
from pekanu.node.storage import keeping
from pekanu.node.storage.store import Store
from pekanu.node.storage.stored import StoredObject
from pekanu.node.storage.units import parse_span
from pekanu.storage.money import get_vested, get_vested_seconds
from pekanu.storage.state import Status
from pekanu.types import Address, Seconds, Wei, format_wei
from pekanu.web.plans import Plan
from pekanu.web.storage_acts import (
    END,
    RECLAIM,
    Act,
    build_challenge_act,
    build_fine_act,
    build_renew_act,
)
from pekanu.web.views.task import Fact
from pekanu.web.wording import build_money, format_size, format_span, link_address

_COLLECT: Final = "Sent next, and tried only then: it brings you what the provider's contract owes."
_WITHDRAW: Final = (
    "Sent last, and tried only then: about this amount has come back, and is paid out."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is asked of an object's provider once it is confirmed."""

    act: Act
    stored: StoredObject


@dataclass(frozen=True, kw_only=True, slots=True)
class Resumption:
    """A put that is gone on with once it is confirmed."""

    stored: StoredObject
    #: None where it is paid.
    payment: Call | None


async def plan_act(
    store: Store, stored: StoredObject, name: str, form: Mapping[str, str], path: str
) -> Plan:
    """Return what is asked for under a name.

    Args:
        store: The account's storage.
        stored: What it is about.
        name: The last part of the address that asks.
        form: Fields of the page.
        path: Where it is confirmed.

    Raises:
        UsageError: Nothing is called so.
        Rejected: It is not possible now.
    """
    match name:
        case "challenge":
            return await _plan_challenge(store, stored, path)
        case "renew":
            return await _plan_renewal(store, stored, path, form.get("term", ""))
        case "end":
            return await _plan_end(store, stored, path)
        case "fine":
            return await _plan_fine(store, stored, path)
        case "reclaim":
            return await _plan_reclaim(store, stored, path)
        case "resume":
            return await _plan_resumption(store, stored, path)
        case _:
            raise UsageError(f"{name[:20]!r} is nothing to do here")


async def find_payment(store: Store, stored: StoredObject) -> Call | None:
    """Return what an object's put still has to pay; None where it has paid."""
    state = await store.fetch_state(stored)
    return store.storer.build_payment(stored) if state.status is Status.NONE else None


async def _plan_challenge(store: Store, stored: StoredObject, path: str) -> Plan:
    terms = stored.quote.terms
    planned = await keeping.plan_challenge(store.storer, stored)
    return Plan(
        title=f"Challenge the provider of {stored.name}",
        sentences=(
            "It must show on chain 256 bytes that chance has named.",
            f"It has {format_span(terms.response_window)} for that.",
            "Meanwhile it earns nothing.",
        ),
        at_most=f"the fee of {format_wei(planned.fee)}, which pays for the answer, and gas",
        path=path,
        account=store.storer.desk.address,
        calls=(planned.call,),
        contracts=_name_contracts(stored),
        facts=(
            Fact(name="You put up", value=format_wei(planned.fee)),
            Fact(
                name="The provider can lose",
                value=f"{format_wei(terms.penalty)} as penalty, and what is not served",
            ),
        ),
        confirm_title="Challenge",
        order=Asked(act=build_challenge_act(planned), stored=stored),
    )


async def _plan_renewal(store: Store, stored: StoredObject, path: str, term: str) -> Plan:
    renewal = await keeping.plan_renewal(
        store.storer, stored, term=parse_span(term.strip() or "30d")
    )
    terms = renewal.stored.quote.terms
    price = build_money(terms.price)
    return Plan(
        title=f"Renew {stored.name} for {format_span(terms.term)}",
        sentences=(
            "The new term begins where the present one ends; nothing is uploaded again.",
            "The price goes into escrow now, and a penalty is reserved for it.",
        ),
        at_most=f"{price.text} and gas",
        path=path,
        account=store.storer.desk.address,
        calls=(renewal.payment,),
        contracts=_name_contracts(stored),
        facts=(
            Fact(name="Kept", value=format_size(stored.quote.content.size)),
            Fact(name="Provider", value="", link=link_address(stored.provider)),
            Fact(name="Price", value=price.text),
            Fact(
                name="The provider can lose",
                value=f"{format_wei(terms.penalty)} as penalty, and what is not served yet",
            ),
        ),
        confirm_title=f"Renew for {price.short}",
        order=Asked(act=build_renew_act(renewal), stored=stored),
    )


async def _plan_end(store: Store, stored: StoredObject, path: str) -> Plan:
    terms, state = stored.quote.terms, await store.fetch_state(stored)
    now = await store.storer.desk.watch.refresh()
    left = Wei(terms.price - get_vested(terms, get_vested_seconds(terms, state, Seconds(now))))
    return Plan(
        title=f"End {stored.name} early",
        sentences=(
            "The provider may forget the bytes at once: fetch first what you want to keep.",
            "What it has not served yet comes back to you.",
        ),
        at_most="the files, where you have no other copy, and gas",
        path=path,
        account=store.storer.desk.address,
        calls=(keeping.build_give_back(store.storer, stored),),
        later=await _plan_take_back(store, stored, left),
        contracts=_name_contracts(stored),
        facts=(Fact(name="Comes back, about", value=build_money(left).short),),
        confirm_title="End it",
        order=Asked(act=END, stored=stored),
    )


async def _plan_fine(store: Store, stored: StoredObject, path: str) -> Plan:
    terms, state = stored.quote.terms, await store.fetch_state(stored)
    is_fined = state.status is Status.FINED
    planned = None if is_fined else await keeping.build_fine(store.storer, stored)
    now = await store.storer.desk.watch.refresh()
    left = terms.price - get_vested(terms, get_vested_seconds(terms, state, Seconds(now)))
    return Plan(
        title=f"Take the penalty for {stored.name}",
        sentences=(
            "The provider failed: its penalty, and what it has not served, are yours.",
            "The agreement is over then.",
        ),
        at_most="nothing but gas",
        path=path,
        account=store.storer.desk.address,
        calls=(planned[1],) if planned else (),
        later=await _plan_take_back(store, stored, Wei(terms.penalty + left if planned else 0)),
        contracts=_name_contracts(stored),
        facts=(Fact(name="Penalty", value=format_wei(terms.penalty)),),
        confirm_title="Take the penalty",
        order=Asked(act=build_fine_act(planned), stored=stored),
    )


async def _plan_reclaim(store: Store, stored: StoredObject, path: str) -> Plan:
    terms, state = stored.quote.terms, await store.fetch_state(stored)
    back = Wei(terms.price - terms.reservation_fee)
    # Anyone may have ended it meanwhile; then its money is only brought back.
    calls = (keeping.build_reclaim(store.storer, stored),) if state.status is Status.PAID else ()
    return Plan(
        title=f"Take back the payment for {stored.name}",
        sentences=(
            "No receipt came in time: the agreement ends, and nobody is fined.",
            f"{format_wei(terms.reservation_fee)} of the price are burned.",
        ),
        at_most="nothing but gas",
        path=path,
        account=store.storer.desk.address,
        calls=calls,
        later=await _plan_take_back(store, stored, back if calls else Wei(0)),
        contracts=_name_contracts(stored),
        facts=(Fact(name="Comes back", value=format_wei(back)),),
        confirm_title="Take it back",
        order=Asked(act=RECLAIM, stored=stored),
    )


async def _plan_resumption(store: Store, stored: StoredObject, path: str) -> Plan:
    payment = await find_payment(store, stored)
    price = build_money(stored.quote.terms.price)
    return Plan(
        title=f"Go on with {stored.name}",
        sentences=(
            "What the provider lacks is uploaded.",
            "It is paid now, as it was agreed." if payment else "It is paid already.",
            "Should the provider not show its receipt on chain by itself, this node does: for gas.",
        ),
        at_most=f"{price.text} and gas" if payment else "nothing but gas",
        path=path,
        account=store.storer.desk.address,
        calls=(payment,) if payment else (),
        contracts=_name_contracts(stored),
        confirm_title="Go on",
        order=Resumption(stored=stored, payment=payment),
    )


async def _plan_take_back(
    store: Store, stored: StoredObject, coming: Wei
) -> tuple[tuple[Call, str], ...]:
    """Return what brings money back from the provider's contract to the wallet, with notes."""
    chain, server = store.storer.desk.chain, keeping.get_server(store.storer, stored)
    contract = StorageClientContract(chain, stored.client)
    owed = (await server.fetch_account(stored.client)).balance
    held = Wei(await chain.get_balance(stored.client) + owed + coming)
    return (contract.collect(), _COLLECT), (contract.withdraw(held), _WITHDRAW)


def _name_contracts(stored: StoredObject) -> dict[Address, str]:
    return {stored.server: "StorageServer", stored.client: "StorageClient"}
