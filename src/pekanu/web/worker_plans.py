"""Starting and stopping a worker as plans: what its process sends at once, to the byte.

The process is told port and terms, and its channel key lies in this home, so that its announcement
is known before. What is not here: the process (`node_process`), the page (`work_pages`).
"""

from __future__ import annotations

from pekanu.chain import Call
from pekanu.chain.market_contract import build_retraction
from pekanu.errors import UsageError
from pekanu.node.market_index import WORKER_ROLE
from pekanu.node.worker import build_announcement
from pekanu.node.worker_terms import parse_terms
from pekanu.types import Wei, format_wei, parse_wei
from pekanu.web.node_keys import choose_place
from pekanu.web.node_process import NodeOrder, ProcessState
from pekanu.web.plans import Plan
from pekanu.web.site import Site
from pekanu.web.views.task import Fact
from pekanu.web.wording import build_money
from pekanu.web.work_pages import list_bound


async def plan_start(site: Site, order: NodeOrder) -> Plan:
    """Return what starting a worker sends and signs; the order that it carries names the port.

    Args:
        site: The site.
        order: How it is to run; no password is needed yet.

    Raises:
        UsageError: One runs already.
    """
    site.worker.require_down()
    deposit = parse_wei(order.options.get("deposit", "0"))
    place = await choose_place(site, order)
    terms = parse_terms(order.options)
    announced = terms.under(site.referee, site.ringer_referee)
    calls = [site.market.deposit(deposit)] if deposit else []
    calls.append(build_announcement(site.market, announced, place.endpoint, place.key))
    _, ledger = await site.balances.fetch(order.address)
    free = Wei(ledger + deposit)
    refusal = hint = ""
    if free < terms.stake and not list_bound(site, order.address):
        refusal = (
            f"it would have {format_wei(free)} in the market, less than the stake of one task, "
            f"{format_wei(terms.stake)}"
        )
        hint = "deposit more first"
    return Plan(
        title="Start the worker",
        sentences=(
            "A process of its own quotes, computes and delivers by these terms.",
            "It defends itself in disputes; for all that it signs with the account until it stops.",
            "A stake is lost only where it lies or falls silent.",
        ),
        at_most=f"{format_wei(free)} that is free in the market then, and gas",
        path="/work/start",
        account=order.address,
        calls=tuple(calls),
        messages=(place.message,),
        facts=(
            Fact(name="Price of a task", value=build_money(terms.base_price).short),
            Fact(name="Price of a billion steps", value=build_money(terms.gigastep_price).short),
            Fact(name="Stake of a task", value=build_money(terms.stake).short),
            Fact(name="Tasks at once", value=str(terms.capacity)),
        ),
        refusal=refusal,
        refusal_hint=hint,
        order=place.order,
    )


def plan_stop(site: Site) -> Plan:
    """Return what stopping the worker sends: its announcement is taken back.

    Raises:
        UsageError: None runs.
    """
    worker = site.worker
    if not worker.is_up or worker.address is None:
        raise UsageError("no worker runs")
    bound = sum(one.stake for one in list_bound(site, worker.address))
    calls: tuple[Call, ...] = ()
    if worker.state is ProcessState.RUNNING:
        calls = (build_retraction(site.market, WORKER_ROLE),)
    return Plan(
        title="Stop the worker",
        sentences=(
            "It takes its announcement back, so that nobody asks it any more.",
            "What it has accepted goes on when it starts again.",
            "A deadline that passes meanwhile costs the stake of its task.",
        ),
        at_most=f"{format_wei(Wei(bound))} at stake in its tasks, and gas"
        if bound
        else "nothing but gas",
        path="/work/stop",
        account=worker.address,
        calls=calls,
        # Without money for gas it stops all the same, and stays announced.
        is_always_possible=True,
    )
