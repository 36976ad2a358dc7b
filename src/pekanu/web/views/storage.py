"""What the pages of storage show: objects, one object with its 14 steps, what a provider keeps.

What is not here: reading any of it (`storage_pages`, `keeping_pages`).
"""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.web.views.shell import Figure, Link, Moment, Money, Tone
from pekanu.web.views.task import Fact
from pekanu.web.views.work import AccountChoice, TermField


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageBadge:
    """Where an agreement stands."""

    title: str
    tone: Tone


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredRow:
    """An object in a list."""

    id: Link
    name: str
    state: StorageBadge
    size: str
    term: str
    price: Money
    provider: Link
    #: End of its term; None while it has not begun.
    until: Moment | None
    #: Address of the signed receipt; empty while there is none.
    receipt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StoragePage:
    """`storage.html`."""

    #: Why nothing can be stored here; empty when it can.
    obstacle: str
    obstacle_href: str
    #: Under which files of this page are held until they are stored.
    batch: str
    #: Bytes of one file, at most.
    max_file_bytes: int
    rows: tuple[StoredRow, ...]
    #: How many there are beside those shown.
    others: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldFile:
    """A file or a folder that waits to be stored."""

    name: str
    size: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldFiles:
    """`storage_files.html`: a fragment that the form shows."""

    files: tuple[HeldFile, ...]
    #: Files, those in folders counted.
    count: int
    size: str
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepView:
    """One of the 14 steps."""

    number: int
    who: str
    what: str
    #: ``done``, ``current`` or ``coming``.
    phase: str
    transaction: Link | None
    #: Name and value of each piece of evidence.
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A file of an object."""

    path: str
    size: str
    #: Where it is fetched.
    href: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of something that was asked for."""

    title: str
    sentence: str
    tone: Tone
    #: What it led to; None where that is this object.
    link: Link | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPage:
    """`stored.html`: an object, or an upload that is becoming one."""

    #: As in the address.
    id: str
    name: str
    state: StorageBadge
    sentence: str
    #: 0 to 100 while bytes go up; None otherwise.
    progress_percent: int | None
    failure: str
    failure_hint: str
    steps: tuple[StepView, ...]
    facts: tuple[Fact, ...]
    #: None while they are asked for.
    files: tuple[StoredFile, ...] | None
    #: Why they are not known; empty when they are.
    files_problem: str
    #: Newest first.
    outcomes: tuple[Outcome, ...]
    can_resume: bool
    can_check: bool
    #: An answer is overdue: the penalty can be taken.
    can_fine: bool
    #: The receipt is overdue: the payment can be taken back.
    can_reclaim: bool
    until: Moment | None
    #: For the answer to an open challenge.
    deadline: Moment | None
    #: Address of the signed receipt; empty while there is none.
    receipt: str
    #: Address of all files in one; empty where there is no more than one.
    archive: str
    #: Something is being asked for right now.
    is_busy: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptRow:
    """An agreement on a provider's side."""

    id: Link
    client: Link
    state: StorageBadge
    size: str
    price: Money
    penalty: Money
    until: Moment | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChallengeRow:
    """Something that happened with a challenge."""

    title: str
    what: str
    agreement: Link
    block: Link
    transaction: Link


@dataclass(frozen=True, kw_only=True, slots=True)
class OfferView:
    """A provider of this node as a process, and the form that starts one."""

    #: ``stopped``, ``starting``, ``running``, ``stopping`` or ``failed``.
    state: str
    state_title: str
    #: Its last words when it failed; empty otherwise.
    problem: str
    provider: Link | None
    endpoint: str
    accounts: tuple[AccountChoice, ...]
    terms: tuple[TermField, ...]
    #: Why none can be started; empty when one can.
    obstacle: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeepingPage:
    """`keeping.html`: what a provider of this node keeps, owes and earns."""

    provider: Link | None
    server: Link | None
    #: Pages of this node's other providers.
    others: tuple[Link, ...]
    figures: tuple[Figure, ...]
    rows: tuple[KeptRow, ...]
    #: What happened with challenges, newest first.
    challenges: tuple[ChallengeRow, ...]
    #: Why nothing is shown; empty when something is.
    problem: str
    #: None on a site that holds no keys.
    offer: OfferView | None
