"""Executors: the port behind which a worker runs what it sold.

What is not here: processes (`process_executor`), what the functions compute (`pekanu.catalog`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pekanu.errors import ExecutionFailed


class ExecutionCancelled(ExecutionFailed):
    """An execution was cancelled before it ended."""


class LimitExceeded(ExecutionFailed):
    """An execution needed more time or memory, or gave more output, than it may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobLimits:
    """What one execution may use."""

    #: Resident memory of the executing process, the interpreter's own included.
    memory_bytes: int = 4 << 30
    wall_seconds: float = 3600.0
    #: Of one item.
    output_bytes: int = (1 << 26) - 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One task's work."""

    #: The function's name in the catalog.
    function: str
    #: The task's input file (`pekanu.node.batch_file`).
    input: Path
    #: Where the output file of the same form goes; appears whole or not at all.
    output: Path
    #: Items in both files.
    count: int = 1
    limits: JobLimits = field(default_factory=JobLimits)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionReport:
    """What an execution took."""

    #: Of the function itself.
    seconds: float
    #: Bytes of the output file.
    output_bytes: int


class Execution(Protocol):
    """A job under way."""

    def get_progress(self) -> float:
        """Return the part that is done, 0 to 1; 0 while the job waits for a process."""
        ...

    async def result(self) -> ExecutionReport:
        """Wait for the end; may be awaited several times, by several tasks.

        Raises:
            InvalidInput: The function refuses the input.
            LimitExceeded: It needs more than the job's limits.
            ExecutionCancelled: It was cancelled.
            ExecutionFailed: The function failed, or its process died.
        """
        ...

    async def cancel(self) -> None:
        """Stop it now; returns when nothing of it runs any more."""
        ...


class Executor(Protocol):
    """Runs jobs, several at once."""

    @property
    def slots(self) -> int:
        """How many jobs run at once."""
        ...

    @property
    def free_slots(self) -> int:
        """How many jobs could begin now."""
        ...

    def submit(self, job: Job) -> Execution:
        """Begin a job, at once or when a slot is free, in the order of submission."""
        ...
