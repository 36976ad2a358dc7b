"""Signatures in two words, as the provider's contract takes them (EIP-2098).

Not here: signing, and asking who signed (`pekanu.chain`, `pekanu.node`).
Twin: contracts/libraries/signatures.vy, `is_signed_by_account`.
"""

from __future__ import annotations

from typing import Final

from pekanu.errors import InvalidProof
from pekanu.types import Hash32

_LENGTH: Final = 65
#: Half the order of secp256k1: a larger s is the same signature written twice (EIP-2).
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def to_compact(signature: bytes) -> tuple[Hash32, Hash32]:
    """Return r, and s with the point's parity in its highest bit.

    Args:
        signature: r, s and v (27 or 28), 65 bytes.

    Raises:
        InvalidProof: It has another form, or its s is high.
    """
    if len(signature) != _LENGTH or signature[64] not in {27, 28}:
        raise InvalidProof("an account's signature is 65 bytes that end in 27 or 28")
    s = int.from_bytes(signature[32:64], "big")
    if s > _HALF_ORDER:
        raise InvalidProof("the signature's s is in the upper half")
    packed = s | (signature[64] - 27) << 255
    return Hash32(signature[:32]), Hash32(packed.to_bytes(32, "big"))


def from_compact(r: bytes, vs: bytes) -> bytes:
    """Return r, s and v, 65 bytes; whether they sign anything is not asked."""
    packed = int.from_bytes(vs, "big")
    s = packed & (1 << 255) - 1
    return r + s.to_bytes(32, "big") + bytes([27 + (packed >> 255)])
