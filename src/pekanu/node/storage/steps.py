"""The 14 steps of a storage agreement, each with its evidence, as data.

Evidence is what a third party checks by itself: a transaction's hash, a signature over fields that
stand beside it, a proof. Not here: taking the steps (`storer`), showing them (command line, site).
Source: design/storage.md, the table of steps.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from pekanu.storage.agreement import Quote, Receipt

#: Number to who acts and what happens.
TITLES: Final[dict[int, tuple[str, str]]] = {
    1: ("provider", "deployed its storage contract with a penalty deposit"),
    2: ("client", "asked to register, signed by its wallet"),
    3: ("provider", "authorized the client in the contract"),
    4: (
        "provider",
        "answered with transaction, contract, ABI and the client contract's code, signed",
    ),
    5: ("client", "asked to upload"),
    6: ("provider", "answered with the payable: a signed quote"),
    7: ("client", "checked the registration and the code on chain"),
    8: ("client", "checked that its balance covers price and gas"),
    9: ("client", "paid through its own contract; the penalty is reserved"),
    10: ("provider", "got the payment's transaction from the contract's event"),
    11: ("provider", "waited for the confirmations and returned the transaction's receipt"),
    12: ("both", "uploaded what the provider lacked, and showed what it held"),
    13: ("provider", "returned the signed receipt and the link pointer"),
    14: ("client", "armed the penalty"),
}
#: The step in which the client pays.
PAYMENT_STEP: Final = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step that was taken."""

    number: int
    who: str
    what: str
    #: JSON: bytes as 0x-hex, money as decimal text.
    evidence: dict[str, Any]

    @classmethod
    def build(cls, number: int, **evidence: Any) -> Step:
        """Return a step with its evidence in plain form."""
        who, what = TITLES[number]
        plain = {name: to_plain_value(value) for name, value in evidence.items()}
        return cls(number=number, who=who, what=what, evidence=plain)

    def to_json(self) -> dict[str, Any]:
        """Return the step as it stands under `steps`."""
        return asdict(self)


def to_plain_value(value: Any) -> Any:
    """Return a value as evidence has it."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, dict):
        return {name: to_plain_value(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain_value(one) for one in value]
    return value


def describe_quote(quote: Quote) -> dict[str, Any]:
    """Return a quote's fields as evidence; with the domain they give the agreement's id."""
    content, terms = quote.content, quote.terms
    return {
        "root_commitment": content.root_commitment,
        "size": content.size,
        "chunk_count": content.chunk_count,
        "client": terms.client,
        "agent": terms.agent,
        "price": str(terms.price),
        "penalty": str(terms.penalty),
        "reservation_fee": str(terms.reservation_fee),
        "starts_at": terms.starts_at,
        "term": terms.term,
        "valid_until": terms.valid_until,
        "confirm_window": terms.confirm_window,
        "response_window": terms.response_window,
    }


def describe_receipt(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt's fields as evidence."""
    return {
        "agreement_id": receipt.agreement_id,
        "root_commitment": receipt.root_commitment,
        "size": receipt.size,
        "term": receipt.term,
        "link_hash": receipt.link_hash,
    }
