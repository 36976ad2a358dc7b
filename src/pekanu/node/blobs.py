"""Files named by the Keccak-256 of their bytes, taken in from untrusted peers by offset.

Under the folder: `blobs/` the complete files, `partial/` those under way, `notes/` a small JSON
file for each blob that says whose it is. A partial file belongs to one owner, so that nobody can
spoil another's upload. Durability: parts are written but not synced, so they survive a killed
process but perhaps not a power cut; a file is synced, and then its folder, when it has all its
bytes and they hash to its name, and only then is it complete. A partial file is hashed again
when an upload goes on after a restart. Nothing here is safe against two processes on one
folder; the node holds a lock. What is not here: who may upload (`peer_server`).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from Crypto.Hash import keccak

from pekanu.errors import JournalError
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.pieces import Buffer
from pekanu.types import Hash32

_BLOCK: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobLimits:
    """What a store takes from strangers."""

    #: Bytes of a single blob.
    blob_bytes: int = 1 << 30
    #: Bytes of one owner's blobs that no task holds.
    owner_bytes: int = 1 << 30
    #: One owner's blobs that no task holds.
    owner_blobs: int = 64
    #: Bytes of all blobs that no task holds.
    total_bytes: int = 8 << 30


@dataclass(kw_only=True, slots=True)
class _Note:
    owner: str
    size: int
    #: When it was last asked for, wall clock.
    touched: float
    holders: list[str] = field(default_factory=list)
    #: A task has held it: what it did for its owner is paid for.
    served: bool = False


@dataclass(kw_only=True, slots=True)
class _Upload:
    path: Path
    offset: int
    hasher: Any


def get_file_id(path: Path) -> Hash32:
    """Return the Keccak-256 of a file's bytes, read in blocks."""
    hasher = keccak.new(digest_bits=256)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            hasher.update(block)
    return Hash32(hasher.digest())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class BlobStore:
    """A folder of content-addressed files. All methods block; they may be called from threads.

    Args:
        folder: Created if it is missing.
        clock: Wall clock in seconds.
        limits: What to take from owners without a task.
    """

    def __init__(
        self, folder: Path, *, clock: Callable[[], float], limits: BlobLimits | None = None
    ) -> None:
        """Read the notes."""
        self.limits, self._clock = limits or BlobLimits(), clock
        self._blobs, self._partial = folder / "blobs", folder / "partial"
        self._notes_folder = folder / "notes"
        for part in (self._blobs, self._partial, self._notes_folder):
            part.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._uploads: dict[str, _Upload] = {}
        self._notes: dict[str, _Note] = {}
        for path in self._notes_folder.glob("*.json"):
            try:
                self._notes[path.stem] = _Note(**json.loads(path.read_bytes()))
            except (ValueError, TypeError) as error:
                raise JournalError(f"{path} is damaged", hint="delete it") from error

    def has(self, blob_id: Hash32) -> bool:
        """Return whether all bytes of a blob are held and were checked."""
        return self.get_path(blob_id).exists()

    def get_path(self, blob_id: Hash32) -> Path:
        """Return where a complete blob lies; never write there."""
        return self._blobs / blob_id.hex()

    def get_offset(self, blob_id: Hash32, size: int, owner: str) -> int:
        """Return how many bytes are held, from the first on: where an upload goes on."""
        if self.has(blob_id):
            return size
        path = self._get_partial(blob_id, owner)
        return path.stat().st_size if path.exists() else 0

    def begin(self, blob_id: Hash32, size: int, owner: str) -> int:
        """Reserve room for a blob and return the offset at which its upload goes on.

        Raises:
            PeerRefused: The blob is too large, or a quota is used up (``quota``).
        """
        with self._lock:
            if self.has(blob_id):
                self._touch(blob_id)
                if self._notes[blob_id.hex()].size != size:
                    raise PeerRefused("malformed", "the input of this name has another size")
                return size
            if size > self.limits.blob_bytes:
                raise PeerRefused("quota", f"a blob of {size} bytes is too large here")
            key = self._get_partial(blob_id, owner).name
            note = self._notes.get(key)
            if note is None or note.size != size:
                self._drop(key)
                self._check_quota(size, owner)
                note = _Note(owner=owner, size=size, touched=self._clock())
                self._write_note(key, note)
            if size == 0:
                return self.append(blob_id, size, owner, 0, b"")
            return self.get_offset(blob_id, size, owner)

    def append(self, blob_id: Hash32, size: int, owner: str, offset: int, data: Buffer) -> int:
        """Write the bytes at an offset, which must be where the upload stands; return the next.

        The blob is complete when the result is its size.

        Raises:
            PeerRefused: The offset is another (``offset``), the disk is full (``busy``), or the
                bytes do not hash to the blob's name (``malformed``), and then are dropped.
        """
        with self._lock:
            if self.has(blob_id):
                return size
            key = self._get_partial(blob_id, owner).name
            if key not in self._notes:
                raise PeerRefused("offset", "the upload was not begun here, or was given up")
            upload = self._uploads.get(key) or self._reopen(key)
            if offset != upload.offset:
                raise PeerRefused("offset", f"the upload stands at {upload.offset} bytes")
            if offset + len(data) > size:
                raise PeerRefused("malformed", "the upload is longer than was announced")
            try:
                with upload.path.open("ab") as file:
                    file.write(data)
            except OSError as error:
                del self._uploads[key]  # what was written is read back from the file
                raise PeerRefused("busy", "the worker cannot write the input") from error
            upload.hasher.update(data)
            upload.offset += len(data)
            self._notes[key].touched = self._clock()
            if upload.offset == size:
                self._complete(blob_id, key, upload)
            return upload.offset

    def put_file(self, source: BinaryIO, owner: str = "") -> Hash32:
        """Return the name of a blob made from one's own file, without quotas."""
        draft = self._partial / f"own-{threading.get_ident()}"
        hasher, size = keccak.new(digest_bits=256), 0
        with draft.open("wb") as file:
            while block := source.read(_BLOCK):
                hasher.update(block)
                size += file.write(block)
            file.flush()
            os.fsync(file.fileno())
        blob_id = Hash32(hasher.digest())
        with self._lock:
            draft.replace(self.get_path(blob_id))
            _sync_folder(self._blobs)
            if blob_id.hex() not in self._notes:
                note = _Note(owner=owner, size=size, touched=self._clock())
                self._write_note(blob_id.hex(), note)
        return blob_id

    def hold(self, blob_id: Hash32, holder: str) -> None:
        """Keep a blob until its holder, such as a task's id, releases it; frees the quota.

        Raises:
            PeerRefused: The blob is not complete (``unknown``).
        """
        with self._lock:
            note = self._notes.get(blob_id.hex())
            if note is None or not self.has(blob_id):
                raise PeerRefused("unknown", "the input is not held here")
            if holder not in note.holders:
                note.holders.append(holder)
                self._write_note(blob_id.hex(), note)

    def release(self, blob_id: Hash32, holder: str) -> None:
        """Let a holder's blob go; without holders it is evicted by age, or for want of room."""
        with self._lock:
            note = self._notes.get(blob_id.hex())
            if note is not None and holder in note.holders:
                note.holders.remove(holder)
                note.served = True
                note.touched = self._clock()
                self._write_note(blob_id.hex(), note)

    def evict(self, *, age_seconds: float) -> int:
        """Delete what nobody holds and nobody touched for so long; return the bytes freed."""
        freed, before = 0, self._clock() - age_seconds
        with self._lock:
            for key, note in list(self._notes.items()):
                if not note.holders and note.touched < before:
                    freed += self._drop(key)
        return freed

    def _get_partial(self, blob_id: Hash32, owner: str) -> Path:
        return self._partial / f"{blob_id.hex()}-{owner.lower()}"

    def _check_quota(self, size: int, owner: str) -> None:
        free = {key: note for key, note in self._notes.items() if not note.holders}
        own = [note for note in free.values() if note.owner == owner and not note.served]
        if size > self.limits.owner_bytes:
            raise PeerRefused("quota", f"a blob of {size} bytes is too large here")
        # Room comes back as soon as tasks are accepted: whoever offers many at once waits a little.
        if len(own) >= self.limits.owner_blobs:
            raise PeerRefused("busy", f"you have {len(own)} inputs here without a task")
        if sum(note.size for note in own) + size > self.limits.owner_bytes:
            raise PeerRefused("busy", "your inputs without a task take too much room")
        room = self.limits.total_bytes - sum(note.size for note in free.values())
        for key, note in sorted(free.items(), key=lambda item: item[1].touched):
            if room >= size:
                return
            if note.served:
                room += note.size
                self._drop(key)
        if room < size:
            raise PeerRefused("busy", "the worker has no room for more inputs now")

    def _reopen(self, key: str) -> _Upload:
        path, hasher, offset = self._partial / key, keccak.new(digest_bits=256), 0
        if path.exists():
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    hasher.update(block)
                    offset += len(block)
        upload = _Upload(path=path, offset=offset, hasher=hasher)
        self._uploads[key] = upload
        return upload

    def _complete(self, blob_id: Hash32, key: str, upload: _Upload) -> None:
        if upload.hasher.digest() != blob_id:
            self._drop(key)
            raise PeerRefused("malformed", "the input's bytes do not hash to its name")
        with upload.path.open("rb+") as file:
            os.fsync(file.fileno())
        note = self._notes[key]
        if blob_id.hex() not in self._notes:
            self._write_note(blob_id.hex(), note)
        upload.path.replace(self.get_path(blob_id))
        _sync_folder(self._blobs)
        self._drop(key)

    def _touch(self, blob_id: Hash32) -> None:
        note = self._notes.get(blob_id.hex())
        if note is None:  # a crash came between file and note
            size = self.get_path(blob_id).stat().st_size
            note = _Note(owner="", size=size, touched=self._clock())
            self._write_note(blob_id.hex(), note)
        note.touched = self._clock()

    def _write_note(self, key: str, note: _Note) -> None:
        self._notes[key] = note
        path = self._notes_folder / f"{key}.json"
        draft = path.with_suffix(".new")
        fields = {name: getattr(note, name) for name in _Note.__slots__}
        draft.write_text(json.dumps(fields), encoding="utf-8")
        draft.replace(path)

    def _drop(self, key: str) -> int:
        self._uploads.pop(key, None)
        self._notes.pop(key, None)
        freed = 0
        for path in (self._partial / key, self._blobs / key):
            if path.exists():
                freed += path.stat().st_size
                path.unlink()
        (self._notes_folder / f"{key}.json").unlink(missing_ok=True)
        return freed
