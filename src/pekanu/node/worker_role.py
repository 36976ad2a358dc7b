"""Performing what a worker's machine says: execute, seal, send.

What is not here: what to do next (`worker_machine`), what is answered to peers (`worker_peers`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

from pekanu.crypto.pedersen import ORDER
from pekanu.errors import ExecutionFailed, InvalidMessage, JournalError, UsageError
from pekanu.market.state import GROUP
from pekanu.node import worker_machine as machine
from pekanu.node.blobs import BlobStore
from pekanu.node.delivery_folder import SUPPLY_CHUNKS, DeliveryFolder
from pekanu.node.executors import ExecutionCancelled, Executor, Job, JobLimits
from pekanu.node.journal import Entry
from pekanu.node.market_desk import MarketDesk
from pekanu.node.peer_wire import encode_message
from pekanu.node.task_driver import Look
from pekanu.node.wares import get_program_path
from pekanu.node.worker_machine import WorkerCall, WorkerTask
from pekanu.types import Hash32

_LOG: Final = logging.getLogger(__name__)
ROLE: Final = "worker"
#: How often a task is run before it is given up.
_TRIES: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """What a worker works with."""

    desk: MarketDesk
    blobs: BlobStore
    executor: Executor
    #: A folder for each task.
    folder: Path
    #: Compiled programs.
    cache: Path
    #: Gives secret bytes.
    draw: Callable[[int], bytes]

    def get_folder(self, task: WorkerTask) -> DeliveryFolder:
        """Return where a task's delivery lies."""
        return DeliveryFolder(self.folder / task.task_id.hex(), task.task_id, task.task.count)


class WorkerRole:
    """The worker's side of a `TaskDriver`.

    Args:
        workshop: What it works with.
        set_progress: Told how far an execution is.
        is_disputing: Says whether a dispute about a task is still played here.
    """

    def __init__(
        self,
        workshop: Workshop,
        set_progress: Callable[[Hash32, float], None],
        is_disputing: Callable[[Hash32], bool] = lambda _: False,
    ) -> None:
        self._shop, self._desk = workshop, workshop.desk
        self._set_progress, self._is_disputing = set_progress, is_disputing

    def handle(
        self, task: WorkerTask, event: machine.WorkerEvent
    ) -> tuple[WorkerTask, Sequence[machine.WorkerInstruction]]:
        """Return the machine's move."""
        return machine.handle(task, event)

    def record(self, task: WorkerTask) -> None:
        """Write a task to the journal."""
        domain = self._desk.domain
        entry = Entry(
            role=ROLE,
            task_id=task.task_id,
            chain_id=domain.chain_id,
            market=domain.market,
            step=task.step.value,
            is_live=task.step.is_live,
            state=encode_message(task).decode(),
        )
        self._desk.journal.record(entry, self._desk.watch.now)

    async def look(self, task: WorkerTask) -> Look[machine.WorkerEvent]:
        """Return what the chain says of a task."""
        seen = await self._desk.fetch_sighting(task.task_id)
        event = machine.ChainSeen(
            state=seen.state,
            is_final=seen.is_final,
            now=self._desk.watch.now,
            is_disputing=self._is_disputing(task.task_id),
        )
        return Look(event=event, times=machine.get_wake_times(task, seen.state))

    def is_live(self, task: WorkerTask) -> bool:
        """Return whether anything is left to do."""
        return task.step.is_live

    def is_droppable(self, instruction: machine.WorkerInstruction) -> bool:
        """Return whether it is given up when nobody asks for it any more."""
        return isinstance(instruction, machine.Execute | machine.Seal)

    async def perform(
        self, task: WorkerTask, instruction: machine.WorkerInstruction
    ) -> machine.WorkerEvent | None:
        """Do what the machine says; return what came of it."""
        match instruction:
            case machine.Execute():
                return await self._execute(task)
            case machine.Seal():
                return await self._seal(task)
            case machine.Send(call):
                await self._send(task, call)
                return None
            case machine.Release():
                await asyncio.to_thread(self._release, task)
                return None
            case _:
                assert_never(instruction)

    async def _execute(self, task: WorkerTask) -> machine.WorkerEvent | None:
        try:
            await self._run(task)
        except ExecutionCancelled:
            return None
        except (ExecutionFailed, UsageError) as error:
            _LOG.error("task %s cannot be executed: %s", task.task_id.hex(), error)
            return machine.ExecutionBroken(message=error.message)
        return machine.Executed(key=self._draw_scalar(), blinding=self._draw_scalar())

    async def _run(self, task: WorkerTask) -> None:
        """Run the program over all items, as far as that was not done before."""
        folder = self._shop.get_folder(task)
        for tried in range(1, _TRIES + 1):
            if folder.has_run():
                return
            folder.create()
            try:
                await self._run_once(task, self._build_job(task, folder))
                await asyncio.to_thread(folder.gather_runs)
            except ExecutionCancelled:
                raise
            except ExecutionFailed as error:
                # A process may have been killed by the system; what it had done is not lost.
                if tried == _TRIES:
                    raise
                _LOG.warning("task %s is run again: %s", task.task_id.hex(), error)
            except InvalidMessage as error:
                _LOG.warning("task %s is run again: %s", task.task_id.hex(), error)
                folder.forget_runs()

    def _build_job(self, task: WorkerTask, folder: DeliveryFolder) -> Job:
        return Job(
            name=task.function,
            is_search=task.search is not None,
            program=get_program_path(task.function, task.program, self._shop.blobs),
            program_id=task.terms.program_id,
            input=self._shop.blobs.get_path(task.input.blob_id),
            runs=folder.runs,
            count=task.task.count,
            max_steps=task.terms.max_steps,
            expected_steps=0 if task.program else task.steps,
            states=folder.states,
            cache=self._shop.cache,
            # What is not done by then is of no use.
            limits=JobLimits(wall_seconds=float(task.task.compute_window)),
        )

    async def _run_once(self, task: WorkerTask, job: Job) -> None:
        execution = self._shop.executor.submit(job)
        report = asyncio.create_task(self._follow(task, execution.get_progress))
        try:
            await execution.result()
        except asyncio.CancelledError:
            await execution.cancel()
            raise
        finally:
            report.cancel()

    async def _follow(self, task: WorkerTask, get_progress: Callable[[], float]) -> None:
        while True:
            self._set_progress(task.task_id, get_progress())
            await asyncio.sleep(0.2)

    def _draw_scalar(self) -> int:
        # 64 bytes: the bias of the remainder is below 2^-250.
        return int.from_bytes(self._shop.draw(64), "big") % ORDER

    async def _seal(self, task: WorkerTask) -> machine.WorkerEvent:
        if task.key is None or task.blinding is None:
            raise JournalError("a task is to be sealed without a key")
        folder = self._shop.get_folder(task)
        try:
            claim, size = await asyncio.to_thread(folder.seal, task.key, task.blinding)
        except (InvalidMessage, OSError) as error:
            # Damaged on disk: nothing was claimed yet, so it is run again.
            _LOG.warning("task %s is run again: %s", task.task_id.hex(), error)
            folder.forget_runs()
            await self._run(task)
            claim, size = await asyncio.to_thread(folder.seal, task.key, task.blinding)
        return machine.Sealed(claim=claim, ciphertext_size=size)

    async def _send(self, task: WorkerTask, call: WorkerCall) -> None:
        market, claim = self._desk.market, task.claim
        if claim is None:
            raise JournalError("a transaction is to be sent before there is a claim")
        name = call.value
        match call:
            case WorkerCall.DELIVER:
                built = market.deliver(task.task, claim)
            case WorkerCall.SETTLE:
                built = market.settle(task.task, claim, task.approval or b"")
            case WorkerCall.REVEAL_KEY:
                built = market.reveal_key(task.task, claim, task.key or 0, task.blinding or 0)
            case WorkerCall.FINALIZE:
                built = market.finalize(task.task, claim)
            case WorkerCall.SUPPLY_CHUNKS:
                await self._supply(task)
                return
            case _:
                assert_never(call)
        await self._desk.send(built, task_id=task.task_id, name=name)

    async def _supply(self, task: WorkerTask) -> None:
        """Publish what is demanded and not supplied yet, four chunks a transaction."""
        folder, claim = self._shop.get_folder(task), task.claim
        if claim is None:
            return
        demand = (await self._desk.fetch_sighting(task.task_id)).state.demand
        if demand is None:
            return
        for start in range(0, min(demand.count, GROUP), SUPPLY_CHUNKS):
            count = min(SUPPLY_CHUNKS, demand.count - start)
            wanted = ((1 << count) - 1) << start
            if demand.supplied & wanted == wanted:
                continue
            first = demand.first + start
            evidence = await asyncio.to_thread(folder.build_supply, demand.item, first, count)
            built = self._desk.market.supply_chunks(task.task, claim, evidence)
            name = f"{WorkerCall.SUPPLY_CHUNKS.value}:{demand.item}:{first}"
            await self._desk.send(built, task_id=task.task_id, name=name)
            state = (await self._desk.fetch_sighting(task.task_id)).state
            if state.demand is None or state.demand.cursor != demand.cursor:
                return
            demand = state.demand

    def _release(self, task: WorkerTask) -> None:
        for blob in (task.input, task.program):
            if blob is not None:
                self._shop.blobs.release(blob.blob_id, task.task_id.hex())
        self._shop.get_folder(task).remove()
