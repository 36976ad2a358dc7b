"""Offering storage from this node as plans: contract and announcement, stopping, the deposit.

What is not here: the process (`node_process`), the page (`keeping_pages`), what a provider does
(`pekanu.node.provider`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from pekanu.chain import Call
from pekanu.chain.market_contract import build_retraction
from pekanu.chain.storage_contract import StorageServerContract
from pekanu.chain.storage_deploy import build_server_deployment
from pekanu.errors import NotDeployed, UsageError
from pekanu.node.market_index import PROVIDER_ROLE
from pekanu.node.provider.provider import (
    build_announcement,
    load_server_address,
)
from pekanu.node.provider.terms import parse_terms
from pekanu.types import Address, Wei, format_wei
from pekanu.web.node_keys import choose_place
from pekanu.web.node_process import NodeOrder, ProcessState
from pekanu.web.plans import Plan
from pekanu.web.site import Site
from pekanu.web.views.task import Fact
from pekanu.web.wording import build_money, format_size, format_span, link_address

_PATH: Final = "/storage/provider"


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """A provider that is to start, after its contract was made where it has none."""

    process: NodeOrder
    #: None where there is a contract.
    deposit: Wei | None


def find_server(site: Site, provider: Address) -> Address | None:
    """Return the contract of an account of this node on this chain, or None."""
    try:
        return load_server_address(site.options.home, provider, site.chain.chain_id)[0]
    except NotDeployed:
        return None


async def plan_start(site: Site, order: NodeOrder, deposit: Wei) -> Plan:
    """Return what offering storage sends and signs; the order that it carries names the port.

    Args:
        site: The site.
        order: How the provider is to run; no password is needed yet.
        deposit: Of a new contract; where there is one it is not touched.

    Raises:
        UsageError: One runs already, or a term cannot be read.
    """
    site.provider.require_down()
    terms = parse_terms(order.options)
    place = await choose_place(site, order)
    server = find_server(site, order.address)
    calls = [build_announcement(site.market, terms, place.endpoint, place.key)]
    refusal, free = "", deposit
    if server is None:
        factory = site.book["StorageFactory"].address
        calls.insert(0, build_server_deployment(order.address, factory, deposit))
        if deposit < terms.least_penalty:
            refusal = (
                f"a deposit of {format_wei(deposit)} covers not one penalty of "
                f"{format_wei(terms.least_penalty)}"
            )
    else:
        free = await StorageServerContract(site.chain, server).fetch_free()
    return Plan(
        title="Offer storage",
        sentences=(
            *(() if server else ("You make your contract, with the deposit for penalties.",)),
            "A process of its own quotes, keeps files, proves it, and collects what it earns.",
            "For all that it signs with the account until it stops.",
        ),
        at_most=f"{format_wei(free)} as penalties, where it loses a byte or falls silent, and gas",
        path=f"{_PATH}/start",
        account=order.address,
        calls=tuple(calls),
        messages=(place.message,),
        facts=(
            Fact(name="Price of a GiB for 30 d", value=build_money(terms.gib_month_price).short),
            Fact(name="Price at least", value=build_money(terms.base_price).short),
            Fact(
                name="Penalty of an agreement",
                value=f"{terms.penalty_factor} times its price, {format_wei(terms.least_penalty)} "
                "at least",
            ),
            Fact(name="Time to answer a challenge", value=format_span(terms.response_window)),
            Fact(name="Room", value=format_size(terms.capacity_bytes)),
        ),
        refusal=refusal,
        refusal_hint="deposit more" if refusal else "",
        confirm_title="Offer storage",
        order=Opening(
            process=place.order,
            deposit=None if server else deposit,
        ),
    )


def plan_stop(site: Site) -> Plan:
    """Return what stopping the provider sends: its announcement is taken back.

    Raises:
        UsageError: None runs.
    """
    process = site.provider
    if not process.is_up or process.address is None:
        raise UsageError("no provider runs")
    calls: tuple[Call, ...] = ()
    if process.state is ProcessState.RUNNING:
        calls = (build_retraction(site.market, PROVIDER_ROLE),)
    return Plan(
        title="Stop the provider",
        sentences=(
            "It takes its announcement back, so that nobody agrees with it any more.",
            "Nobody can fetch files meanwhile, and nobody answers challenges.",
            "A challenge whose time passes meanwhile costs the penalty of its agreement.",
        ),
        at_most="the penalties of agreements that are challenged while it stands still, and gas",
        path=f"{_PATH}/stop",
        account=process.address,
        calls=calls,
        # Without money for gas it stops all the same, and stays announced.
        is_always_possible=True,
    )


def plan_deposit(site: Site, provider: Address, amount: Wei) -> Plan:
    """Return what adds to a provider's deposit, from the account that looks.

    Raises:
        UsageError: It has no contract.
    """
    server = _require_server(site, provider)
    return Plan(
        title=f"Add {format_wei(amount)} to the deposit",
        sentences=("Penalties are reserved out of it; what is free can be taken out again.",),
        at_most="what penalties it pays",
        path=f"{_PATH}/deposit",
        calls=(server.deposit(amount),),
        contracts={server.address: "StorageServer"},
        facts=(Fact(name="Provider", value="", link=link_address(provider)),),
        key=f"provider-money:{secrets.token_hex(16)}",
    )


def plan_withdrawal(site: Site, provider: Address, amount: Wei) -> Plan:
    """Return what takes free money out of a provider's deposit.

    Raises:
        UsageError: It has no contract.
    """
    server = _require_server(site, provider)
    is_busy = site.provider.is_up and site.provider.address == provider
    return Plan(
        title=f"Take {format_wei(amount)} out of the deposit",
        sentences=("It goes to the provider's account.",),
        at_most="nothing but gas",
        path=f"{_PATH}/withdraw",
        account=provider,
        calls=(server.withdraw(amount),),
        contracts={server.address: "StorageServer"},
        refusal="the provider's process alone sends for this account" if is_busy else "",
        refusal_hint="stop it first" if is_busy else "",
        key=f"provider-money:{secrets.token_hex(16)}",
    )


def _require_server(site: Site, provider: Address) -> StorageServerContract:
    server = find_server(site, provider)
    if server is None:
        raise UsageError(f"{provider} has no storage contract on this chain")
    return StorageServerContract(site.chain, server)
