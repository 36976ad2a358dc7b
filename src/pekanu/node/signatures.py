"""Checking a wallet's signature of a typed document.

What is not here: contract wallets (EIP-1271), whose word counts only on chain.
"""

from __future__ import annotations

from typing import Final

from pekanu.eth_signing import Account, BadSignature, SignableMessage, ValidationError
from pekanu.types import Address

#: The parts r, s and v.
SIGNATURE_BYTES: Final = 65


def is_signed_by(signer: Address, document: SignableMessage, signature: bytes) -> bool:
    """Return whether a wallet signed a document."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        found = Account.recover_message(document, signature=signature)
    except (BadSignature, ValidationError, ValueError, TypeError):
        return False
    return str(found) == signer
