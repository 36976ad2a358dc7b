"""One checkpoint in a file: the hart, and the pages that changed since the checkpoint before.

A file holds a head under a digest, then the pages, each with a sum in the head; so whatever a disk
that lost power damaged counts for nothing. Against people only files that this user alone could
have written are read.

Not here: which checkpoints there are and how they follow each other (`checkpoints`).
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pekanu.machine.guest_memory import PAGES
from pekanu.machine.memory import PAGE_SIZE
from pekanu.machine.state import REGISTERS
from pekanu.own_files import is_own

#: Magic, digest of what follows in the head; then step, step of the checkpoint before or 0, pc,
#: x0 to x31, number of pages; then their numbers and their sums. The contents follow.
_DIGEST: Final = struct.Struct("<8s32s")
_HART: Final = struct.Struct(f"<QQI{REGISTERS}II")
_MAGIC: Final = b"pkckpt2\n"
_NUMBER: Final = np.dtype("<u4")
_SUM: Final = np.dtype("<u8")
#: Pages that are summed at a time.
_BATCH: Final = 256
#: What the words of a page are multiplied by: odd, so that no word's change goes unseen.
_WEIGHTS: Final = np.random.default_rng(1).integers(
    0, 1 << 64, PAGE_SIZE // 8, dtype=np.uint64
) | np.uint64(1)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a file's head says."""

    path: Path
    step: int
    #: The step of the checkpoint before, 0 for the beginning.
    before: int
    pc: int
    registers: tuple[int, ...]
    pages: NDArray[np.uint32]
    sums: NDArray[np.uint64]

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return _get_offset(len(self.pages)) + len(self.pages) * PAGE_SIZE

    def open(self) -> NDArray[np.uint8] | None:
        """Return the contents, shape (n, PAGE_SIZE), or None if the file is no longer the same.

        They stay what they are even if the file is deleted or replaced.
        """
        with suppress(OSError), self.path.open("rb") as opened:
            found = _read_head(opened.fileno(), self.path)
            if found is not None and found.pack() == self.pack():
                shape = (len(self.pages), PAGE_SIZE)
                if not len(self.pages):
                    return np.zeros(shape, dtype=np.uint8)
                return np.memmap(opened, np.uint8, "r", _get_offset(len(self.pages)), shape)
        return None

    def pack(self) -> bytes:
        """Return the file's head."""
        hart = self.step, self.before, self.pc, *self.registers, len(self.pages)
        numbers, sums = self.pages.astype(_NUMBER), self.sums.astype(_SUM)
        rest = _HART.pack(*hart) + numbers.tobytes() + sums.tobytes()
        return _DIGEST.pack(_MAGIC, hashlib.sha256(rest).digest()) + rest

    def write(self, contents: Iterable[NDArray[np.uint8]]) -> None:
        """Write the file, whole or not at all.

        Raises:
            OSError: It cannot be.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(self.pack())
                for content in contents:
                    opened.write(content.tobytes())
            Path(name).replace(self.path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def read(path: Path) -> Checkpoint | None:
    """Return a file's checkpoint, or None if the file is not whole or not this user's."""
    try:
        with path.open("rb") as opened:
            return _read_head(opened.fileno(), path)
    except OSError:
        return None


def get_sums(pages: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a sum of each of some pages; a change of one word changes it.

    Args:
        pages: Of shape (n, PAGE_SIZE).
        places: Which of them.
    """
    sums = np.zeros(len(places), dtype=np.uint64)
    for first in range(0, len(places), _BATCH):
        words = pages[places[first : first + _BATCH]].view(np.uint64)
        sums[first : first + _BATCH] = 1 + (words * _WEIGHTS).sum(axis=1, dtype=np.uint64)
    return sums


def _read_head(descriptor: int, path: Path) -> Checkpoint | None:
    status = os.fstat(descriptor)
    head = os.pread(descriptor, _DIGEST.size + _HART.size, 0)
    if not is_own(status) or len(head) != _DIGEST.size + _HART.size:
        return None
    magic, digest = _DIGEST.unpack_from(head)
    step, before, pc, *registers, count = _HART.unpack_from(head, _DIGEST.size)
    if magic != _MAGIC or count > PAGES:
        return None
    rest = os.pread(descriptor, count * (_NUMBER.itemsize + _SUM.itemsize), len(head))
    if hashlib.sha256(head[_DIGEST.size :] + rest).digest() != digest:
        return None
    pages = np.frombuffer(rest, dtype=_NUMBER, count=count)
    sums = np.frombuffer(rest, dtype=_SUM, offset=count * _NUMBER.itemsize)
    found = Checkpoint(path, step, before, pc, tuple(registers), pages, sums)
    if not before < step or status.st_size != found.size or (count and pages.max() >= PAGES):
        return None
    return found


def _get_offset(pages: int) -> int:
    """Return where the contents begin."""
    return _DIGEST.size + _HART.size + pages * (_NUMBER.itemsize + _SUM.itemsize)
