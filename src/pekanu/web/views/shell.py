"""What every page shares: the chain's head, who is signed in, links, and amounts of things.

What is not here: the pages' own content (the other modules).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """How something is to be taken; never told by colour alone."""

    NEUTRAL = "neutral"
    #: Waits for the one who looks.
    WAITING = "waiting"
    ACTIVE = "active"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A point of chain time."""

    #: Seconds since 1970.
    unix: int
    #: For `<time datetime>`.
    iso: str
    #: In UTC, for people.
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """An address, a hash or a block, shortened, with its page."""

    #: Whole, for copying.
    full: str
    short: str
    #: Empty where it has no page.
    href: str = ""
    #: What it is called here, such as the name of a keyfile; empty when it is not.
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Money:
    """An amount."""

    #: Exact, with its unit: ``0.01 ether``.
    text: str
    #: A whole number of wei.
    wei: str
    #: For narrow places, beside the exact text: a few digits, marked where they are not all.
    short: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainStatus:
    """The chain as the site sees it."""

    chain_id: int
    #: Name for people: ``development chain`` or ``chain 1``.
    name: str
    is_development: bool
    #: Nothing was heard of it for a while: `problem` says what.
    is_offline: bool
    #: The index has not read up to the head yet.
    is_behind: bool
    problem: str
    block: int
    #: The chain's clock.
    now: Moment
    #: JSON-RPC that a browser's wallet can be told of; empty when it is not to be told.
    rpc: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountBadge:
    """The account that acts in this browser."""

    address: Link
    name: str
    #: ``keyfile``, ``development`` or ``wallet``.
    kind: str
    is_unlocked: bool
    #: In its wallet, as last seen.
    balance: Money
    #: Free in the market.
    ledger: Money


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A place in the navigation."""

    title: str
    href: str
    is_current: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletPrompt:
    """Something that waits for the wallet in this browser."""

    #: For `/api/requests/{id}`.
    id: str
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SentView:
    """A transaction that the account sent from here."""

    #: What it is for.
    title: str
    transaction: Link
    #: As `TransactionState` has it.
    state: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shell:
    """What every page shares."""

    #: Of the page, for `<title>`.
    title: str
    #: Name of the page, the value of ``?page=`` of `/events`, with its parameter; ``page`` where
    #: nothing lives but the head.
    live_page: str
    navigation: tuple[Entry, ...]
    chain: ChainStatus
    #: None when nobody acts yet.
    account: AccountBadge | None
    #: Sent back with each state-changing request as X-CSRF-Token.
    csrf: str
    #: Oldest first.
    wallet_requests: tuple[WalletPrompt, ...]
    #: Latest first.
    sent: tuple[SentView, ...]
    #: Holds no keys: wallets only.
    is_hosted: bool
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A failure, for `problem.html` and `partials/problem.html`."""

    status: int
    title: str
    message: str
    #: What to do; empty when nothing is known.
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """What a chart draws, and lists as a table for those who do not see it."""

    #: Element that draws it, and the named event that carries its newer data.
    name: str
    title: str
    unit: str
    #: Chain time of each point, rising; of a histogram, where each bar begins.
    times: tuple[float, ...]
    values: tuple[float, ...]
    #: ``bars`` by time, a ``curve`` that holds until its next point, or a ``histogram``.
    kind: str = "bars"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A number with a name."""

    title: str
    value: str
    #: A word on it; may be empty.
    note: str = ""
    #: The whole value where it is shortened; may be empty.
    exact: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pager:
    """Where a list goes on."""

    #: Rows in all.
    total: int
    #: Numbers of the first and last row shown, from 1; 0 when there is none.
    first: int
    last: int
    #: Links; empty at the ends.
    newer: str
    older: str
