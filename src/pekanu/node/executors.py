"""Executors: the port behind which a worker runs what it sold.

What is not here: processes (`process_executor`), how one item is run (`guest_runner`), the files
that runs leave (`run_files`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from pekanu.errors import ExecutionFailed
from pekanu.market.claim import Result
from pekanu.types import Hash32

#: Items that one process runs before it is given others, at most.
_MOST_TOGETHER: Final = 256
#: Parts into which a batch falls, if that makes them small enough.
_PARTS: Final = 64


class ExecutionCancelled(ExecutionFailed):
    """An execution was cancelled before it ended."""


class LimitExceeded(ExecutionFailed):
    """An execution needed more time or memory than it may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobLimits:
    """What one execution may use."""

    #: Resident memory of the executing process, the interpreter's own included.
    memory_bytes: int = 4 << 30
    wall_seconds: float = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One task's work."""

    #: What is sold.
    name: str
    #: It is a search: the function's own code finds the solutions, and the program names it.
    is_search: bool = False
    #: The program, an ELF file.
    program: Path
    program_id: Hash32
    #: The task's input file (`pekanu.node.batch_file`).
    input: Path
    #: Where the runs leave a file for each share (`pekanu.node.run_files`), whole or not at all.
    runs: Path
    count: int = 1
    #: Where an item's program is stopped if it has not ended.
    max_steps: int
    #: What all items are expected to take, for progress alone.
    expected_steps: int = 0
    #: Where states of long runs are kept, for whoever must begin again or defend its claim.
    states: Path | None = None
    #: Compiled programs; None compiles anew in each process.
    cache: Path | None = None
    limits: JobLimits = field(default_factory=JobLimits)


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Items [first, stop) of a job: what one process does at a time."""

    first: int
    stop: int

    @property
    def count(self) -> int:
        """How many items it has."""
        return self.stop - self.first


def get_shares(count: int) -> list[Share]:
    """Return the shares of a job: the same for the same number of items, wherever it runs."""
    size = max(1, min(_MOST_TOGETHER, -(-count // _PARTS)))
    return [Share(first=first, stop=min(count, first + size)) for first in range(0, count, size)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemRun:
    """What the run of one item came to."""

    result: Result
    output: bytes
    #: Steps to its last state; at most the job's `max_steps`.
    steps: int


class Runner(Protocol):
    """Runs a job's items, one at a time."""

    def run(self, content: bytes, progress: Callable[[float], None], /) -> ItemRun:
        """Return what an item comes to; the progress is its own, 0 to 1."""
        ...


class Execution(Protocol):
    """A job under way."""

    def get_progress(self) -> float:
        """Return the part that is done, 0 to 1; 0 while the job waits for a process."""
        ...

    async def result(self) -> None:
        """Wait until all shares' files are there; may be awaited several times, by several tasks.

        Raises:
            LimitExceeded: It needs more than the job's limits.
            ExecutionCancelled: It was cancelled.
            ExecutionFailed: A process died, or the program cannot be loaded.
        """
        ...

    async def cancel(self) -> None:
        """Stop it now; returns when nothing of it runs any more."""
        ...


class Executor(Protocol):
    """Runs jobs, several at once."""

    @property
    def slots(self) -> int:
        """How many shares run at once."""
        ...

    @property
    def free_slots(self) -> int:
        """How many shares could begin now."""
        ...

    def submit(self, job: Job) -> Execution:
        """Begin a job, at once or when a slot is free, in the order of submission.

        Shares whose files are there already are not run again.
        """
        ...
