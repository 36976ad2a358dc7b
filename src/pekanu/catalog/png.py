"""Grey pictures as PNG files. Source: W3C, "Portable Network Graphics", second edition."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from pekanu.catalog.views import Picture

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def encode_png(picture: Picture) -> bytes:
    """Return the bytes of a PNG file: 8-bit grey, no filter."""
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 0, 0, 0, 0)
    rows = (
        b"\0" + picture.pixels[start : start + picture.width]
        for start in range(0, len(picture.pixels), picture.width)
    )
    return (
        _SIGNATURE
        + _encode_chunk(b"IHDR", header)
        + _encode_chunk(b"IDAT", zlib.compress(b"".join(rows), 9))
        + _encode_chunk(b"IEND", b"")
    )


def _encode_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
