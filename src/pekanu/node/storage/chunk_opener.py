"""Opening what a provider sent: each chunk is decrypted and held to its key or its root.

Not here: the ciphers (`pekanu.storage.domains`), the talk (`provider_client`).
"""

from __future__ import annotations

from collections.abc import Sequence

from pekanu.errors import InvalidProof
from pekanu.storage.domains import EncryptionDomain, decrypt_into
from pekanu.storage.manifest import Manifest


class ChunkOpener:
    """Decrypts the chunks of an object and refuses what is none of them; for any thread.

    A chunk's key is a keyed hash of the plain bytes, so whoever can compute it needs no other
    proof; that is four times as fast as the chunk's tree. Where the key is another, the root
    decides.

    Args:
        manifest: It was proved to be the object's.
        domain: That of whoever reads; None holds every chunk to its root.
    """

    def __init__(self, manifest: Manifest, domain: EncryptionDomain | None = None) -> None:
        self.manifest = manifest
        #: Of all chunks.
        self.names = [ref.name for ref in manifest.chunks]
        self._domain = domain

    def open_run(self, first: int, some: Sequence[memoryview], room: memoryview) -> memoryview:
        """Return the plain bytes of neighbouring chunks.

        Args:
            first: The first one's number.
            some: What the provider sent for them.
            room: Where they go; longer than all of them, as `decrypt_into` says.

        Raises:
            InvalidProof: They are not the manifest's.
        """
        size = 0
        for number, data in enumerate(some, first):
            decrypt_into(data, self.manifest.chunks[number].key, room[size:])
            self._check(number, data, room[size : size + len(data)])
            size += len(data)
        return room[:size]

    def _check(self, number: int, data: memoryview, plain: memoryview) -> None:
        domain = self._domain
        if domain is not None and domain.get_chunk_key(plain) == self.manifest.chunks[number].key:
            return
        if not self.names[number].is_of(data):
            raise InvalidProof(f"the provider sent other bytes than chunk {number}")
        self._domain = None  # the root is right: the keys are those of another domain
