"""The executor on this machine: warm processes, one job in each at a time.

A process is started before there is a job for it, so that a tiny task costs milliseconds; it is
replaced when it was killed or has grown. What is not here: the process itself (`child_process`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from pekanu.errors import ExecutionFailed
from pekanu.node.child_process import ChildProcess
from pekanu.node.executors import ExecutionCancelled, ExecutionReport, Job

#: How the catalog's functions are found.
CATALOG: Final = "pekanu.catalog:get"
#: Memory above which a process is replaced after its job.
_GROWN_BYTES: Final = 1 << 30


class ProcessExecution:
    """A job of a `ProcessExecutor`."""

    def __init__(self, job: Job) -> None:
        """Begin with nothing done."""
        self.job = job
        self._progress = 0.0
        self._task: asyncio.Task[ExecutionReport] | None = None

    def get_progress(self) -> float:
        """Return the part that is done, 0 to 1."""
        return self._progress

    async def result(self) -> ExecutionReport:
        """Wait for the end. Raises as `executors.Execution.result` says."""
        task = self._get_task()
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise ExecutionCancelled(f"{self.job.function} was cancelled") from None
            raise  # not the job, but who waits for it, was cancelled

    async def cancel(self) -> None:
        """Stop it; returns when its process is gone."""
        task = self._get_task()
        task.cancel()
        await asyncio.wait({task})

    def _get_task(self) -> asyncio.Task[ExecutionReport]:
        if self._task is None:
            raise ExecutionFailed(f"{self.job.function} was not submitted")
        return self._task

    def _set_progress(self, progress: float) -> None:
        self._progress = max(self._progress, progress)


class ProcessExecutor:
    """Executes jobs in processes of this machine while the context is open.

    Args:
        slots: Jobs at once; by default as many as there are processors.
        resolver: ``module:function`` that finds a function by its name, in the process.
        environment: Further variables for the processes.
    """

    def __init__(
        self,
        slots: int | None = None,
        *,
        resolver: str = CATALOG,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start nothing yet."""
        processors = os.cpu_count() or 1
        self._slots = slots or processors
        self._resolver, self._environment = resolver, dict(environment or {})
        self._threads = max(1, processors // self._slots)
        self._free = asyncio.Semaphore(self._slots)
        self._idle: list[asyncio.Task[ChildProcess]] = []
        self._running: set[asyncio.Task[ExecutionReport]] = set()
        self._ends: set[asyncio.Task[None]] = set()

    @property
    def slots(self) -> int:
        """How many jobs run at once."""
        return self._slots

    @property
    def free_slots(self) -> int:
        """How many jobs could begin now."""
        return max(0, self._slots - len(self._running))

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
        task = asyncio.create_task(self._execute(execution))
        execution._task = task  # noqa: SLF001 - the two are one thing
        self._running.add(task)
        task.add_done_callback(self._forget)
        return execution

    def _forget(self, task: asyncio.Task[ExecutionReport]) -> None:
        self._running.discard(task)
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

    async def _execute(self, execution: ProcessExecution) -> ExecutionReport:
        async with self._free:
            ready = self._idle.pop() if self._idle else self._start()
            try:
                child = await asyncio.shield(ready)
            except BaseException:
                await self._replace(ready)
                raise
            try:
                return await child.run(execution.job, execution._set_progress)  # noqa: SLF001
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
