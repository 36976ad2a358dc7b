"""A party's cases before the ringers' referee: begun, answered, taken up again after a restart.

A client's node begins one when its audit has found a fault; a worker's finds by itself those in
which its account must answer. Bisections about a point are played here too. Not here: a single
case's next step (`case_machine`), how that is done (`case_role`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from pekanu.chain.ringer_contract import RingerContract
from pekanu.dispute.place import Side
from pekanu.node.case_index import CaseRecord
from pekanu.node.case_machine import CaseStep, CaseTask
from pekanu.node.case_role import ROLE, CaseRole, LoadFile
from pekanu.node.dispute_desk import DisputeDesk
from pekanu.node.dispute_index import DisputeRecord
from pekanu.node.dispute_machine import DisputeStep, DisputeTask
from pekanu.node.dispute_subject import Subject
from pekanu.node.market_desk import MarketDesk
from pekanu.node.peer_wire import decode_message
from pekanu.node.referees import ANY_CASE
from pekanu.node.task_drivers import TaskDrivers
from pekanu.types import Hash32

#: Seconds after which cases are looked for without a reason.
_IDLE_SECONDS: Final = 15.0
_OWNERS: Final = {Side.WORKER: "worker's searches", Side.CHALLENGER: "client's searches"}


class CaseDesk:
    """The cases of one of an account's nodes.

    Args:
        desk: The account's desk.
        contract: The ringers' referee.
        side: The worker's node, or the client's.
        load: Gives what it knows of a search.
    """

    def __init__(
        self, desk: MarketDesk, contract: RingerContract, side: Side, load: LoadFile
    ) -> None:
        self._desk, self._side, self._load = desk, side, load
        self.contract = contract
        self._role = CaseRole(desk, contract, load)
        self.disputes = DisputeDesk(desk, _OWNERS[side], self._load_subject, self._adopt_bisection)
        self._cases = TaskDrivers(self._role, desk.watch, kind="case", forget=self._forget)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Carry on with what the journal holds, and with what comes, while the context is open."""
        for task in self.list_tasks():
            self._cases.drive(task.case_id, task)
        following = asyncio.create_task(self._follow())
        try:
            async with self.disputes.running():
                yield
        finally:
            following.cancel()
            await self._cases.stop()
            await asyncio.gather(following, return_exceptions=True)

    def begin(self, task: CaseTask) -> None:
        """Journal a case and carry it on; one that is carried on already is left alone."""
        known = self.find(task.case_id)
        # One that had gone with a reorganization has come back.
        if known is None or known.step in (CaseStep.GONE, CaseStep.UNADMITTED):
            self._role.record(task)
            self._cases.drive(task.case_id, task)

    def find(self, case_id: Hash32) -> CaseTask | None:
        """Return a case of this node, live or ended."""
        driven = self._cases.find(case_id)
        if driven is not None:
            return driven
        text = self._desk.journal.load_state(ROLE, case_id)
        return None if text is None else decode_message(CaseTask, text.encode())

    def list_tasks(
        self, *, live_only: bool = True, task_id: Hash32 | None = None
    ) -> list[CaseTask]:
        """Return this node's cases, oldest first; only a task's, if one is given."""
        found = self._desk.journal.load_states(
            ROLE,
            chain_id=self._desk.domain.chain_id,
            live_only=live_only,
            job_id=None if task_id is None else task_id.hex(),
        )
        tasks = [decode_message(CaseTask, text.encode()) for text in found]
        return [task for task in tasks if task.side is self._side]

    def is_playing(self, task_id: Hash32) -> bool:
        """Return whether any case of a task is live here."""
        return any(task.task_id == task_id for task in self._cases)

    async def wait_over(self, task_id: Hash32) -> None:
        """Return once no case of a task, and no bisection in one, is live here."""
        await self._cases.wait_over(lambda task: task.task_id == task_id)
        await self.disputes.wait_over(task_id)

    # --- within -----------------------------------------------------------------------------------

    async def _follow(self) -> None:
        watch = self._desk.watch
        watch.subscribe(ANY_CASE)
        while True:
            for record in self._desk.referees.cases.iterate():
                if self._is_to_answer(record):
                    self.begin(
                        CaseTask(
                            step=CaseStep.WAITING,
                            case_id=record.case.id,
                            task_id=record.case.task_id,
                            side=self._side,
                            kind=record.case.kind.name.lower(),
                        )
                    )
            await watch.wait(ANY_CASE, [], timeout_seconds=_IDLE_SECONDS)

    def _is_to_answer(self, record: CaseRecord) -> bool:
        """Return whether a case asks this worker, and is not answered for yet."""
        return (
            self._side is Side.WORKER
            and record.case.worker == self._desk.address
            and record.is_refuted is None
            and record.case.id not in self._cases
        )

    def _forget(self, task: CaseTask) -> None:
        self._desk.watch.wake(task.task_id)

    # --- bisections -------------------------------------------------------------------------------

    def _adopt_bisection(self, record: DisputeRecord) -> DisputeTask | None:
        """Return what to play of a bisection that the ringers' referee has opened."""
        if record.opener != self.contract.address:
            return None
        for case in self._desk.referees.cases.iterate():
            if case.case.bisection == record.dispute and self._is_mine(case):
                is_defender = record.worker == self._desk.address
                return DisputeTask(
                    step=DisputeStep.WAITING,
                    dispute=record.dispute,
                    owner=_OWNERS[self._side],
                    side=Side.WORKER if is_defender else Side.CHALLENGER,
                    worker=record.worker,
                    challenger=record.challenger,
                    number=0,
                    task_id=case.case.task_id,
                    opener=record.opener,
                    key=case.case.id,
                )
        return None

    def _is_mine(self, record: CaseRecord) -> bool:
        case = record.case
        party = case.worker if self._side is Side.WORKER else case.client
        return party == self._desk.address

    async def _load_subject(self, task: DisputeTask) -> Subject:
        """Return the true run on the point that a bisection is about."""
        found = self._desk.referees.cases.find(task.key)
        if found is None:
            message = "a bisection is played of a case that was not seen"
            raise LookupError(message)
        point = found.points[0] if found.contested is None else found.contested
        file = await self._load(found.case.task_id)
        return Subject(program=file.inversion.program, states=file.build_trace(point))
