"""What a call to a provider's contract carried: the receipts that it showed.

Receipts and their signatures stand in calldata alone, which costs half of what a log does.
Not here: the events that point to such calls (`storage_events`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eth_abi.exceptions import DecodingError

from pekanu import contracts
from pekanu.chain.connection import Connection
from pekanu.contracts import FunctionAbi
from pekanu.storage.agreement import Quote, Receipt, StorageDomain
from pekanu.storage.compact import from_compact
from pekanu.types import Hash32

#: Arguments of a call without a link.
_PLAIN: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownReceipt:
    """A receipt as it was shown on chain, where its signature need not have been checked."""

    receipt: Receipt
    signature: bytes
    #: Empty where the client was given the link.
    sealed_link: bytes


async def fetch_receipt(
    chain: Connection, domain: StorageDomain, quote: Quote, transaction: Hash32
) -> ShownReceipt | None:
    """Return the receipt that a transaction showed for an agreement.

    None when its call went through another contract, or is no call of this kind; the agreement is
    available all the same.
    """
    found = await chain.request("eth_getTransactionByHash", "0x" + transaction.hex())
    if found is None or str(found.get("to") or "").lower() != domain.server.lower():
        return None
    return parse_receipt(bytes.fromhex(found["input"].removeprefix("0x")), domain, quote)


def parse_receipt(data: bytes, domain: StorageDomain, quote: Quote) -> ShownReceipt | None:
    """Return the receipt for a quote's agreement from a call's data; None when there is none."""
    functions = contracts.load("StorageServer").functions
    names = ("confirm", "confirm_with_link", "confirm_many")
    for function in (functions[name] for name in names):
        if data.startswith(function.selector):
            try:
                return _read(function, data, domain, quote)
            except DecodingError:
                return None
    return None


def _read(
    function: FunctionAbi, data: bytes, domain: StorageDomain, quote: Quote
) -> ShownReceipt | None:
    arguments = function.decode_arguments(data)
    if function.name != "confirm_many":
        receipt = Receipt(**dict(zip(Receipt.__dataclass_fields__, arguments[0], strict=True)))
        shown = ShownReceipt(
            receipt=receipt,
            signature=from_compact(*arguments[1:3]),
            sealed_link=arguments[3] if len(arguments) > _PLAIN else b"",
        )
        return shown if receipt.agreement_id == quote.id(domain) else None
    for agreement_id, link_hash, r, vs in arguments[0]:
        if agreement_id == quote.id(domain):
            receipt = Receipt.for_quote(quote, domain, Hash32(link_hash))
            return ShownReceipt(receipt=receipt, signature=from_compact(r, vs), sealed_link=b"")
    return None
