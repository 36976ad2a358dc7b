"""States of a long run on disk, so that each of its states is soon reached again.

A checkpoint holds the hart and the pages that changed since the checkpoint before, so a state is
put together from the newest copy of each page. It names the one before, so that
several runs may leave theirs side by side. When they take too much room every
other one is merged into the next, and new ones are left half as often.

Not here: the file of one (`checkpoint_file`), when they are used (`executor`, `replay`).
"""

from __future__ import annotations

import hashlib
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pekanu.machine import checkpoint_file
from pekanu.machine.checkpoint_file import Checkpoint, get_sums
from pekanu.machine.engine import Machine, Start
from pekanu.machine.guest_memory import PAGES, Shadow
from pekanu.machine.program import Program
from pekanu.machine.state import Status

_SUFFIX: Final = ".state"
#: Seconds of execution between two checkpoints: what a state's replay costs at most.
SPACING_SECONDS: Final = 1.0
#: Bytes that a run's checkpoints take at most, roughly.
MOST_BYTES: Final = 4 << 30
#: How many a run leaves at most, roughly; all are read for one state.
MOST_FILES: Final = 1 << 13
#: Bytes that those of all runs take at most.
MOST_BYTES_OF_ALL: Final = 16 << 30


class Checkpoints:
    """The checkpoints of one program on one input.

    Args:
        folder: Under which each run has a folder of its own.
        program: What is run.
        content: The input.
        spacing_seconds: Of execution between two checkpoints; None: SPACING_SECONDS.
        most_bytes: That they take at most, roughly.
    """

    def __init__(
        self,
        folder: Path,
        program: Program,
        content: bytes,
        *,
        spacing_seconds: float | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Read which checkpoints there are; a damaged file counts for nothing."""
        key = hashlib.sha256(program.id + hashlib.sha256(content).digest()).hexdigest()
        self._folder = folder / key
        self._spacing = SPACING_SECONDS if spacing_seconds is None else spacing_seconds
        self._most_bytes = most_bytes
        #: By step, rising; each with the one before.
        self._known: dict[int, Checkpoint] = {}
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            found = checkpoint_file.read(path)
            if found is not None and (found.before == 0 or found.before in self._known):
                self._known[found.step] = found
        self._before = 0
        self._shadow = Shadow()
        self._last = time.monotonic()

    @property
    def steps(self) -> list[int]:
        """The steps of which there are checkpoints, rising."""
        return list(self._known)

    def get_last(self, step: int) -> int:
        """Return the step of the last checkpoint up to a step, 0 if there is none."""
        return max((one for one in self._known if one <= step), default=0)

    def find(self, step: int, beginning: Start) -> Start:
        """Return the start at the last checkpoint up to a step, or the beginning.

        A checkpoint that turns out to be damaged or gone is forgotten, and all that build on it.
        """
        while last := self.get_last(step):
            start = self._open(last, beginning)
            if isinstance(start, CheckpointStart):
                return start
            self._forget(start)
        return beginning

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

    def _open(self, step: int, beginning: Start) -> CheckpointStart | int:
        """Return the start at a checkpoint, or the step of one that it needs and that is lost."""
        parts, done = [], np.zeros(PAGES, dtype=np.bool_)
        last = self._known[step]
        while step:
            checkpoint = self._known[step]
            contents = checkpoint.open()
            if contents is None:
                return step
            fresh = np.flatnonzero(~done[checkpoint.pages])
            done[checkpoint.pages] = True
            if len(fresh):
                if not np.array_equal(get_sums(contents, fresh), checkpoint.sums[fresh]):
                    return step
                parts.append(_Part(checkpoint.pages[fresh], contents, fresh))
            step = checkpoint.before
        return CheckpointStart(beginning, last, tuple(parts))

    def _forget(self, step: int) -> None:
        lost = {step}
        for one in self._known.values():
            if one.before in lost:
                lost.add(one.step)
        for each in lost:
            del self._known[each]

    def _leave(self, machine: Machine) -> None:
        if self._before and self._before not in self._known:
            # What the next one would build on is lost.
            return
        changed = self._shadow.find_changed(machine.memory)
        checkpoint = Checkpoint(
            self._get_path(machine.steps),
            machine.steps,
            self._before,
            machine.pc,
            tuple(int(value) for value in machine.registers),
            changed.astype(np.uint32),
            get_sums(machine.memory.pages, changed),
        )
        checkpoint.write(machine.memory.pages[page] for page in changed)
        self._shadow.follow(machine.memory)
        self._known[checkpoint.step] = checkpoint
        self._before = machine.steps
        while len(self._known) > 1 and self._is_too_much():
            self._thin()

    def _is_too_much(self) -> bool:
        sizes = sum(one.size for one in self._known.values())
        return sizes > self._most_bytes or len(self._known) > MOST_FILES

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
        merged = replace(
            second,
            before=first.before,
            pages=np.concatenate([first.pages[older], second.pages]),
            sums=np.concatenate([first.sums[older], second.sums]),
        )
        old, new = first.open(), second.open()
        if old is None or new is None:
            # Another process took it away.
            self._forget((first if old is None else second).step)
            return
        merged.write([*(old[place] for place in older), *new])
        self._known[merged.step] = merged
        del self._known[first.step]
        first.path.unlink(missing_ok=True)


def evict(folder: Path, most_bytes: int = MOST_BYTES_OF_ALL) -> None:
    """Delete the checkpoints of the runs that were longest left alone, until the rest fits.

    Args:
        folder: That `Checkpoints` was given.
        most_bytes: What all runs may take together.
    """
    runs = sorted(folder.glob("*"), key=_get_time, reverse=True)
    size = 0
    for path in runs:
        # What a killed process was writing counts as well.
        size += sum(_get_size(file) for file in path.glob("*"))
        if size > most_bytes:
            shutil.rmtree(path, ignore_errors=True)


def _get_time(path: Path) -> float:
    """Return when a file or folder was last changed; long ago if another process deleted it."""
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _get_size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


@dataclass(frozen=True, slots=True)
class _Part:
    """Pages that a checkpoint gives to a state."""

    pages: NDArray[np.uint32]
    #: Of the whole checkpoint, and which of them.
    contents: NDArray[np.uint8]
    places: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CheckpointStart:
    """The start at a checkpoint, with the newest copy of each page."""

    beginning: Start
    checkpoint: Checkpoint
    parts: tuple[_Part, ...]

    def load(self, machine: Machine) -> None:
        """Load the beginning, then the pages that changed since."""
        self.beginning.load(machine)
        for part in self.parts:
            machine.memory.pages[part.pages] = part.contents[part.places]
        last = self.checkpoint
        machine.set_hart(pc=last.pc, registers=last.registers, steps=last.step)
