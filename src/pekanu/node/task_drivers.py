"""The tasks of one role that are driven at the same time, each to its end.

What is not here: driving a single one (`task_driver`), which tasks there are (the journal).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterator
from typing import Final, Generic, TypeVar

from pekanu.node.task_driver import Role, TaskDriver
from pekanu.node.watch import ChainWatch
from pekanu.types import Hash32

_LOG: Final = logging.getLogger(__name__)

TaskT = TypeVar("TaskT")
EventT = TypeVar("EventT")
InstructionT = TypeVar("InstructionT", bound=Hashable)


class TaskDrivers(Generic[TaskT, EventT, InstructionT]):
    """What is driven for one role.

    Args:
        role: Whose tasks they are.
        watch: Wakes their drivers.
        kind: What one is called in the log.
        forget: Told of each task that is driven no more, as it was when its drive began.
    """

    def __init__(
        self,
        role: Role[TaskT, EventT, InstructionT],
        watch: ChainWatch,
        *,
        kind: str,
        forget: Callable[[TaskT], None],
    ) -> None:
        self._role, self._watch = role, watch
        self._kind, self._forget = kind, forget
        self._drivers: dict[Hash32, TaskDriver[TaskT, EventT, InstructionT]] = {}
        self._runs: dict[Hash32, asyncio.Task[TaskT]] = {}

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._drivers

    def __iter__(self) -> Iterator[TaskT]:
        return (driver.task for driver in self._drivers.values())

    def find(self, task_id: Hash32) -> TaskT | None:
        """Return a task as it stands, or None when it is not driven."""
        driver = self._drivers.get(task_id)
        return None if driver is None else driver.task

    def drive(self, task_id: Hash32, task: TaskT) -> None:
        """Carry a journaled task on until it ends, or until `stop`."""
        driver = TaskDriver(task, task_id, self._role, self._watch)
        self._drivers[task_id] = driver
        run = asyncio.create_task(driver.run())
        self._runs[task_id] = run

        def end(_: object) -> None:
            self._runs.pop(task_id, None)
            self._drivers.pop(task_id, None)
            self._forget(task)
            if not run.cancelled() and (error := run.exception()) is not None:
                _LOG.error("%s %s is stuck", self._kind, task_id.hex(), exc_info=error)

        run.add_done_callback(end)

    def feed(self, task_id: Hash32, event: EventT) -> None:
        """Hand an event to a task's machine; one that is not driven is left alone."""
        driver = self._drivers.get(task_id)
        if driver is not None:
            driver.feed(event)

    async def wait_over(self, holds: Callable[[TaskT], bool]) -> None:
        """Return once none that it holds for is driven: all that they sent is mined."""
        while runs := [
            run
            for task_id, run in self._runs.items()
            if not run.done() and holds(self._drivers[task_id].task)
        ]:
            await asyncio.wait(runs)

    async def stop(self) -> None:
        """Drive nothing any more; the journal knows where each task stands."""
        runs = list(self._runs.values())
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
