"""The explorer: contracts, events and transactions of the system, decoded."""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.web.views.review import Argument, CallView
from pekanu.web.views.shell import Link, Moment, Pager
from pekanu.web.views.task import Fact, TaskRow


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractRow:
    """A contract of the system."""

    name: str
    address: Link
    #: keccak256 of its code on chain.
    code_hash: str
    block: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRow:
    """An event, decoded."""

    block: Link
    when: Moment
    name: str
    #: One line.
    summary: str
    transaction: Link
    task: Link | None


@dataclass(frozen=True, kw_only=True, slots=True)
class EventDetail:
    """An event with all of its fields."""

    name: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplorerPage:
    """`explorer.html`."""

    contracts: tuple[ContractRow, ...]
    events: tuple[EventRow, ...]
    pager: Pager
    #: What was looked for and not found; empty otherwise.
    not_found: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TransactionState:
    """Where a transaction stands."""

    #: ``pending``, ``included``, ``final``, ``reverted``, ``replaced``, ``dropped``,
    #: ``reorganized`` or ``unknown``.
    name: str
    #: In words, such as ``3 of 12 confirmations``.
    text: str
    confirmations: int
    wanted: int
    #: Of a reverted one; empty otherwise.
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TransactionPage:
    """`explorer_transaction.html`."""

    hash: Link
    state: TransactionState
    when: Moment | None
    facts: tuple[Fact, ...]
    call: CallView | None
    events: tuple[EventDetail, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressPage:
    """`explorer_address.html`."""

    address: Link
    facts: tuple[Fact, ...]
    tasks: tuple[TaskRow, ...]
    events: tuple[EventRow, ...]
    pager: Pager


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockPage:
    """`explorer_block.html`."""

    number: int
    facts: tuple[Fact, ...]
    events: tuple[EventRow, ...]
    #: Neighbours; empty at the ends.
    previous: str
    next: str
