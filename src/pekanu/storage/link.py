"""The link pointer L: what a provider gives a client to find again what it stored.

The receipt signs its SHA-256; on chain it stands encrypted to the client alone, since it holds the
root that the agreement blinds: who knows the root may read the ciphertext. It ends with a memo of
the client's, in which its node keeps the manifest's key, sealed to its own secret, so that wallet
and chain are enough to get everything back. A `SharedLink` is a link with that key in the open: a
file for whoever holds the text. Not here: sealing (the client's node), the manifest (`manifest`).
Source: design/storage.md, steps 13 and "Data".
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from struct import error as struct_error
from typing import Final

from eth_utils.address import to_checksum_address

from pekanu.errors import InvalidMessage
from pekanu.storage.agreement import StorageDomain
from pekanu.types import Address, Hash32

#: Bytes of a memo, at most.
MEMO_SIZE: Final = 128
_VERSION: Final = 1
#: Version, chain id, server, provider, agreement, root, size, chunks, chunks of the manifest.
_FIXED: Final = Struct("<BQ20s20s32s32sQII")
_PREFIX: Final = "pekanu-link:"
_KEY_SIZE: Final = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """Where an object lies."""

    domain: StorageDomain
    #: The provider's wallet, under which it announces its endpoint.
    provider: Address
    agreement_id: Hash32
    #: Over all chunks; knowing it is the right to read them.
    root: Hash32
    #: Bytes of all chunks.
    size: int
    chunk_count: int
    #: The last so many chunks are the manifest.
    manifest_chunks: int
    memo: bytes = b""

    def encode(self) -> bytes:
        """Return the link's bytes."""
        return (
            _FIXED.pack(
                _VERSION,
                self.domain.chain_id,
                bytes.fromhex(self.domain.server[2:]),
                bytes.fromhex(self.provider[2:]),
                self.agreement_id,
                self.root,
                self.size,
                self.chunk_count,
                self.manifest_chunks,
            )
            + self.memo
        )

    @classmethod
    def decode(cls, data: bytes) -> Link:
        """Return the link that some bytes encode.

        Raises:
            InvalidMessage: They encode none.
        """
        try:
            version, chain_id, server, provider, agreement, root, size, chunks, last = (
                _FIXED.unpack_from(data)
            )
        except struct_error as error:
            raise InvalidMessage("the link is cut off") from error
        if version != _VERSION or len(data) > _FIXED.size + MEMO_SIZE:
            raise InvalidMessage("this is no link of a version that is known here")
        if not 1 <= last <= chunks:
            raise InvalidMessage("the link names a manifest that it does not hold")
        return cls(
            domain=StorageDomain(chain_id=chain_id, server=Address(to_checksum_address(server))),
            provider=Address(to_checksum_address(provider)),
            agreement_id=Hash32(agreement),
            root=Hash32(root),
            size=size,
            chunk_count=chunks,
            manifest_chunks=last,
            memo=data[_FIXED.size :],
        )

    @property
    def hash(self) -> Hash32:
        """The link's SHA-256, which the receipt signs."""
        return Hash32(sha256(self.encode()).digest())


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedLink:
    """A link and the key of its manifest: all that is needed to read."""

    link: Link
    manifest_key: bytes

    def to_text(self) -> str:
        """Return the link as one word, as the command line takes it wherever it takes a file."""
        return _PREFIX + urlsafe_b64encode(self.manifest_key + self.link.encode()).decode().rstrip(
            "="
        )

    @classmethod
    def from_text(cls, text: str) -> SharedLink:
        """Return the link that a word is.

        Raises:
            InvalidMessage: It is none.
        """
        if not is_link(text):
            raise InvalidMessage(f"{text[:40]!r} is no link")
        body = text.removeprefix(_PREFIX)
        try:
            data = urlsafe_b64decode(body + "=" * (-len(body) % 4))
        except (binascii.Error, ValueError) as error:
            raise InvalidMessage("the link is damaged") from error
        return cls(manifest_key=data[:_KEY_SIZE], link=Link.decode(data[_KEY_SIZE:]))


def is_link(text: str) -> bool:
    """Return whether a word claims to be a link."""
    return text.startswith(_PREFIX)
