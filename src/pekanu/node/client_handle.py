"""A job under way: one try after the other, until an output is verified or nobody is left.

What is not here: a single try (`client_machine`), offers and new tries (`client`).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from pekanu.errors import InsufficientFunds, NoWorker, PekanuError, UsageError, WorkerFault
from pekanu.market.claim import Result
from pekanu.node import client_events
from pekanu.node.client_job import ClientJob, JobReceipt
from pekanu.node.client_role import UNBOUND
from pekanu.node.client_task import ClientStep, ClientTask
from pekanu.node.court import Trial
from pekanu.node.offers import Offer, choose
from pekanu.node.task_driver import TaskDriver
from pekanu.node.verification import require_success
from pekanu.types import Address, Wei, format_wei

if TYPE_CHECKING:
    from pekanu.node.client import ClientNode

#: Asked with each offer before anything is signed.
Confirm: TypeAlias = Callable[[Offer], bool | Awaitable[bool]]

_Driver = TaskDriver[ClientTask, client_events.ClientEvent, client_events.ClientInstruction]

#: Seconds for which a busy worker is not asked, from the first time on.
_FIRST_REST: Final = 0.5
_LONGEST_REST: Final = 10.0
#: Seconds for which workers are asked again that are all too busy to make an offer.
_BUSY_SECONDS: Final = 300.0
#: Seconds after which workers that give no answer are taken to be gone.
_SILENT_SECONDS: Final = 10.0
_RESTED: Final = (0.0, 0.0)
#: Silences of workers that are no fault yet.
_MOST_SILENCES: Final = 8
#: By whether the client still does something about a wrong result.
_HINTS: Final = {
    True: "it is taken to the referee meanwhile; `pekanu dispute` shows how that stands",
    False: "it is paid after the audit unless somebody else challenges it",
}


class Declined(UsageError):
    """The user did not want the offer; nothing was signed."""


class JobHandle:
    """A job under way.

    Args:
        node: Who runs it.
        job: What is wanted.
        confirm: Asked with each offer; None takes what the price limit allows.
    """

    def __init__(self, node: ClientNode, job: ClientJob, confirm: Confirm | None) -> None:
        self.job = job
        self._node, self._desk, self._confirm = node, node.desk, confirm
        self._progress = 0.0
        self._driver: _Driver | None = None
        self._role = node.build_role(job, self._set_progress)
        self._watching: set[asyncio.Task[ClientTask]] = set()
        self._is_cancelled = False
        #: Until when a busy worker is not asked, and how long its last rest was.
        self._rests: dict[Address, tuple[float, float]] = {}
        #: How often a worker gave an offer and then no answer.
        self._silences = 0
        self._run = asyncio.create_task(self._drive())
        self._run.add_done_callback(_ignore_failure)

    @property
    def task(self) -> ClientTask | None:
        """Return the try that is under way, or was last."""
        return self._driver.task if self._driver else None

    def get_progress(self) -> float:
        """Return how far the worker's execution is, 0 to 1."""
        return self._progress

    async def result(self) -> list[bytes]:
        """Return the verified outputs, as soon as they are.

        Raises:
            WorkerFault: A worker failed and there is no next one within the price limit.
            NoWorker: Nobody sells it on these terms.
            InsufficientFunds: The account cannot pay.
            Declined: The offer was not confirmed.
            ProgramFailed: The program did not end with exit code 0, which was verified.
        """
        return await asyncio.shield(self._run)

    async def wait_final(self) -> JobReceipt:
        """Return what it cost once every try, and each dispute about it, has ended on chain."""
        with contextlib.suppress(PekanuError):
            await self.result()
        while self._watching:
            await asyncio.wait(self._watching)
        for task in self._node.load_tasks(self.job.job_id):
            await self._node.wait_over(task)
        return self.get_receipt()

    async def wait_changed(self, timeout_seconds: float) -> None:
        """Return when the try's state changed, or after a time."""
        if self._driver is None:
            await asyncio.wait({self._run}, timeout=min(timeout_seconds, 0.1))
        else:
            await self._driver.wait_changed(timeout_seconds)

    def get_receipt(self) -> JobReceipt:
        """Return what the job cost so far."""
        tasks = self._node.load_tasks(self.job.job_id)
        ends = [(one, one.ending) for one in tasks]
        costs = [cost for one in tasks for cost in self._desk.journal.load_costs(one.task_id)]
        paid = sum(
            one.task.price
            for one, end in ends
            if end == "settled" or (not end and one.step is ClientStep.APPROVING)
        )
        return JobReceipt(
            count=self.job.count,
            policy=self.job.policy,
            tasks=tuple(tasks),
            costs=tuple(costs),
            paid_wei=Wei(paid),
            won_wei=Wei(sum(one.won_wei for one in tasks)),
        )

    def get_results(self) -> tuple[Result, ...]:
        """Return what each item came to, once a delivery was verified; empty before."""
        task = self.task
        if task is None or not task.is_verified:
            return ()
        return self._node.office.get_folder(task).load_results()

    async def cancel(self) -> bool:
        """Return whether the job was stopped; once the escrow stands it cannot be."""
        task = self.task
        if self._run.done() or (
            task is not None and task.step not in (ClientStep.FUNDING, ClientStep.ASKING)
        ):
            return False
        self._is_cancelled = True
        if self._driver is not None:
            self._driver.feed(client_events.AcceptanceRefused(message="cancelled by the client"))
        else:
            self._run.cancel()
        self._finish()
        return True

    async def stop(self) -> None:
        """Stop following; the journal keeps where it stands."""
        for running in (self._run, *self._watching):
            running.cancel()
        await asyncio.gather(self._run, *self._watching, return_exceptions=True)

    # --- within -----------------------------------------------------------------------------------

    async def _drive(self) -> list[bytes]:
        if self.job.is_done:
            return await self._watch_out()
        for task in self._node.load_tasks(self.job.job_id):
            driver = self._begin(task) if task.step.is_live else self._build_driver(task)
            if task.worker.address not in self.job.tried:
                self._driver = driver
        fault: WorkerFault | None = None
        while True:
            if self._driver is None:
                await self._enter(fault)
            outputs, fault = await self._follow()
            if outputs is not None:
                return outputs
            self._driver = None

    async def _watch_out(self) -> list[bytes]:
        """Follow the tries of a finished job to their ends on chain."""
        tasks = self._node.load_tasks(self.job.job_id)
        for task in tasks:
            if task.step.is_live:
                self._driver = self._begin(task)
        for task in reversed(tasks):
            if task.is_verified:
                return self._take(task)
        if self._watching:
            await asyncio.wait(self._watching)
        tasks = self._node.load_tasks(self.job.job_id)
        if tasks:
            raise build_fault(tasks[-1], self._node.get_trial(tasks[-1]))
        raise Declined("the job was never begun")

    async def _follow(self) -> tuple[list[bytes] | None, WorkerFault | None]:
        """Return the verified outputs of the try under way, or how it failed."""
        driver = self._driver
        if driver is None:
            return None, None
        while True:
            task = driver.task
            if task.is_verified:
                self._finish()
                return self._take(task), None
            if not task.step.is_live or (task.is_wrong and self._goes_on(task)):
                break
            await driver.wait_changed(1.0)
        if self._role.failure is not None or self._is_cancelled:
            self._finish()
            raise self._role.failure or Declined("the job was cancelled")
        return None, self._note_failure(task)

    def _goes_on(self, task: ClientTask) -> bool:
        """Say whether the end of a wrong try need not be waited for: there is money for another."""
        limit = self.job.max_price
        can_pay = limit is not None and limit >= self.job.lost + 2 * task.task.price
        return task.is_resigned or can_pay

    def _take(self, task: ClientTask) -> list[bytes]:
        """Return the outputs of a verified delivery; raises ProgramFailed."""
        folder = self._node.office.get_folder(task)
        outputs = folder.load_outputs()
        require_success(self.job.function, folder.load_results(), outputs)
        return outputs

    def _note_failure(self, task: ClientTask) -> WorkerFault | None:
        if self._role.is_busy or (self._role.is_unreachable and self._silences < _MOST_SILENCES):
            # No fault: it is asked again, after others and after a while.
            self._silences += self._role.is_unreachable
            self._role.is_busy = self._role.is_unreachable = False
            self._rest(task.worker.address)
            return None
        fault = build_fault(task, self._node.get_trial(task))
        job = replace(
            self.job,
            tried=(*self.job.tried, task.worker.address),
            lost=self.job.lost + fault.lost_wei,
        )
        self._save(job)
        return fault

    async def _enter(self, fault: WorkerFault | None) -> None:
        """Begin the next try; return once its escrow stands, or it has ended.

        Few enter at once: a worker's acceptance does not wait long for its transaction.
        """
        async with self._node.entries:
            self._driver = driver = self._begin(await self._draft(fault))
            while driver.task.step in UNBOUND:
                await driver.wait_changed(1.0)

    async def _draft(self, fault: WorkerFault | None) -> ClientTask:
        """Return the next try, with the best worker that is left."""
        job = self.job
        if fault is not None and fault.lost_wei and job.max_price is None:
            # Nobody allowed to pay a second price.
            self._finish()
            raise fault
        limit = None if job.max_price is None else Wei(job.max_price - job.lost)
        try:
            offer = await self._choose(limit)
            await self._ask_user(offer)
            return await self._node.draft(job, offer)
        except NoWorker as error:
            self._finish()
            if fault is not None and fault.recovered_wei + fault.lost_wei:
                raise fault from error
            if fault is not None:
                raise NoWorker(f"{fault.message}, and nobody else can do it") from error
            raise
        except (UsageError, InsufficientFunds):
            self._finish()
            raise

    async def _choose(self, limit: Wei | None) -> Offer:
        """Return the best offer of workers that are not resting; wait for one if all are."""
        begun = time.monotonic()
        while True:
            answers = await self._node.ask_workers(self.job)
            offers = answers.offers
            waits = _BUSY_SECONDS if answers.are_busy else _SILENT_SECONDS * answers.are_silent
            if not offers and time.monotonic() < begun + waits:
                await asyncio.sleep(_FIRST_REST)
                continue
            now = time.monotonic()
            free = [one for one in offers if self._rests.get(one.worker.address, _RESTED)[0] <= now]
            affordable = [one for one in offers if limit is None or one.price <= limit]
            if any(one in free for one in affordable) or not affordable:
                return choose(free if affordable else offers, max_price=limit)
            await asyncio.sleep(_FIRST_REST)

    def _rest(self, worker: Address) -> None:
        _, last = self._rests.get(worker, _RESTED)
        pause = min(max(2 * last, _FIRST_REST), _LONGEST_REST)
        self._rests[worker] = time.monotonic() + pause, pause

    async def _ask_user(self, offer: Offer) -> None:
        confirmed = self.job.confirmed_price
        if confirmed is not None and offer.price <= confirmed:
            return
        if self._confirm is not None:
            answer = self._confirm(offer)
            if not (await answer if inspect.isawaitable(answer) else answer):
                raise Declined(f"the offer of {format_wei(offer.price)} was declined")
        self._save(replace(self.job, confirmed_price=offer.price))

    def _begin(self, task: ClientTask) -> _Driver:
        driver = self._build_driver(task)
        run = asyncio.create_task(driver.run())
        self._watching.add(run)
        run.add_done_callback(self._watching.discard)
        run.add_done_callback(_ignore_failure)
        return driver

    def _build_driver(self, task: ClientTask) -> _Driver:
        return TaskDriver(task, task.task_id, self._role, self._desk.watch)

    def _finish(self) -> None:
        self._save(replace(self.job, is_done=True))

    def _save(self, job: ClientJob) -> None:
        self.job = job
        self._node.record_job(job)

    def _set_progress(self, progress: float) -> None:
        self._progress = max(progress, self._progress)


def build_fault(task: ClientTask, trial: Trial | None = None) -> WorkerFault:
    """Return what a worker did, and what it cost or brought its client.

    Args:
        task: The try.
        trial: The client's own challenge of it.
    """
    who, price, stake = task.worker.address, task.task.price, task.task.stake
    if task.is_wrong or task.ending == "settled":
        bond = 0 if trial is None else trial.lost_wei
        return WorkerFault(
            f"{who} delivered a wrong result ({task.verdict or 'not verified in time'})",
            lost_wei=price + bond,
            hint=_HINTS[task.is_wrong and not task.is_resigned],
        )
    if task.ending == "refuted":
        return WorkerFault(
            f"{who} delivered a wrong result ({task.verdict or 'another proved it'}) and was "
            f"refuted by the referee; the price of {format_wei(price)} came back, with "
            f"{format_wei(task.won_wei)} of its stake",
            recovered_wei=price + task.won_wei,
            hint="`pekanu dispute` shows the instruction that decided it",
        )
    reasons = {
        "expired": "delivered nothing in time",
        "forfeited": task.verdict or "did not answer a demand in time",
    }
    if task.ending in reasons:
        return WorkerFault(
            f"{who}: {reasons[task.ending]}; price and stake came back",
            recovered_wei=price + stake,
        )
    return WorkerFault(f"{who} did not take the task ({task.verdict or 'no answer'})")


def _ignore_failure(task: asyncio.Task[object]) -> None:
    """Keep the loop from complaining about a failure that nobody asks for."""
    if not task.cancelled():
        task.exception()
