"""Encryption domains: who can deduplicate with whom, and so who could confirm a guess.

A chunk's key is a keyed hash of the chunk, so the same chunk in the same domain becomes the same
ciphertext. In the *own* domain, the default, only the client's own files meet; in a *shared* one
the files of all who know its secret, and each of them can tell that another stored a file that he
has too. The ciphertext carries no tag: its Merkle root says whether it is right, or, to whoever
knows the domain's secret, the key.
Not here: where secrets come from (the client's node), what chunks are (`chunking`).
Source: design/storage.md, "Data".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from pekanu.errors import InvalidProof

_CONTEXT: Final = "pekanu storage 2026-11 "
#: A key seals one text alone, so the counter may begin at zero.
_COUNTER: Final = bytes(16)
#: Bytes by which the cipher wants its output's room to be longer.
_SPARE: Final = 15


class DomainKind(StrEnum):
    """Whose files deduplicate with each other."""

    #: One client's.
    OWN = "own"
    #: Those of all who know the domain's secret.
    SHARED = "shared"


def derive_key(secret: bytes, purpose: str) -> bytes:
    """Return the 32 bytes that a secret gives for one purpose."""
    return blake3(secret, derive_key_context=_CONTEXT + purpose).digest()


@dataclass(frozen=True, kw_only=True, slots=True)
class EncryptionDomain:
    """Derives the keys of chunks from their bytes and one secret."""

    kind: DomainKind
    #: 32 bytes; whoever knows it can confirm guesses about what is stored in the domain.
    secret: bytes

    @classmethod
    def own(cls, secret: bytes) -> EncryptionDomain:
        """Return the domain of a client's secret alone."""
        return cls(kind=DomainKind.OWN, secret=derive_key(secret, "own domain"))

    @classmethod
    def shared(cls, phrase: str) -> EncryptionDomain:
        """Return the domain of all who know a phrase; a guessable one protects nothing."""
        return cls(kind=DomainKind.SHARED, secret=derive_key(phrase.encode(), "shared domain"))

    @property
    def cut_key(self) -> bytes:
        """The key of the domain's cut points."""
        return derive_key(self.secret, "cut points")

    def get_chunk_key(self, plain: bytes | memoryview) -> bytes:
        """Return the key under which a chunk is encrypted."""
        return blake3(plain, key=derive_key(self.secret, "chunk keys")).digest()


def encrypt_chunk(plain: bytes | memoryview, key: bytes) -> memoryview:
    """Return the ciphertext, as long as the plain bytes, under a key that seals nothing else."""
    size = len(plain)
    sealed = np.empty(size + _SPARE, dtype=np.uint8)  # not zeroed first, unlike a bytearray
    _apply_cipher(plain, key, sealed.data)
    return sealed.data[:size].toreadonly()


def decrypt_chunk(ciphertext: bytes | memoryview, key: bytes) -> memoryview:
    """Return the plain bytes; whether they are right the root or the key must show."""
    return encrypt_chunk(ciphertext, key)


def decrypt_into(ciphertext: memoryview, key: bytes, room: memoryview) -> None:
    """Put the plain bytes into some room, as `decrypt_chunk` says.

    Args:
        ciphertext: It lies elsewhere.
        key: The chunk's.
        room: Longer than the chunk by `_SPARE` bytes, which keep what they are.
    """
    _apply_cipher(ciphertext, key, room)


def _apply_cipher(source: bytes | memoryview, key: bytes, target: memoryview) -> None:
    Cipher(AES256(key), CTR(_COUNTER)).encryptor().update_into(source, target)


def check_chunk(domain: EncryptionDomain, plain: bytes, key: bytes) -> None:
    """Check that plain bytes are those that a key was derived from.

    Raises:
        InvalidProof: They are others.
    """
    if domain.get_chunk_key(plain) != key:
        message = "the bytes are not those that were announced"
        raise InvalidProof(message)
