"""The executor on this machine: warm processes, one share of a job in each at a time.

A process is started before there is a job for it, so that a tiny task costs milliseconds; it is
replaced when it was killed or has grown. The shares of a batch go to all processes, and those of
jobs that wait at the same time take turns. What is not here: the process itself (`child_process`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Final, Self

from pekanu.errors import ExecutionFailed
from pekanu.node.child_process import ChildProcess
from pekanu.node.executors import Job, Share
from pekanu.node.share_execution import ShareExecution, run_together

#: What runs an item: a program on the machine, or a search.
RUNNERS: Final = "pekanu.node.runners:load"
#: Memory above which a process is replaced after its job.
_GROWN_BYTES: Final = 1 << 30


class ProcessExecution(ShareExecution):
    """A job of a `ProcessExecutor`."""

    def __init__(self, job: Job) -> None:
        """Begin with nothing done but what a former process left."""
        super().__init__(job)
        #: Shares that hold a slot or wait for one.
        self.busy = 0


class _Clock:
    """What is left of a job's time, which begins with its first share.

    Args:
        seconds: For all shares.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._started: float | None = None

    def get_left(self) -> float:
        """Return the seconds left; the first call starts the clock."""
        now = time.monotonic()
        self._started = self._started or now
        return max(0.0, self._seconds - (now - self._started))


class ProcessExecutor:
    """Executes jobs in processes of this machine while the context is open.

    Args:
        slots: Shares at once; by default as many as there are processors.
        resolver: ``module:function`` that gives a `Runner` for a job, in the process.
        environment: Further variables for the processes.
    """

    def __init__(
        self,
        slots: int | None = None,
        *,
        resolver: str = RUNNERS,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start nothing yet."""
        processors = os.cpu_count() or 1
        self._slots = slots or processors
        self._resolver, self._environment = resolver, dict(environment or {})
        self._threads = max(1, processors // self._slots)
        self._free = asyncio.Semaphore(self._slots)
        self._idle: list[asyncio.Task[ChildProcess]] = []
        self._running: dict[asyncio.Task[None], ProcessExecution] = {}
        self._ends: set[asyncio.Task[None]] = set()

    @property
    def slots(self) -> int:
        """How many shares run at once."""
        return self._slots

    @property
    def free_slots(self) -> int:
        """How many shares could begin now."""
        return max(0, self._slots - sum(one.busy for one in self._running.values()))

    async def __aenter__(self) -> Self:
        """Begin to start the processes; jobs may be submitted at once."""
        self._idle = [self._start() for _ in range(self._slots)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cancel what runs and end all processes."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        for start in self._idle:
            await self._end(start)
        self._idle.clear()

    def submit(self, job: Job) -> ProcessExecution:
        """Begin a job, at once or when a process is free, in the order of submission."""
        execution = ProcessExecution(job)
        execution.busy = min(self._slots, len(execution.open_shares))
        task = execution.begin(self._execute(execution))
        self._running[task] = execution
        task.add_done_callback(self._forget)
        return execution

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled():
            task.exception()  # whoever does not ask for the result does not want its failure

    def _start(self) -> asyncio.Task[ChildProcess]:
        async def start() -> ChildProcess:
            child = ChildProcess(
                self._resolver, threads=self._threads, environment=self._environment
            )
            try:
                await child.start()
            except asyncio.CancelledError:
                await child.kill()
                raise
            return child

        return asyncio.create_task(start())

    async def _execute(self, execution: ProcessExecution) -> None:
        clock = _Clock(execution.job.limits.wall_seconds)
        await run_together(self._take_shares(execution, clock) for _ in range(execution.busy))

    async def _take_shares(self, execution: ProcessExecution, clock: _Clock) -> None:
        try:
            while execution.open_shares:
                async with self._free:
                    if execution.open_shares:
                        share = execution.open_shares.popleft()
                        await self._run(execution, share, clock)
        finally:
            execution.busy -= 1

    async def _run(self, execution: ProcessExecution, share: Share, clock: _Clock) -> None:
        ready = self._idle.pop() if self._idle else self._start()
        try:
            child = await asyncio.shield(ready)
        except BaseException:
            await self._replace(ready)
            raise
        report = partial(execution.note_progress, share)
        try:
            await child.run(execution.job, share, clock.get_left(), report)
        finally:
            if child.is_idle and child.get_memory() < _GROWN_BYTES:
                self._idle.append(ready)
            else:
                await self._replace(ready)

    async def _replace(self, ready: asyncio.Task[ChildProcess]) -> None:
        end = asyncio.create_task(self._end(ready))
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)
        self._idle.append(self._start())
        await asyncio.shield(end)

    async def _end(self, ready: asyncio.Task[ChildProcess]) -> None:
        ready.cancel()
        with contextlib.suppress(asyncio.CancelledError, ExecutionFailed):
            await (await ready).kill()
