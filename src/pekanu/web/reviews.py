"""The dialog before anything is signed: calls are simulated, all is decoded from its bytes.

What is not here: what is planned (`plans`), sending (`actions`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pekanu.chain import AddressBook, Call, Connection
from pekanu.chain.simulation import build_insufficient_funds, fetch_fees, try_in_turn
from pekanu.errors import ChainError
from pekanu.types import Address, Wei, format_wei
from pekanu.web.decoding import decode_call, decode_deployment, decode_typed_data
from pekanu.web.plans import Message, Plan
from pekanu.web.viewer import Viewer, require_account
from pekanu.web.views.review import CallView, MessageView, Review
from pekanu.web.wording import build_money, link_address

_UNTRIED: Final = (
    "Not simulated: the chain's node tries one transaction alone, and this rests on another. "
    "It is tried before it is sent."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulation:
    """What calls would do, one after the other."""

    views: tuple[CallView, ...]
    #: Limits; 0 where one would fail, or was not tried.
    gas: tuple[int, ...]
    #: Why the first that fails would; empty when none does.
    refusal: str
    refusal_hint: str


def view_call(
    book: AddressBook, call: Call, contracts: Mapping[Address, str] | None = None
) -> CallView:
    """Return a call decoded from its bytes, by the contract that stands at its address.

    Args:
        book: The chain's contracts.
        call: What is decoded.
        contracts: Names of further ones, by address.
    """
    known = {one.address: name for name, one in book.contracts.items()} | dict(contracts or {})
    if call.to is None:
        contract, name, arguments = decode_deployment(call.data)
    else:
        contract = known.get(call.to, "")
        name, arguments = decode_call(call.data, contract) if contract else ("", ())
    return CallView(
        contract=contract or "another contract",
        to=link_address(call.to or Address("0x")),
        function=name or "unknown",
        arguments=arguments,
        value=build_money(call.value),
        data="0x" + call.data.hex(),
        gas="",
        fee="",
    )


def view_message(message: Message) -> MessageView:
    """Return a message decoded from the document that is signed."""
    document: dict[str, Any] = dict(message.document)
    domain = document["domain"]
    return MessageView(
        name=str(document["primaryType"]),
        domain=f"{domain['name']} {domain['version']}, chain {domain['chainId']}",
        contract=link_address(Address(domain["verifyingContract"])),
        fields=decode_typed_data(document),
        note=message.note,
    )


async def simulate(
    chain: Connection,
    book: AddressBook,
    sender: Address,
    calls: Sequence[Call],
    *,
    before: Sequence[tuple[Address, Call]] = (),
    contracts: Mapping[Address, str] | None = None,
) -> Simulation:
    """Return what calls would do if they were sent now, one after the other.

    Args:
        chain: The chain.
        book: Its contracts.
        sender: Who would send them.
        calls: What.
        before: What others send before them.
        contracts: Names of contracts that are not in the book, by address.
    """
    if not calls:
        return Simulation(views=(), gas=(), refusal="", refusal_hint="")
    fees = await fetch_fees(chain)
    turns = [*before, *((sender, call) for call in calls)]
    trials = await try_in_turn(chain, turns)
    failure = next((one.failure for one in trials if one.failure is not None), None)
    trials = trials[len(before) :]
    views = tuple(
        replace(
            view_call(book, call, contracts),
            gas=f"{trial.gas:,}" if trial.gas else "",
            fee=format_wei(Wei(trial.gas * fees.max_fee)) if trial.gas else "",
            untried=_UNTRIED if trial.is_untried and failure is None else "",
        )
        for call, trial in zip(calls, trials, strict=True)
    )
    gas = tuple(one.gas for one in trials)
    if failure is None:
        failure = await _find_poverty(chain, sender, calls, Wei(sum(gas) * fees.max_fee))
    return Simulation(
        views=views,
        gas=gas,
        refusal="" if failure is None else failure.message,
        refusal_hint="" if failure is None else failure.hint or "",
    )


async def review(viewer: Viewer, plan: Plan) -> Review:
    """Return the dialog for a plan: simulated now, decoded from its bytes.

    It is kept under a token, so that what is confirmed is exactly what was shown. For a wallet its
    transaction is prepared under an id for the same reason.

    Raises:
        KeystoreError: Nobody acts here.
    """
    site, account = viewer.site, plan.account or require_account(viewer)
    plan = replace(plan, account=account)
    simulation = await simulate(
        site.chain, site.book, account, plan.calls, before=plan.before, contracts=plan.contracts
    )
    later = tuple(
        replace(view_call(site.book, call, plan.contracts), untried=note)
        for call, note in plan.later
    )
    simulation = replace(simulation, views=(*simulation.views, *later))
    shown = show_plan(plan, simulation)
    is_wallet = viewer.is_wallet and account == viewer.account
    shown = replace(
        shown,
        signer=link_address(account, site.get_name(account)),
        signer_kind="wallet" if is_wallet else "node",
    )
    if not shown.is_possible:
        return shown
    if is_wallet and plan.calls and plan.order is None:
        request = site.requests.prepare(
            account, plan.calls[0], title=plan.title, subject=plan.subject
        )
        return replace(shown, wallet_request=request.id, is_withdrawn_on_close=True)
    token = site.reviewed.keep(viewer.session.csrf, plan)
    return replace(shown, hidden=(("review", token),))


def show_plan(plan: Plan, simulation: Simulation) -> Review:
    """Return the dialog of a plan and of what its calls would do."""
    refusal = plan.refusal or simulation.refusal
    return Review(
        title=plan.title,
        sentences=plan.sentences,
        signer=link_address(plan.account or Address("0x")),
        signer_kind="node",
        calls=simulation.views,
        messages=tuple(view_message(one) for one in plan.messages),
        facts=plan.facts,
        terms=plan.terms,
        at_most=plan.at_most,
        longest=plan.longest,
        refusal=refusal,
        refusal_hint=plan.refusal_hint if plan.refusal else simulation.refusal_hint,
        is_possible=plan.is_always_possible or not refusal,
        confirm=plan.path,
        confirm_title=plan.confirm_title or plan.title,
        hidden=(),
    )


async def _find_poverty(
    chain: Connection, sender: Address, calls: Sequence[Call], fee: Wei
) -> ChainError | None:
    """Return the refusal where an account has not enough for all values and all gas."""
    balance = await chain.get_balance(sender)
    value = Wei(sum(call.value for call in calls))
    if balance >= value + fee:
        return None
    return build_insufficient_funds(sender, calls[0], balance, value)
