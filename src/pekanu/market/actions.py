"""What anyone may do to a task: the calls of the market, with the facts that decide them.

A fact is what the contract checks by itself and a pure rule cannot: a signature, an opening, what
evidence about the seal shows. Whoever builds an action has checked them.
Not here: the rules (`lifecycle`).
Twin: the external calls of contracts/Market.vy.
"""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.types import Address, Hash32, Seconds, Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """A call of the market."""

    sender: Address
    #: Money sent along; the ledger balance pays the rest.
    value: Wei = Wei(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Post(Action):
    """Offer the task to everybody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PostAccepted(Action):
    """Bind a worker that has signed its acceptance."""

    worker: Address
    expiry: Seconds
    is_signed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancel(Action):
    """Take back an offer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Accept(Action):
    """Become the worker of an offered task."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expire(Action):
    """End a task that was not delivered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimAction(Action):
    """A call that names a claim."""

    claim_hash: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Deliver(ClaimAction):
    """State a claim."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settle(ClaimAction):
    """Pay on the client's signed approval of a claim."""

    is_signed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Approve(ClaimAction):
    """Pay, by the client itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finalize(ClaimAction):
    """Pay after an audit in which nothing was found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemandKey(ClaimAction):
    """Make the worker open its key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RevealKey(ClaimAction):
    """Open the key."""

    is_opening: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DemandChunks(ClaimAction):
    """Make the worker publish ciphertext."""

    item: int
    first: int
    count: int
    #: Chunks that the shown result says the item has; None when no result is shown.
    chunks: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SupplyChunks(ClaimAction):
    """Publish ciphertext."""

    #: Bit k: chunk `first + k` of the open demand is supplied, or does not exist.
    supplied: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Complain(ClaimAction):
    """Show a wrong place of the seal."""

    is_wrong: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Forfeit(ClaimAction):
    """End a task whose worker did not answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolve(Action):
    """Split the price as both agreed."""

    to_client: Wei
    is_client_signed: bool
    is_worker_signed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenChallenge(ClaimAction):
    """Count a challenge in; the value is the bond."""

    number: Hash32
    challenger: Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Dismiss(Action):
    """Rule a challenge for the worker."""

    number: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleAgainstWorker(Action):
    """Rule a challenge against the worker."""

    number: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class CloseChallenge(Action):
    """Return the bond of a challenge that the task's end has overtaken."""

    number: Hash32
