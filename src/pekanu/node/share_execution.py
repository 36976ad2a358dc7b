"""A job under way, share by share: what is left of it, how far it is, how it is waited for.

What is not here: where shares run (`process_executor`, `dask_executor`), what the files of those
that are done hold (`run_files`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable

from pekanu.errors import ExecutionFailed
from pekanu.node.executors import ExecutionCancelled, Job, Share, get_shares
from pekanu.node.run_files import list_open_shares


class ShareExecution:
    """A job of an executor that hands out shares; an `executors.Execution`.

    Args:
        job: Which; shares that a former process left done are not done again.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.open_shares = deque(list_open_shares(job.runs, job.count))
        self._parts: dict[int, float] = {
            one.first: 0.0 if one in self.open_shares else float(one.count)
            for one in get_shares(job.count)
        }
        self._task: asyncio.Task[None] | None = None

    def begin(self, run: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Return the task that does the job; to be called once."""
        self._task = asyncio.create_task(run)
        return self._task

    def get_progress(self) -> float:
        """Return the part that is done, 0 to 1."""
        return min(1.0, sum(self._parts.values()) / self.job.count)

    def note_progress(self, share: Share, progress: float) -> None:
        """Take note of how far a share is, 0 to 1; it does not go back."""
        self._parts[share.first] = max(self._parts[share.first], progress * share.count)

    async def result(self) -> None:
        """Wait for the end. Raises as `executors.Execution.result` says."""
        task = self._get_task()
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise ExecutionCancelled(f"{self.job.name} was cancelled") from None
            raise  # not the job, but who waits for it, was cancelled

    async def cancel(self) -> None:
        """Stop it; returns when the executor has let go of it."""
        task = self._get_task()
        task.cancel()
        await asyncio.wait({task})

    def _get_task(self) -> asyncio.Task[None]:
        if self._task is None:
            raise ExecutionFailed(f"{self.job.name} was not submitted")
        return self._task


async def run_together(lines: Iterable[Coroutine[object, object, None]]) -> None:
    """Run what takes the shares of one job; the first failure ends all, and is raised."""
    tasks = [asyncio.create_task(line) for line in lines]
    try:
        for line in asyncio.as_completed(tasks):
            await line
    finally:
        for left in tasks:
            left.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
