"""What the pages of disputes show.

What is not here: the market's tasks (`task`).
"""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.web.views.shell import Figure, Link, Moment, Money, Tone


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeBadge:
    """Where a dispute stands."""

    title: str
    tone: Tone


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A part of a bar, in thousandths of its width."""

    x: int
    width: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """A claim: an interval in parts, and the part on which they disagree."""

    #: Such as ``The worker opens its claim``.
    title: str
    #: Such as ``4,096 steps, from 0 to 4,096``.
    interval: str
    parts: tuple[Span, ...]
    #: None while nobody has said.
    chosen: Span | None
    block: Link
    transaction: Link


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """A party with its time."""

    #: ``worker`` or ``challenger``.
    party: str
    account: Link
    #: In words, beside the extensions of each move.
    left: str
    #: It owes the move.
    is_turn: bool
    #: What came out for it, one word or two; empty while nothing did.
    outcome: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterRow:
    """A register before and after."""

    name: str
    before: str
    after: str
    is_changed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofView:
    """The step that decided."""

    step: str
    address: str
    #: In assembly; a sentence where there is none.
    instruction: str
    word: str
    #: States: what is claimed by whom, with its hash and whether the contract agrees.
    before: str
    claims: tuple[tuple[str, str, bool], ...]
    computed: str
    verdict: str
    registers: tuple[RegisterRow, ...]
    #: Others, which held zero or kept what they had.
    kept: tuple[RegisterRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputePage:
    """`dispute.html`."""

    id: Link
    task: Link | None
    state: DisputeBadge
    sentence: str
    deadline: Moment | None
    clocks: tuple[Clock, ...]
    #: Steps left, bond, item.
    figures: tuple[Figure, ...]
    rungs: tuple[Rung, ...]
    proof: ProofView | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeRow:
    """A dispute in a list."""

    id: Link
    task: Link | None
    item: int
    state: DisputeBadge
    left: str
    worker: Link
    challenger: Link
    bond: Money
    deadline: Moment | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeList:
    """`disputes.html`, and the part of a task's page about its disputes."""

    rows: tuple[DisputeRow, ...]
