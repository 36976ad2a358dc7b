"""The states of one execution as a party of a dispute knows them, and the true ones.

A trace replays when it is asked, remembers the roots that it has found, and holds no memory in
between. Its calls block and may be stopped from another thread. Not here: the replay (`replay`),
which states are asked for (`pekanu.dispute`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from pekanu.machine.program import Program
from pekanu.machine.replay import Replay, ReplayInterrupted
from pekanu.machine.state import MachineState
from pekanu.types import Hash32


class States(Protocol):
    """The states of one execution, as somebody knows them; any thread may ask."""

    def get_roots(self, steps: Sequence[int]) -> list[Hash32]:
        """Return the roots of the states at some steps, which rise."""

    def get_state(self, step: int) -> MachineState:
        """Return the whole state at a step, for the caller to change."""

    def release(self) -> None:
        """Give back what was kept for the next question."""

    def stop(self) -> None:
        """Make calls under way, and later ones, fail."""


class Trace:
    """The true states of a program on an input.

    One thread at a time computes; the others wait for it.

    Args:
        program: What is run.
        content: The input's bytes.
        cache: A folder for compiled programs; None compiles anew in each process.
        checkpoints: The folder that the run was given; None replays from the beginning.
        progress: Called now and then with the step that is reached.
    """

    def __init__(
        self,
        program: Program,
        content: bytes,
        *,
        cache: Path | None = None,
        checkpoints: Path | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Run nothing yet."""
        self.program, self.content = program, content
        self._cache, self._folder, self._progress = cache, checkpoints, progress
        self._roots: dict[int, Hash32] = {}
        self._replay: Replay | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def get_roots(self, steps: Sequence[int]) -> list[Hash32]:
        """Return the roots of the states at some steps, which rise.

        Raises:
            ReplayInterrupted: It was stopped.
            InputTooLong: The input does not fit the machine's memory.
        """
        with self._lock:
            missing = [one for one in steps if one not in self._roots]
            if missing:
                found = self._open().get_roots(missing)
                self._roots.update(zip(missing, found, strict=True))
            return [self._roots[one] for one in steps]

    def get_state(self, step: int) -> MachineState:
        """Return the whole state at a step; of a program that ended before, its last one.

        Raises:
            ReplayInterrupted: It was stopped.
            InputTooLong: The input does not fit the machine's memory.
        """
        with self._lock:
            return self._open().get_state(step)

    def release(self) -> None:
        """Give back the machine and its memory, up to 1 GiB; the roots stay."""
        with self._lock:
            self._replay = None

    def stop(self) -> None:
        """Make calls under way, and later ones, fail; from any thread."""
        self._stopped.set()

    def _open(self) -> Replay:
        if self._stopped.is_set():
            raise ReplayInterrupted(0)
        if self._replay is None:
            self._replay = Replay(
                self.program,
                self.content,
                cache=self._cache,
                checkpoints=self._folder,
                progress=self._progress,
                interrupt=self._stopped.is_set,
            )
        return self._replay
