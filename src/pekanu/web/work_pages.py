"""The work page: a worker's terms, its process, queue and earnings.

What is not here: the process (`node_process`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from pekanu import catalog
from pekanu.errors import PekanuError, UsageError
from pekanu.market.state import Status
from pekanu.node.market_index import Record
from pekanu.types import Address, parse_address, parse_wei
from pekanu.web.index import TaskEntry, TaskFilter
from pekanu.web.market_pages import build_row, get_kept_percent
from pekanu.web.node_process import ProcessState
from pekanu.web.site import Site
from pekanu.web.viewer import Viewer
from pekanu.web.views.shell import Figure, Series
from pekanu.web.views.work import AccountChoice, TermField, WorkPage
from pekanu.web.wording import build_amount, build_money, link_address

_TITLES: Final = {
    ProcessState.STOPPED: "No worker runs",
    ProcessState.STARTING: "The worker starts",
    ProcessState.RUNNING: "The worker runs",
    ProcessState.STOPPING: "The worker stops",
    ProcessState.FAILED: "The worker failed",
}
_SHOWN: Final = 25
_MOST_LIVE: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """A term as a command takes it that starts a worker or a provider."""

    option: str
    title: str
    description: str
    #: ``amount`` or ``integer``; of a provider ``size`` or ``span`` too.
    widget: str
    default: str
    least: int = 0


#: Collateral for eight tasks at the usual stake.
_FIRST_DEPOSIT: Final = "0.04 ether"
TERMS: Final = (
    Term(
        option="base-price",
        title="Price of a task",
        description="For any task, however small.",
        widget="amount",
        default="0.0001 ether",
    ),
    Term(
        option="gigastep-price",
        title="Price of a billion steps",
        description="What long computations cost.",
        widget="amount",
        default="0.001 ether",
    ),
    Term(
        option="stake",
        title="Stake of a task",
        description="Lost if the worker lies or falls silent; at least the price and a bond.",
        widget="amount",
        default="0.005 ether",
    ),
    Term(
        option="capacity",
        title="Tasks at once",
        description="Those that wait included.",
        widget="integer",
        default="4",
        least=1,
    ),
    Term(
        option="compute-window",
        title="Seconds to compute",
        description="From acceptance to delivery.",
        widget="integer",
        default="600",
        least=60,
    ),
    Term(
        option="audit-window",
        title="Seconds to audit",
        description="What the client has to object; then the worker is paid without it.",
        widget="integer",
        default="600",
        least=60,
    ),
    Term(
        option="response-window",
        title="Seconds to respond",
        description="For each demand on chain.",
        widget="integer",
        default="600",
        least=60,
    ),
    Term(
        option="deposit",
        title="Deposit first",
        description="Collateral from the account, which stays its own: without any it can take no "
        "task. Empty for nothing.",
        widget="amount",
        default="",
    ),
)


def read_terms(form: Mapping[str, str], functions: list[str]) -> dict[str, str]:
    """Return the options of a worker from a form.

    Args:
        form: Options by name.
        functions: Those that are sold; all or none sell the whole catalog.

    Raises:
        UsageError: A term cannot be read.
    """
    options: dict[str, str] = {}
    for term in TERMS:
        text = form.get(term.option, term.default).strip()
        problem = _find_problem(term, text)
        if problem:
            raise UsageError(f"{term.title}: {problem}")
        if text:
            options[term.option] = text
    for name in functions:
        catalog.get(name)
    if functions and set(functions) != set(catalog.names()):
        options["functions"] = ",".join(functions)
    return options


async def build_work(viewer: Viewer, _parameter: str = "") -> WorkPage:
    """Return the work page."""
    site = viewer.site
    worker = site.worker
    choices = await _build_choices(viewer)
    address = worker.address or next((parse_address(one.address.full) for one in choices), None)
    queue, past = _list_tasks(site, worker.address)
    obstacle = "" if choices else "A worker needs an account of its own, unlocked."
    return WorkPage(
        state=worker.state.value,
        state_title=_TITLES[worker.state],
        problem=worker.problem,
        worker=None
        if worker.address is None
        else link_address(worker.address, site.get_name(worker.address)),
        endpoint=worker.endpoint,
        accounts=choices,
        terms=_build_terms(site, _propose_deposit(choices)),
        figures=await _build_figures(site, address),
        queue=tuple(build_row(viewer, one) for one in queue),
        past=tuple(build_row(viewer, one) for one in past),
        chart=build_earnings(site, address),
        obstacle=obstacle,
        obstacle_href="/settings" if obstacle else "",
    )


def build_earnings(site: Site, worker: Address | None) -> Series:
    """Return what a worker earned in all, by time."""
    payments = [] if worker is None else site.index.list_payments(worker)
    return Series(
        name="earnings",
        title="Earned in all",
        unit="ether",
        kind="curve",
        times=tuple(when for when, _ in payments),
        values=tuple(wei / 10**18 for wei in accumulate(wei for _, wei in payments)),
    )


def _list_tasks(site: Site, worker: Address | None) -> tuple[list[TaskEntry], list[TaskEntry]]:
    if worker is None:
        return [], []
    live = site.index.list_tasks(TaskFilter(worker=worker, is_live=True), limit=_SHOWN)
    past = site.index.list_tasks(TaskFilter(worker=worker, is_live=False), limit=_SHOWN)
    return sorted(live, key=lambda one: one.deadline), past


async def _build_choices(viewer: Viewer) -> tuple[AccountChoice, ...]:
    """Return the unlocked accounts; the one that buys in this browser comes last."""
    site = viewer.site
    if site.options.is_hosted:
        return ()
    known = [one for one in site.accounts.list_accounts() if one.is_unlocked]
    known.sort(key=lambda one: (one.address == viewer.account, one.name))
    choices = []
    for number, one in enumerate(known):
        _, ledger = await site.balances.fetch(one.address)
        choices.append(
            AccountChoice(
                address=link_address(one.address, one.name),
                name=one.name,
                is_unlocked=True,
                is_chosen=one.address == site.worker.address
                or (site.worker.address is None and number == 0),
                ledger=build_money(ledger).short,
                has_ledger=ledger > 0,
            )
        )
    return tuple(choices)


def _propose_deposit(choices: tuple[AccountChoice, ...]) -> str:
    """Return what the chosen account should put into the market: nothing if it has something."""
    chosen = next((one for one in choices if one.is_chosen), None)
    return _FIRST_DEPOSIT if chosen is not None and not chosen.has_ledger else ""


def _build_terms(site: Site, deposit: str) -> tuple[TermField, ...]:
    chosen = site.worker.options
    sold = set(chosen.get("functions", ",".join(catalog.names())).split(","))
    fields = [
        TermField(
            name=term.option,
            title=term.title,
            description=term.description,
            widget=term.widget,
            value=deposit if term.option == "deposit" else chosen.get(term.option, term.default),
        )
        for term in TERMS
    ]
    fields.append(
        TermField(
            name="functions",
            title="Functions sold",
            description="All of the catalog, or some.",
            widget="functions",
            value="",
            choices=tuple(
                (name, catalog.get(name).title, name in sold) for name in catalog.names()
            ),
        )
    )
    return tuple(fields)


def list_bound(site: Site, worker: Address) -> list[TaskEntry]:
    """Return the tasks in which a worker has a stake."""
    live = site.index.list_tasks(TaskFilter(worker=worker, is_live=True), limit=_MOST_LIVE)
    return [one for one in live if one.status.is_bound]


async def _build_figures(site: Site, worker: Address | None) -> tuple[Figure, ...]:
    if worker is None:
        return ()
    bound = list_bound(site, worker)
    record = site.index.count_records().get(worker, Record())
    earned = sum(wei for _, wei in site.index.list_payments(worker))
    _, ledger = await site.balances.fetch(worker)
    kept = get_kept_percent(record)
    return (
        build_amount("Earned", earned),
        build_amount(
            "At stake now", sum(one.stake for one in bound), note=f"in {len(bound)} tasks"
        ),
        build_amount("Free in the market", ledger, note="can be withdrawn"),
        Figure(
            title="Record",
            value="none yet" if kept is None else f"{kept} %",
            note=f"{record.settled} settled, {record.expired} expired, {record.lost} lost",
        ),
        Figure(
            title="Waiting to deliver",
            value=str(sum(one.status is Status.ACCEPTED for one in bound)),
        ),
    )


def _find_problem(term: Term, text: str) -> str:
    if term.widget == "amount":
        if not text:
            return "" if not term.default else "this is needed"
        try:
            parse_wei(text)
        except PekanuError as error:
            return error.message
        return ""
    if not text.isdigit() or len(text) > 9 or int(text) < term.least:
        return f"{text[:20]!r} is no whole number of at least {term.least}"
    return ""
