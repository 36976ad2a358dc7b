"""The work page: a worker of this node, its queue, what it earns and what is at stake."""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.web.views.shell import Figure, Link, Series
from pekanu.web.views.task import TaskRow


@dataclass(frozen=True, kw_only=True, slots=True)
class TermField:
    """A term that a worker can set."""

    name: str
    title: str
    description: str
    #: ``amount`` (with its unit), ``integer``, ``functions`` (a list of check boxes).
    widget: str
    value: str
    problem: str = ""
    #: Value and title of each box.
    choices: tuple[tuple[str, str, bool], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountChoice:
    """An account that can work."""

    address: Link
    name: str
    is_unlocked: bool
    is_chosen: bool
    #: Free in the market.
    ledger: str
    has_ledger: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkPage:
    """`work.html`."""

    #: ``stopped``, ``starting``, ``running``, ``stopping`` or ``failed``.
    state: str
    state_title: str
    #: Its last words when it failed; empty otherwise.
    problem: str
    worker: Link | None
    endpoint: str
    accounts: tuple[AccountChoice, ...]
    terms: tuple[TermField, ...]
    figures: tuple[Figure, ...]
    #: Live tasks of the worker, the most urgent first.
    queue: tuple[TaskRow, ...]
    #: Ended ones, newest first.
    past: tuple[TaskRow, ...]
    #: Earned in all, by time.
    chart: Series
    #: Why no worker can be started; empty when one can.
    obstacle: str
    obstacle_href: str
