"""Receipts that leave this machine: everything a third party needs to check one offline.

Not here: how a receipt comes to be (`storer`), what the chain says of it.
"""

from __future__ import annotations

from typing import Any

from pekanu.errors import InvalidProof, UsageError
from pekanu.eth_signing import Account, BadSignature, ValidationError
from pekanu.market.typed_data import get_signable
from pekanu.node.storage.steps import describe_quote, describe_receipt, to_plain_value
from pekanu.node.storage.stored import StoredObject
from pekanu.storage.agreement import Content, Quote, Receipt, StorageDomain, Terms
from pekanu.storage.link import Link
from pekanu.storage.trees import commit_root
from pekanu.storage.typed_data import build_typed_data
from pekanu.types import Address, Hash32, Seconds, Wei, parse_address

_KIND = "pekanu storage receipt"


def export_receipt(stored: StoredObject) -> dict[str, Any]:
    """Return a receipt as a document; it shows where the bytes lie, and no key to read them.

    Raises:
        UsageError: There is none yet, or what it rests on was lost with the home that had it.
    """
    if not stored.receipt_signature:
        raise UsageError(f"{stored.name!r} has no receipt yet", hint="finish its upload first")
    if commit_root(stored.root, stored.blind) != stored.quote.content.root_commitment:
        raise UsageError(
            f"{stored.name!r} was recovered without what opens its quote",
            hint="its receipt can be exported only where it was stored",
        )
    plain: dict[str, Any] = to_plain_value(
        {
            "kind": _KIND,
            "version": 1,
            "chain_id": stored.chain_id,
            "server": stored.server,
            "provider": stored.provider,
            "quote": describe_quote(stored.quote),
            "quote_signature": stored.quote_signature,
            "receipt": describe_receipt(stored.receipt),
            "signature": stored.receipt_signature,
            "link": stored.link.encode(),
            "root": stored.root,
            "blind": stored.blind,
        }
    )
    return plain


def check_exported(document: Any) -> dict[str, Any]:
    """Return what an exported receipt proves, from its signatures and hashes alone.

    Raises:
        InvalidProof: It does not hold, or is none.
    """
    try:
        if document["kind"] != _KIND:
            raise InvalidProof("this is no storage receipt")
        domain = StorageDomain(
            chain_id=int(document["chain_id"]), server=parse_address(document["server"])
        )
        provider = parse_address(document["provider"])
        quote, receipt = read_quote(document["quote"]), read_receipt(document["receipt"])
        link = Link.decode(_read(document["link"]))
        root, blind = _read(document["root"]), _read(document["blind"])
        signatures = _read(document["quote_signature"]), _read(document["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidProof(f"the receipt cannot be read: {error}") from error
    if receipt != Receipt.for_quote(quote, domain, link.hash):
        raise InvalidProof("the receipt is not that of its quote and link")
    if commit_root(root, blind) != quote.content.root_commitment or link.root != root:
        raise InvalidProof("the root is not the one that was signed")
    if recover_signer(domain, quote, signatures[0]) != provider:
        raise InvalidProof(f"{provider} did not sign this quote")
    if recover_signer(domain, receipt, signatures[1]) != provider:
        raise InvalidProof(f"{provider} did not sign this receipt")
    return {
        "is_valid": True,
        "provider": provider,
        "server": domain.server,
        "chain_id": domain.chain_id,
        "agreement_id": "0x" + receipt.agreement_id.hex(),
        "root": "0x" + root.hex(),
        "size": receipt.size,
        "term": receipt.term,
    }


def recover_signer(domain: StorageDomain, message: Quote | Receipt, signature: bytes) -> Address:
    """Return who signed a message.

    Raises:
        InvalidProof: The signature is none.
    """
    document = get_signable(build_typed_data(domain, message))
    try:
        return Address(str(Account.recover_message(document, signature=signature)))
    except (BadSignature, ValidationError, ValueError, TypeError) as error:
        raise InvalidProof("the signature is none") from error


def read_quote(fields: dict[str, Any]) -> Quote:
    """Return a quote from evidence."""
    return Quote(
        content=Content(
            root_commitment=Hash32(_read(fields["root_commitment"])),
            size=int(fields["size"]),
            chunk_count=int(fields["chunk_count"]),
        ),
        terms=Terms(
            client=parse_address(fields["client"]),
            agent=parse_address(fields["agent"]),
            price=Wei(int(fields["price"])),
            penalty=Wei(int(fields["penalty"])),
            reservation_fee=Wei(int(fields["reservation_fee"])),
            starts_at=Seconds(int(fields["starts_at"])),
            term=Seconds(int(fields["term"])),
            valid_until=Seconds(int(fields["valid_until"])),
            confirm_window=Seconds(int(fields["confirm_window"])),
            response_window=Seconds(int(fields["response_window"])),
        ),
    )


def read_receipt(fields: dict[str, Any]) -> Receipt:
    """Return a receipt from evidence."""
    return Receipt(
        agreement_id=Hash32(_read(fields["agreement_id"])),
        root_commitment=Hash32(_read(fields["root_commitment"])),
        size=int(fields["size"]),
        term=Seconds(int(fields["term"])),
        link_hash=Hash32(_read(fields["link_hash"])),
    )


def _read(text: str) -> bytes:
    if not text.startswith("0x"):
        raise ValueError("bytes are written as 0x and hex digits")
    return bytes.fromhex(text[2:])
