"""Driving one task: look at the chain, hand events to its machine, journal, perform.

Both roles share it. A machine's instructions may come again and again; here each is performed once
at a time, a failed one again after a pause, and a question that nobody asks any more is dropped.
What is not here: the machines, and how an instruction is performed (a `Role`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from pekanu.errors import ChainError, PekanuError
from pekanu.node.watch import ChainWatch
from pekanu.types import Hash32, Seconds

_LOG: Final = logging.getLogger(__name__)
#: Seconds before an instruction that gave nothing is performed again; doubled each time.
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
#: Seconds after which the chain is looked at without a reason: soon after a change, since what
#: was just seen can be reorganized away before the watch has seen it, and ever more seldom.
_FIRST_IDLE_SECONDS: Final = 1.0
_IDLE_SECONDS: Final = 15.0

TaskT = TypeVar("TaskT")
EventT = TypeVar("EventT")
InstructionT = TypeVar("InstructionT", bound=Hashable)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look(Generic[EventT]):
    """What a look at the chain gives."""

    event: EventT
    #: When to look again at the latest.
    times: list[Seconds]


class Role(Protocol[TaskT, EventT, InstructionT]):
    """What a driver needs of a client or a worker."""

    def handle(self, task: TaskT, event: EventT) -> tuple[TaskT, Sequence[InstructionT]]:
        """Return the machine's move."""
        ...

    def record(self, task: TaskT) -> None:
        """Write a task to the journal."""
        ...

    async def look(self, task: TaskT) -> Look[EventT]:
        """Return what the chain says of a task."""
        ...

    async def perform(self, task: TaskT, instruction: InstructionT) -> EventT | None:
        """Do what the machine says; return what came of it, if anything did."""
        ...

    def is_live(self, task: TaskT) -> bool:
        """Return whether anything is left to do."""
        ...

    def is_droppable(self, instruction: InstructionT) -> bool:
        """Return whether it is given up when the machine does not ask for it any more."""
        ...


class TaskDriver(Generic[TaskT, EventT, InstructionT]):
    """Drives one task to its end.

    Args:
        task: Where it stands.
        task_id: Its identity.
        role: Whose task it is.
        watch: Wakes it.
    """

    def __init__(
        self,
        task: TaskT,
        task_id: Hash32,
        role: Role[TaskT, EventT, InstructionT],
        watch: ChainWatch,
    ) -> None:
        self.task = task
        self._changed = asyncio.Event()
        self._task_id, self._role, self._watch = task_id, role, watch
        self._running: dict[InstructionT, asyncio.Task[None]] = {}
        self._pauses: dict[InstructionT, tuple[float, float]] = {}
        self._bug: BaseException | None = None
        self._idle_seconds = _FIRST_IDLE_SECONDS

    async def run(self) -> TaskT:
        """Return the task at its end."""
        self._watch.subscribe(self._task_id)
        try:
            while self._role.is_live(self.task):
                times = await self._look()
                await self._watch.wait(
                    self._task_id, times, timeout_seconds=self._get_timeout_seconds()
                )
                if self._bug is not None:
                    raise self._bug
            # What the end asks for, such as giving back the input, is still done.
            await asyncio.gather(*self._running.values())
        finally:
            for running in self._running.values():
                running.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)
            self._watch.unsubscribe(self._task_id)
        return self.task

    def feed(self, event: EventT) -> Sequence[InstructionT]:
        """Hand an event to the machine, journal the step, begin what it asks for."""
        task, instructions = self._role.handle(self.task, event)
        if task != self.task:
            self._role.record(task)
            self.task = task
            self._changed.set()
            self._changed = asyncio.Event()
            self._pauses.clear()
            self._idle_seconds = _FIRST_IDLE_SECONDS
        for instruction in instructions:
            self._begin(instruction)
        return instructions

    async def _look(self) -> list[Seconds]:
        try:
            look = await self._role.look(self.task)
        except ChainError as error:
            _LOG.warning("the chain cannot be asked: %s", error)
            await asyncio.sleep(_FIRST_PAUSE)
            self._watch.wake(self._task_id)
            return []
        wanted = self.feed(look.event)
        for instruction, running in list(self._running.items()):
            if instruction not in wanted and self._role.is_droppable(instruction):
                running.cancel()
        return look.times

    def _begin(self, instruction: InstructionT) -> None:
        if instruction in self._running:
            return
        until, _ = self._pauses.get(instruction, (0.0, 0.0))
        if time.monotonic() < until:
            return
        running = asyncio.create_task(self._perform(instruction))
        running.add_done_callback(self._note_bug)
        self._running[instruction] = running

    def _note_bug(self, running: asyncio.Task[None]) -> None:
        """Keep what no instruction may raise, so that `run` ends with it."""
        if not running.cancelled() and (error := running.exception()) is not None:
            self._bug = error
            self._watch.wake(self._task_id)

    async def _perform(self, instruction: InstructionT) -> None:
        event: EventT | None = None
        try:
            event = await self._role.perform(self.task, instruction)
        except PekanuError as error:
            _LOG.info("%s: %s", instruction, error)
        finally:
            self._running.pop(instruction, None)
        if event is not None:
            self.feed(event)
        else:
            _, last = self._pauses.get(instruction, (0.0, 0.0))
            pause = min(max(2 * last, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._pauses[instruction] = (time.monotonic() + pause, pause)
        self._watch.wake(self._task_id)

    def _get_timeout_seconds(self) -> float:
        now = time.monotonic()
        pauses = [until - now for until, _ in self._pauses.values() if until > now]
        idle, self._idle_seconds = self._idle_seconds, min(2 * self._idle_seconds, _IDLE_SECONDS)
        return min([idle, *pauses])

    async def wait_changed(self, timeout_seconds: float | None = None) -> None:
        """Return at the next change of the task's state."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._changed.wait()
