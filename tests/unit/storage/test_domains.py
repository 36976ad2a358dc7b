"""Encryption domains: equal bytes meet inside one and nowhere else."""

from __future__ import annotations

import pytest

from pekanu.errors import InvalidProof
from pekanu.storage.domains import EncryptionDomain, check_chunk, decrypt_chunk, encrypt_chunk

PLAIN = bytes(range(256)) * 40


def seal(domain: EncryptionDomain, plain: bytes = PLAIN) -> bytes:
    return bytes(encrypt_chunk(plain, domain.get_chunk_key(plain)))


def test_encrypt__when_same_domain__then_same_ciphertext_and_back() -> None:
    domain = EncryptionDomain.own(b"s" * 32)
    sealed = seal(domain)
    assert sealed == seal(EncryptionDomain.own(b"s" * 32))
    assert sealed != PLAIN
    assert decrypt_chunk(sealed, domain.get_chunk_key(PLAIN)) == PLAIN


def test_encrypt__when_other_domain__then_nothing_in_common() -> None:
    own, other = EncryptionDomain.own(b"s" * 32), EncryptionDomain.own(b"t" * 32)
    shared = EncryptionDomain.shared("our team")
    assert len({seal(own), seal(other), seal(shared)}) == 3
    assert len({own.cut_key, other.cut_key, shared.cut_key}) == 3
    assert seal(shared) == seal(EncryptionDomain.shared("our team"))
    assert seal(shared) != seal(EncryptionDomain.shared("our team "))


def test_encrypt__when_chunks_differ__then_keys_differ() -> None:
    domain = EncryptionDomain.own(b"s" * 32)
    assert domain.get_chunk_key(b"a") != domain.get_chunk_key(b"b")


def test_check__when_the_bytes_changed__then_refused() -> None:
    domain = EncryptionDomain.own(b"s" * 32)
    key = domain.get_chunk_key(PLAIN)
    check_chunk(domain, PLAIN, key)
    with pytest.raises(InvalidProof, match="not those"):
        check_chunk(domain, PLAIN + b"!", key)
