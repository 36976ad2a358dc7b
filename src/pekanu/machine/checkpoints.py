"""States of a long run on disk, so that each of its states is soon reached again.

A checkpoint is a file that holds the hart and the pages that changed since the checkpoint before,
so a state is put together from the newest copy of each page. It names the one before, so that
several runs may leave theirs side by side. When they take too much room every
other one is merged into the next, and new ones are left half as often.

Not here: when they are used (`executor`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pekanu.machine.engine import Machine, Start
from pekanu.machine.guest_memory import PAGES, Shadow
from pekanu.machine.memory import PAGE_SIZE
from pekanu.machine.program import Program
from pekanu.machine.state import REGISTERS, Status

#: Magic, step, step of the checkpoint before or 0, pc, x0 to x31, number of pages; then their
#: numbers, then their contents.
_HEADER: Final = struct.Struct(f"<8sQQI{REGISTERS}II")
_MAGIC: Final = b"pkckpt1\n"
_SUFFIX: Final = ".state"
#: Seconds of execution between two checkpoints: what a state's replay costs at most.
SPACING_SECONDS: Final = 1.5
#: Bytes that a run's checkpoints take at most, roughly.
MOST_BYTES: Final = 4 << 30
#: Bytes that those of all runs take at most.
MOST_BYTES_OF_ALL: Final = 16 << 30


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a file says before the pages' contents."""

    path: Path
    step: int
    #: The step of the checkpoint before, 0 for the beginning.
    before: int
    pc: int
    registers: tuple[int, ...]
    pages: NDArray[np.uint32]

    @property
    def offset(self) -> int:
        """Where the contents begin."""
        return _HEADER.size + 4 * len(self.pages)

    def read_pages(self, places: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the contents, shape (n, PAGE_SIZE), of the pages at some places."""
        shape = (len(self.pages), PAGE_SIZE)
        content = np.memmap(self.path, np.uint8, "r", self.offset, shape)
        return np.asarray(content[places])


class Checkpoints:
    """The checkpoints of one program on one input.

    Args:
        folder: Under which each run has a folder of its own.
        program: What is run.
        content: The input.
        spacing_seconds: Of execution between two checkpoints.
        most_bytes: That they take at most, roughly.
    """

    def __init__(
        self,
        folder: Path,
        program: Program,
        content: bytes,
        *,
        spacing_seconds: float = SPACING_SECONDS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Read which checkpoints there are; a damaged file counts for nothing."""
        key = hashlib.sha256(program.id + hashlib.sha256(content).digest()).hexdigest()
        self._folder = folder / key
        self._spacing = spacing_seconds
        self._most_bytes = most_bytes
        #: By step, rising; each with the one before.
        self._known: dict[int, Checkpoint] = {}
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            found = _read(path)
            if found is not None and (found.before == 0 or found.before in self._known):
                self._known[found.step] = found
        self._before = 0
        self._shadow = Shadow()
        self._last = time.monotonic()

    @property
    def steps(self) -> list[int]:
        """The steps of which there are checkpoints, rising."""
        return list(self._known)

    def find(self, step: int, beginning: Start) -> Start:
        """Return the start at the last checkpoint up to a step, or the beginning."""
        found = max((one for one in self._known if one <= step), default=0)
        if not found:
            return beginning
        chain = []
        while found:
            chain.append(self._known[found])
            found = chain[-1].before
        return CheckpointStart(beginning, tuple(chain))

    def begin(self, machine: Machine) -> None:
        """Take a machine's state as that of the last checkpoint, or of the beginning."""
        self._shadow.follow(machine.memory)
        self._before = machine.steps
        self._last = time.monotonic()

    def offer(self, machine: Machine, *, at_once: bool = False) -> None:
        """Leave a checkpoint if it is time for one and the machine is further than the last.

        Args:
            machine: Between two stretches of its run.
            at_once: Whether it is time already.
        """
        if (
            machine.status == Status.RUNNING
            and machine.steps > max(self._known, default=0)
            and (at_once or time.monotonic() - self._last >= self._spacing)
        ):
            # A run without room for checkpoints goes on without.
            with suppress(OSError):
                self._leave(machine)
            self._last = time.monotonic()

    def _leave(self, machine: Machine) -> None:
        pages = self._shadow.follow(machine.memory)
        checkpoint = Checkpoint(
            self._get_path(machine.steps),
            machine.steps,
            self._before,
            machine.pc,
            tuple(int(value) for value in machine.registers),
            pages.astype(np.uint32),
        )
        self._write(checkpoint, (machine.memory.pages[page] for page in pages))
        self._before = machine.steps
        while len(self._known) > 1 and self._get_size() > self._most_bytes:
            self._thin()

    def _get_size(self) -> int:
        return sum(one.offset + len(one.pages) * PAGE_SIZE for one in self._known.values())

    def _get_path(self, step: int) -> Path:
        return self._folder / f"{step:020}{_SUFFIX}"

    def _thin(self) -> None:
        """Merge every other checkpoint into the next one."""
        self._spacing *= 2
        steps = list(self._known)
        for first, second in zip(steps[::2], steps[1::2], strict=False):
            if self._known[second].before == first:
                self._merge(self._known[first], self._known[second])

    def _merge(self, first: Checkpoint, second: Checkpoint) -> None:
        older = np.flatnonzero(~np.isin(first.pages, second.pages))
        newer = np.arange(len(second.pages))
        merged = replace(
            second,
            before=first.before,
            pages=np.concatenate([first.pages[older], second.pages]),
        )
        self._write(merged, [*first.read_pages(older), *second.read_pages(newer)])
        del self._known[first.step]
        first.path.unlink()

    def _write(self, checkpoint: Checkpoint, contents: Iterable[NDArray[np.uint8]]) -> None:
        """Write a checkpoint, whole or not at all."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._folder)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                hart = checkpoint.step, checkpoint.before, checkpoint.pc, *checkpoint.registers
                opened.write(_HEADER.pack(_MAGIC, *hart, len(checkpoint.pages)))
                opened.write(checkpoint.pages.astype("<u4").tobytes())
                for content in contents:
                    opened.write(content.tobytes())
            Path(name).replace(checkpoint.path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        self._known[checkpoint.step] = checkpoint


def evict(folder: Path, most_bytes: int = MOST_BYTES_OF_ALL) -> None:
    """Delete the checkpoints of the runs that were longest left alone, until the rest fits.

    Args:
        folder: That `Checkpoints` was given.
        most_bytes: What all runs may take together.
    """
    runs = sorted(
        (path for path in folder.glob("*") if path.is_dir()),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    size = 0
    for path in runs:
        size += sum(file.stat().st_size for file in path.glob(f"*{_SUFFIX}"))
        if size > most_bytes:
            shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class CheckpointStart:
    """The start at the last of some checkpoints, which build on each other."""

    beginning: Start
    #: The last first.
    checkpoints: tuple[Checkpoint, ...]

    def load(self, machine: Machine) -> None:
        """Load the beginning, then each page from the last checkpoint that has it."""
        self.beginning.load(machine)
        last = self.checkpoints[0]
        done = np.zeros(PAGES, dtype=np.bool_)
        for checkpoint in self.checkpoints:
            fresh = np.flatnonzero(~done[checkpoint.pages])
            if len(fresh):
                machine.memory.pages[checkpoint.pages[fresh]] = checkpoint.read_pages(fresh)
                done[checkpoint.pages] = True
        machine.set_hart(pc=last.pc, registers=last.registers, steps=last.step)


def _read(path: Path) -> Checkpoint | None:
    """Return a checkpoint from a file, or None if it is not whole."""
    try:
        with path.open("rb") as opened:
            header = opened.read(_HEADER.size)
            if len(header) != _HEADER.size:
                return None
            magic, step, before, pc, *registers, count = _HEADER.unpack(header)
            numbers = opened.read(4 * count)
            size = os.fstat(opened.fileno()).st_size
    except OSError:
        return None
    if magic != _MAGIC or size != _HEADER.size + count * (4 + PAGE_SIZE):
        return None
    pages = np.frombuffer(numbers, dtype="<u4")
    if not before < step or (count and pages.max() >= PAGES):
        return None
    return Checkpoint(path, step, before, pc, tuple(registers), pages)
