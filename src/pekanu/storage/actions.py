"""What anyone may do to an agreement: the calls of the contract, with the facts that decide them.

A fact is what the contract checks by itself and a pure rule cannot: a signature, a registration, a
Merkle proof, the block's base fee. Whoever builds an action has checked them.
Not here: the rules (`lifecycle`).
Twin: the external calls of contracts/StorageServer.vy.
"""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.types import Address, Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """A call of the provider's contract about one agreement."""

    sender: Address
    value: Wei = Wei(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pay(Action):
    """Escrow the price and reserve the penalty."""

    is_registered: bool
    is_signed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirm(Action):
    """Show the provider's receipt."""

    is_signed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfirmByProvider(Action):
    """Show it among many, as the provider; nothing happens where none is awaited."""

    is_provider: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenge(Action):
    """Make the provider show leaves; the value is the fee."""

    chunk: int
    leaf: int
    count: int
    base_fee: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer(Action):
    """Show the next leaves."""

    count: int
    leaf_count: int
    is_proven: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerCount(Action):
    """Show that the chunk has fewer leaves."""

    leaf_count: int
    is_proven: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Fine(Action):
    """Fine the provider for an unanswered challenge."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FineEquivocation(Action):
    """Fine the provider for a receipt that contradicts the quote."""

    #: The receipt names this agreement.
    is_about_it: bool
    contradicts: bool
    is_signed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Reclaim(Action):
    """End an agreement for which no receipt was shown in time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Collect(Action):
    """Pay the provider what has vested, and end what is over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveBack(Action):
    """End an agreement early."""
