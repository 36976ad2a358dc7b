"""Keccak-256."""

from __future__ import annotations

from Crypto.Hash import keccak as _keccak

from pekanu.types import Hash32


def keccak256(data: bytes) -> Hash32:
    """Return the Keccak-256 of some bytes."""
    return Hash32(_keccak.new(digest_bits=256, data=data).digest())
