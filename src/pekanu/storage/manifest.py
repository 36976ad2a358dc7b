"""The manifest: which files an object holds, in which chunks, under which keys.

The files' bytes follow each other as one stream, which is cut into chunks; a file is a range of
it. Encoded, the manifest is a small head, the compressed list of files and a record a chunk; it is
encrypted in parts of its own, and these are the last chunks of the same agreement.
Not here: reading and writing files (the client's node), the pointer to it (`link`).
Source: design/storage.md, "Data".
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class
from typing import Final

from pekanu.errors import InvalidMessage
from pekanu.json_text import parse_json
from pekanu.storage.chunk_names import ChunkName
from pekanu.storage.domains import derive_key
from pekanu.types import Hash32

#: Bytes of a manifest's encrypted part; only the last is shorter.
PART_SIZE: Final = 1 << 20
_MAGIC: Final = b"PKM1"
#: Magic, bytes of the compressed list, chunks.
_HEAD: Final = Struct("<4sII")
#: Root, key, bytes.
_RECORD: Final = Struct("<32s32sI")
#: Bytes of the list of files, at most, before it is compressed.
_MOST_LIST: Final = 1 << 30
_FIELDS: Final = 6


class FileKind(StrEnum):
    """What an entry of a manifest is."""

    FILE = "file"
    FOLDER = "folder"
    #: A symbolic link.
    LINK = "link"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileEntry:
    """One file, folder or symbolic link."""

    kind: FileKind
    #: Relative, with slashes; bytes that are no UTF-8 are kept as lone surrogates.
    path: str
    #: Bytes; 0 unless it is a file.
    size: int = 0
    #: Permission bits.
    mode: int = 0o644
    #: Nanoseconds since 1970.
    modified: int = 0
    #: Where a symbolic link points.
    target: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkRef:
    """One chunk: where its ciphertext is found and how it is read."""

    root: Hash32
    key: bytes
    size: int

    @property
    def name(self) -> ChunkName:
        """What the provider knows the chunk by."""
        return ChunkName(root=self.root, size=self.size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A file and where its bytes begin in the stream."""

    entry: FileEntry
    offset: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """Files in the order of the stream, and the chunks that the stream was cut into."""

    #: What the client calls the object.
    name: str
    files: tuple[FileEntry, ...]
    chunks: tuple[ChunkRef, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files)

    def list_placed(self) -> Iterator[Placed]:
        """Yield the files with their places in the stream."""
        offset = 0
        for entry in self.files:
            yield Placed(entry=entry, offset=offset)
            offset += entry.size

    def encode(self) -> bytes:
        """Return the manifest's bytes."""
        rows = [
            [entry.kind.value, entry.path, entry.size, entry.mode, entry.modified, entry.target]
            for entry in self.files
        ]
        text = json.dumps({"name": self.name, "files": rows}, separators=(",", ":"))
        packed = zlib.compress(text.encode("ascii"))
        records = b"".join(_RECORD.pack(one.root, one.key, one.size) for one in self.chunks)
        return _HEAD.pack(_MAGIC, len(packed), len(self.chunks)) + packed + records

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Return the manifest that some bytes encode.

        Raises:
            InvalidMessage: They encode none, or one that would write outside its own folder.
        """
        try:
            text, records = _unpack(data)
            document = parse_json(text)
            name, rows = document["name"], document["files"]
            files = tuple(_read_entry(row) for row in rows)
        except (ValueError, KeyError, TypeError, zlib.error, StructError) as error:
            raise InvalidMessage(f"the manifest cannot be read: {error}") from error
        chunks = tuple(
            ChunkRef(root=Hash32(root), key=key, size=size)
            for root, key, size in _RECORD.iter_unpack(records)
        )
        manifest = cls(name=_check_text(name), files=files, chunks=chunks)
        _validate(manifest)
        return manifest


def _unpack(data: bytes) -> tuple[bytes, bytes]:
    """Return the list of files and the records of chunks."""
    magic, packed_size, count = _HEAD.unpack_from(data)
    end = _HEAD.size + packed_size
    if magic != _MAGIC or len(data) != end + count * _RECORD.size:
        raise ValueError("it has another length than it says")
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(data[_HEAD.size : end], _MOST_LIST)
    if not unpacker.eof:
        raise ValueError("the list is too long or cut off")
    return text, data[end:]


def _check_text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise InvalidMessage("the manifest holds a name that is no text")
    return value


def _read_entry(row: list[object]) -> FileEntry:
    if len(row) != _FIELDS:
        raise ValueError("an entry has too few or too many fields")
    kind, path, size, mode, modified, target = row
    if not all(type(number) is int for number in (size, mode, modified)):
        raise ValueError("an entry's number is none")
    return FileEntry(
        kind=FileKind(str(kind)),
        path=_check_text(path),
        size=int(size),  # type: ignore[call-overload] # checked above
        mode=int(mode) & 0o7777,  # type: ignore[call-overload] # checked above
        modified=int(modified),  # type: ignore[call-overload] # checked above
        target=_check_text(target),
    )


def _validate(manifest: Manifest) -> None:
    """Refuse sizes that do not add up, and paths that lead out of the folder or through a link."""
    if any(entry.size < 0 for entry in manifest.files):
        raise InvalidMessage("the manifest holds a file of less than no bytes")
    if any(entry.size and entry.kind is not FileKind.FILE for entry in manifest.files):
        raise InvalidMessage("the manifest holds a folder with bytes")
    if manifest.size != sum(chunk.size for chunk in manifest.chunks):
        raise InvalidMessage("the manifest's chunks are not as long as its files")
    kinds: dict[str, FileKind] = {}
    for entry in manifest.files:
        validate_path(entry.path)
        if entry.path in kinds:
            raise InvalidMessage(f"the manifest holds {entry.path!r} twice")
        kinds[entry.path] = entry.kind
    for path in kinds:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            if kinds.get("/".join(parts[:depth]), FileKind.FOLDER) is not FileKind.FOLDER:
                raise InvalidMessage(f"the manifest's {path!r} lies below what is no folder")


def validate_path(path: str) -> None:
    """Refuse a path that is not relative, plain and inside.

    Raises:
        InvalidMessage: It is absolute, empty, or holds an empty part, a dot, or two.
    """
    if any(part in {"", ".", ".."} for part in path.split("/")):
        raise InvalidMessage(f"the path {path!r} leads out of its folder")


def split_parts(data: bytes) -> list[bytes]:
    """Return a manifest's bytes in the parts that become chunks."""
    return [data[start : start + PART_SIZE] for start in range(0, len(data), PART_SIZE)]


def get_part_key(manifest_key: bytes, number: int) -> bytes:
    """Return the key of one part of a manifest."""
    return derive_key(manifest_key, f"manifest part {number}")
