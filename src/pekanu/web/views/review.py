"""The dialog before anything is signed: simulated, and decoded from the exact bytes."""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.web.views.shell import Link, Money
from pekanu.web.views.task import Fact


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
    #: Why it was not simulated, in a sentence; empty when it was.
    untried: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageView:
    """An EIP-712 message, decoded from what is signed."""

    name: str
    #: The domain that it is signed for, in words.
    domain: str
    #: The contract that takes it.
    contract: Link
    fields: tuple[Argument, ...]
    #: What of it is only known when it is signed; empty when nothing is.
    note: str = ""


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
    #: What is signed beside the transactions.
    messages: tuple[MessageView, ...]
    #: What is known besides, such as what the other side can lose.
    facts: tuple[Fact, ...]
    #: Terms that are agreed with it (price, stake, windows …).
    terms: tuple[Argument, ...]
    #: The most that can be lost, in words.
    at_most: str
    #: In words, the longest that money is bound; empty when it is not.
    longest: str
    #: Why it would fail.
    refusal: str
    refusal_hint: str
    #: Where the confirmation is posted, with which hidden fields.
    confirm: str
    confirm_title: str
    hidden: tuple[tuple[str, str], ...]
    #: False where it would fail: then there is nothing to confirm.
    is_possible: bool
    #: The browser's wallet signs: the id for `/api/requests/{id}`; empty when the node signs.
    wallet_request: str = ""
    #: It waits for this dialog alone: closing the dialog withdraws it.
    is_withdrawn_on_close: bool = False
