"""The dialog before anything is signed: simulated, and decoded from the exact bytes."""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.web.views.shell import Link, Money


@dataclass(frozen=True, kw_only=True, slots=True)
class Argument:
    """An argument of a call, or a field of what is signed."""

    name: str
    type: str
    #: As it stands in the bytes.
    value: str
    #: For people, such as an amount in ether or a time; empty when `value` says it.
    meaning: str = ""
    #: Depth in nested values, from 0.
    depth: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class CallView:
    """A transaction, decoded from the bytes that are signed."""

    contract: str
    to: Link
    function: str
    arguments: tuple[Argument, ...]
    value: Money
    #: 0x-hex.
    data: str
    #: Limit, and what it costs at most; empty when the simulation failed.
    gas: str
    fee: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """`review.html`: a fragment that the dialog shows."""

    title: str
    #: What happens, in sentences.
    sentences: tuple[str, ...]
    #: Who signs.
    signer: Link
    #: ``node`` or ``wallet``.
    signer_kind: str
    calls: tuple[CallView, ...]
    #: Terms that are agreed with it (price, stake, windows …).
    terms: tuple[Argument, ...]
    #: The most that can be lost, in words.
    at_most: str
    #: In words, the longest that money is bound; empty when it is not.
    longest: str
    #: Why it would fail; then there is nothing to confirm.
    refusal: str
    refusal_hint: str
    #: Where the confirmation is posted, with which hidden fields.
    confirm: str
    confirm_title: str
    hidden: tuple[tuple[str, str], ...]
    #: The browser's wallet signs: the id for `/api/requests/{id}`; empty when the node signs.
    wallet_request: str = ""
    #: It waits for this dialog alone: closing the dialog withdraws it.
    is_withdrawn_on_close: bool = False
