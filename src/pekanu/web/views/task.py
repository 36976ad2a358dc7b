"""A task on a page: its row in lists, its timeline, what is owed by whom, what can be done.

What is not here: the output (`result`), the dialog before an action (`review`).
"""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.web.views.challenge import ChallengeView
from pekanu.web.views.dispute import DisputeList
from pekanu.web.views.result import ReceiptView, ResultView, Verification
from pekanu.web.views.shell import Link, Moment, Money, Pager, Tone


@dataclass(frozen=True, kw_only=True, slots=True)
class StateBadge:
    """A state with its name, tone and explanation."""

    #: ``open``, ``accepted``, ``delivered``, ``demanded``, ``cancelled``, ``expired``,
    #: ``settled``, ``forfeited``, ``refuted`` or ``resolved``; of a job that is not on chain yet
    #: ``preparing``, ``ordered`` or ``failed``.
    name: str
    title: str
    tone: Tone
    #: Address of the explanation.
    explain: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRow:
    """A task in a list."""

    id: Link
    #: What is computed, where this node knows it; empty otherwise.
    function: str
    state: StateBadge
    price: Money
    client: Link
    worker: Link | None
    #: ``client``, ``worker``, ``anyone`` or empty at the end.
    turn: str
    #: One sentence: what is waited for.
    waiting_for: str
    deadline: Moment | None
    updated: Moment
    #: The acting account is client or worker of it.
    is_mine: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineStep:
    """An event of a task's life, or one that is still to come."""

    title: str
    explanation: str
    #: ``done``, ``current`` or ``coming``.
    phase: str
    when: Moment | None
    transaction: Link | None
    #: Blocks that hold it, its own included; 0 when it is no transaction.
    confirmations: int
    is_final: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """A button: something that the viewer may do now; the dialog comes first."""

    #: As in the path: ``expire``, ``forfeit``, ``finalize``, ``cancel``, ``approve``, …
    name: str
    title: str
    #: Who may: ``anyone``, ``client`` or ``worker``.
    party: str
    #: What it brings, one sentence.
    explanation: str
    #: Address that answers with the review; POST.
    review: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """A name and a value."""

    name: str
    value: str
    link: Link | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskPage:
    """`task.html`: a task on chain, a job of this node before it has one, or both."""

    #: Job id or task id, as in the address.
    id: str
    #: None while nothing is on chain.
    task_id: Link | None
    title: str
    #: Of the catalog; empty when it is not known here.
    function: str
    state: StateBadge
    #: One sentence on where it stands, and for whom it waits.
    standing: str
    turn: str
    deadline: Moment | None
    #: 0 to 100 while the worker executes, as it says; None otherwise.
    progress_percent: int | None
    #: What the node does at the moment, in words; empty for others' tasks.
    activity: str
    timeline: tuple[TimelineStep, ...]
    facts: tuple[Fact, ...]
    actions: tuple[Action, ...]
    #: None where there is nothing to challenge for who looks.
    challenge: ChallengeView | None
    #: Where its client gets what a challenger needs; empty for others.
    bundle: str
    #: Challenges of its claim.
    disputes: DisputeList
    result: ResultView | None
    verification: Verification | None
    receipt: ReceiptView | None
    #: What went wrong; empty when nothing did.
    failure: str
    failure_hint: str
    #: Where to try again; empty when there is no reason to.
    again: str
    is_mine: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskList:
    """`tasks.html`: all tasks, newest first."""

    rows: tuple[TaskRow, ...]
    pager: Pager
    #: ``all``, ``live``, ``mine`` or ``overdue``.
    filter: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainPage:
    """`explain.html`: what a state means."""

    state: StateBadge
    meaning: str
    #: Who owes the next move, a sentence.
    who: str
    #: What happens when the deadline passes, a sentence; empty at an end.
    when_late: str
    #: Calls from here and where they lead, for a table.
    exits: tuple[Fact, ...]
    #: All states, for moving between them.
    states: tuple[StateBadge, ...]
