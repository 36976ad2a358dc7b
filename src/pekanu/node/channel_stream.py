"""A sealed stream of parts: bytes in, bytes out, no I/O.

libsodium's secretstream (XChaCha20-Poly1305): parts cannot be dropped, reordered, repeated or
cut off at the end without notice. On the wire a 24-byte header, then for each part its sealed
length as u32 little endian and the sealed bytes. What is not here: where keys come from
(`channel`).
"""

from __future__ import annotations

from typing import Final

from nacl.bindings import (
    crypto_secretstream_xchacha20poly1305_ABYTES,
    crypto_secretstream_xchacha20poly1305_HEADERBYTES,
    crypto_secretstream_xchacha20poly1305_init_pull,
    crypto_secretstream_xchacha20poly1305_init_push,
    crypto_secretstream_xchacha20poly1305_pull,
    crypto_secretstream_xchacha20poly1305_push,
    crypto_secretstream_xchacha20poly1305_state,
    crypto_secretstream_xchacha20poly1305_TAG_FINAL,
    crypto_secretstream_xchacha20poly1305_TAG_MESSAGE,
)
from nacl.exceptions import CryptoError

from pekanu.errors import InvalidMessage

#: Bytes before the first part.
HEADER_SIZE: Final[int] = crypto_secretstream_xchacha20poly1305_HEADERBYTES
#: Bytes by which sealing lengthens a part.
OVERHEAD: Final[int] = crypto_secretstream_xchacha20poly1305_ABYTES
#: Bytes of plain data in a part, at most.
PART_SIZE: Final = 1 << 20
_LENGTH_SIZE: Final = 4


def get_sealed_size(part_sizes: list[int]) -> int:
    """Return the bytes of a stream of such parts, header included."""
    return HEADER_SIZE + sum(_LENGTH_SIZE + size + OVERHEAD for size in part_sizes)


class StreamSealer:
    """Seals parts one after the other.

    Args:
        key: 32 bytes, used for this stream alone.
    """

    def __init__(self, key: bytes) -> None:
        """Begin a stream."""
        self._state = crypto_secretstream_xchacha20poly1305_state()
        self.header: bytes = crypto_secretstream_xchacha20poly1305_init_push(self._state, key)

    def seal(self, part: bytes, *, is_last: bool) -> bytes:
        """Return a part as it goes over the wire; the last one must be marked."""
        tag = (
            crypto_secretstream_xchacha20poly1305_TAG_FINAL
            if is_last
            else crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
        )
        sealed = crypto_secretstream_xchacha20poly1305_push(self._state, part, None, tag)
        return len(sealed).to_bytes(_LENGTH_SIZE, "little") + sealed


class StreamOpener:
    """Opens parts as their bytes come in, in pieces of any size.

    Args:
        key: The stream's key.
        header: The stream's header.
        first_size: Bytes of plain data in the first part, at most.
    """

    def __init__(self, key: bytes, header: bytes, *, first_size: int = PART_SIZE) -> None:
        """Begin to read."""
        self._most = first_size + OVERHEAD
        self._state = crypto_secretstream_xchacha20poly1305_state()
        try:
            crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, key)
        except (CryptoError, ValueError, TypeError) as error:
            raise InvalidMessage("the peer's stream has no valid header") from error
        self._buffer = bytearray()
        self.is_finished = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the parts that are complete with this data.

        Holds at most one part back.

        Raises:
            InvalidMessage: A part is too large, forged, or follows the last.
        """
        self._buffer += data
        parts = []
        while len(self._buffer) >= _LENGTH_SIZE:
            size = int.from_bytes(self._buffer[:_LENGTH_SIZE], "little")
            if not OVERHEAD <= size <= self._most:
                raise InvalidMessage(f"the peer sent a part of {size} bytes")
            if len(self._buffer) < _LENGTH_SIZE + size:
                break
            sealed = bytes(memoryview(self._buffer)[_LENGTH_SIZE : _LENGTH_SIZE + size])
            del self._buffer[: _LENGTH_SIZE + size]
            parts.append(self._open(sealed))
        if self.is_finished and self._buffer:
            raise InvalidMessage("the peer's stream goes on after its end")
        return parts

    def finish(self) -> None:
        """Check that the stream came to its marked end.

        Raises:
            InvalidMessage: It was cut off.
        """
        if not self.is_finished:
            raise InvalidMessage("the peer's stream is cut off")

    def _open(self, sealed: bytes) -> bytes:
        if self.is_finished:
            raise InvalidMessage("the peer's stream goes on after its end")
        try:
            part, tag = crypto_secretstream_xchacha20poly1305_pull(self._state, sealed, None)
        except CryptoError as error:
            raise InvalidMessage("the peer's stream is forged or damaged") from error
        self._most = PART_SIZE + OVERHEAD
        self.is_finished = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL
        return bytes(part)
