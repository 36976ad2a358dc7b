"""Signing in with a wallet: the message of EIP-4361, read strictly and verified.

What is not here: sessions (`sessions`), contract wallets (EIP-1271).
Source: EIP-4361, "Message Format" and "Verifying a signed Message".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pekanu.errors import InvalidAddress, InvalidProof
from pekanu.eth_signing import encode_defunct
from pekanu.node.signatures import is_signed_by
from pekanu.types import Address, parse_address

#: What the wallet shows.
STATEMENT: Final = "Sign in to Pekanu. This moves no money."
_MESSAGE: Final = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<domain>[^\s/?#]+)"
    r" wants you to sign in with your Ethereum account:\n"
    r"(?P<address>0x[0-9a-fA-F]{40})\n\n"
    r"(?:(?P<statement>[^\n]+)\n)?\n"
    r"URI: (?P<uri>[^\s]+)\n"
    r"Version: 1\n"
    r"Chain ID: (?P<chain_id>[0-9]{1,20})\n"
    r"Nonce: (?P<nonce>[A-Za-z0-9]{8,64})\n"
    r"Issued At: (?P<issued_at>[^\n]{10,40})"
    r"(?:\nExpiration Time: (?P<expiration_time>[^\n]{10,40}))?"
    r"(?:\nNot Before: (?P<not_before>[^\n]{10,40}))?"
    r"(?:\nRequest ID: (?P<request_id>[^\n]*))?"
    r"(?:\nResources:(?P<resources>(?:\n- [^\s]+)*))?"
)
_LONGEST: Final = 4096
#: Seconds by which clocks may differ, and for which a message is fresh.
_SKEW_SECONDS: Final = 60.0
_FRESH_SECONDS: Final = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What a message must say to be ours."""

    #: Host and port.
    domain: str
    origin: str
    chain_id: int
    nonce: str
    #: Wall clock, seconds.
    now: float


def verify_message(message: str, signature: bytes, expected: Expected) -> Address:
    """Return the account that signed in.

    Raises:
        InvalidProof: The message is malformed, of another site, chain or time, was used before,
            or is not signed by the account that it names.
    """
    found = _MESSAGE.fullmatch(message) if len(message) <= _LONGEST else None
    if found is None:
        raise InvalidProof("this is no sign-in message (EIP-4361)")
    try:
        address = parse_address(found["address"])
    except InvalidAddress as error:
        raise InvalidProof(error.message) from error
    issued = _parse_time(found["issued_at"])
    expires = _parse_time(found["expiration_time"]) if found["expiration_time"] else None
    begins = _parse_time(found["not_before"]) if found["not_before"] else None
    rules = {
        "the address has no checksum": address == found["address"],
        "it is for another site": found["domain"] == expected.domain
        and found["uri"].rstrip("/") == expected.origin,
        "it is for another chain": int(found["chain_id"]) == expected.chain_id,
        "its nonce was used or is not ours": bool(expected.nonce)
        and found["nonce"] == expected.nonce,
        "it is not fresh": expected.now - _FRESH_SECONDS <= issued <= expected.now + _SKEW_SECONDS,
        "it has expired": expires is None or expected.now <= expires,
        "it is not valid yet": begins is None or begins <= expected.now + _SKEW_SECONDS,
    }
    for reason, holds in rules.items():
        if not holds:
            raise InvalidProof(f"the sign-in is refused: {reason}")
    if not is_signed_by(address, encode_defunct(text=message), signature):
        raise InvalidProof(f"the sign-in is refused: {address} did not sign it")
    return address


def build_message(address: Address, expected: Expected, issued_at: str) -> str:
    """Return the message that a wallet is asked to sign."""
    return (
        f"{expected.domain} wants you to sign in with your Ethereum account:\n"
        f"{address}\n\n"
        f"{STATEMENT}\n\n"
        f"URI: {expected.origin}\n"
        "Version: 1\n"
        f"Chain ID: {expected.chain_id}\n"
        f"Nonce: {expected.nonce}\n"
        f"Issued At: {issued_at}"
    )


def _parse_time(text: str) -> float:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidProof(f"{text!r} is no time") from error
    if when.tzinfo is None:
        raise InvalidProof(f"{text!r} names no time zone")
    return when.timestamp()
