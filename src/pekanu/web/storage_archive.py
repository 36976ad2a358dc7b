"""All files of a stored object as one archive, written while they come.

What is not here: verifying them (`pekanu.node.storage`).
"""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import AsyncGenerator, Callable
from typing import Final

from pekanu.storage.manifest import FileEntry, FileKind, Manifest

#: Archives know no earlier year.
_FIRST: Final = (1980, 1, 1, 0, 0, 0)
_SYMBOLIC_LINK: Final = 0o120000
_FOLDER: Final = 0o040000
_FILE: Final = 0o100000


class _Pipe(io.RawIOBase):
    """What was written and not taken yet; it cannot be gone back in."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        """Take bytes."""
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


async def write_archive(
    manifest: Manifest, read: Callable[[str], AsyncGenerator[bytes, None]]
) -> AsyncGenerator[bytes, None]:
    """Yield the parts of a zip file with all entries of an object, uncompressed.

    Args:
        manifest: What the object holds.
        read: Gives the verified bytes of a file.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for entry in manifest.files:
            with archive.open(_describe(entry), "w", force_zip64=True) as file:
                if entry.kind is FileKind.LINK:
                    file.write(entry.target.encode(errors="surrogateescape"))
                elif entry.kind is FileKind.FILE and entry.size:
                    parts = read(entry.path)
                    try:
                        async for part in parts:
                            file.write(part)
                            yield pipe.take()
                    finally:
                        await parts.aclose()
    yield pipe.take()


def _describe(entry: FileEntry) -> zipfile.ZipInfo:
    path = entry.path.encode(errors="surrogateescape").decode(errors="replace")
    kind = {FileKind.LINK: _SYMBOLIC_LINK, FileKind.FOLDER: _FOLDER}.get(entry.kind, _FILE)
    when = time.gmtime(entry.modified // 10**9)[:6]
    info = zipfile.ZipInfo(path + "/" if entry.kind is FileKind.FOLDER else path, max(when, _FIRST))
    info.external_attr = (kind | entry.mode) << 16
    info.create_system = 3
    return info
