"""Performing what a case's machine says: ask, answer, have it ruled.

Not here: what to do next (`case_machine`), what is shown (`case_file`), which cases there are
(`case_desk`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeAlias, assert_never

from pekanu.chain.ringer_contract import RingerContract
from pekanu.dispute.game import Outcome
from pekanu.errors import InsufficientFunds, TransactionReverted
from pekanu.node import case_machine as machine
from pekanu.node.case_file import CaseFile
from pekanu.node.case_index import CaseRecord
from pekanu.node.case_machine import CaseCall, CaseStanding, CaseTask
from pekanu.node.journal import Entry
from pekanu.node.market_desk import MarketDesk
from pekanu.node.peer_wire import encode_message
from pekanu.node.task_driver import Look
from pekanu.ringers.cases import Case, Kind, Turn
from pekanu.types import ZERO_HASH, Hash32

ROLE: Final = "case"
#: It was mined before.
_THERE: Final = ("ringers: asked before",)
#: It was decided meanwhile, by anyone.
_OVER: Final = ("ringers: other case",)
#: Rulings of a bisection, by what is stored of it.
_OUTCOMES: Final = {outcome.commitment: outcome for outcome in Outcome}

#: Gives what a side knows of the search that a case is about.
LoadFile: TypeAlias = Callable[[Hash32], Awaitable[CaseFile]]


class CaseRole:
    """A party's side of a `TaskDriver` that drives a case.

    Args:
        desk: Its account's desk.
        contract: The ringers' referee.
        load: Gives what it knows.
    """

    def __init__(self, desk: MarketDesk, contract: RingerContract, load: LoadFile) -> None:
        self._desk, self._contract, self._load = desk, contract, load

    def handle(
        self, task: CaseTask, event: machine.CaseEvent
    ) -> tuple[CaseTask, Sequence[machine.CaseInstruction]]:
        """Return the machine's move."""
        return machine.handle(task, event)

    def record(self, task: CaseTask) -> None:
        """Write a case to the journal."""
        domain = self._desk.domain
        entry = Entry(
            role=ROLE,
            task_id=task.case_id,
            chain_id=domain.chain_id,
            market=domain.market,
            step=task.step.value,
            is_live=task.step.is_live,
            state=encode_message(task).decode(),
            job_id=task.task_id.hex(),
        )
        self._desk.journal.record(entry, self._desk.watch.now)

    async def look(self, task: CaseTask) -> Look[machine.CaseEvent]:
        """Return what the chain says of a case."""
        watch = self._desk.watch
        state = await self._desk.market.fetch_task(task.task_id)
        holds_bond = state.status.is_terminal and await self._desk.market.holds_bond(
            task.task_id, task.case_id
        )
        stored, deep = await self._desk.fetch_deep(partial(self._contract.fetch_case, task.case_id))
        cases = self._desk.referees.cases
        record, ruling = cases.find(task.case_id), cases.find_ruling(task.case_id)
        expected = ZERO_HASH if record is None else record.stored
        standing = None
        if record is not None and ruling is None:
            standing = await self._get_standing(record)
        event = machine.CaseSeen(
            now=watch.now,
            standing=standing,
            is_refuted=ruling,
            # One that is ruled at once has no other event.
            is_behind=stored != expected and not (record is None and ruling is not None),
            is_final=deep == stored,
            status=state.status,
            is_auditing=state.status.is_claimed and watch.now <= state.deadline,
            holds_bond=holds_bond,
        )
        return Look(event=event, times=machine.get_wake_times(event))

    def is_live(self, task: CaseTask) -> bool:
        """Return whether anything is left to do."""
        return task.step.is_live

    def is_droppable(self, instruction: machine.CaseInstruction) -> bool:  # noqa: ARG002
        """Return whether it is given up when nobody asks for it any more: nothing is."""
        return False

    async def perform(
        self, task: CaseTask, instruction: machine.CaseInstruction
    ) -> machine.CaseEvent | None:
        """Do what the machine says; return what came of it."""
        match instruction:
            case machine.Send(call):
                return await self._send(task, call)
            case machine.Answer(stored):
                return await self._answer(task, stored)
            case _:
                assert_never(instruction)

    async def _send(self, task: CaseTask, call: CaseCall) -> machine.CaseEvent | None:
        match call:
            case CaseCall.ASK:
                return await self._ask(task)
            case CaseCall.RULE:
                await self._rule(task)
            case CaseCall.CLOSE:
                await self._close(task)
            case _:
                assert_never(call)
        return None

    async def _ask(self, task: CaseTask) -> machine.CaseEvent | None:
        file = await self._load(task.task_id)
        call = await asyncio.to_thread(file.build_challenge, task)
        try:
            await self._desk.send(call, task_id=task.task_id, name=_name(task, CaseCall.ASK.value))
        except InsufficientFunds as error:
            return machine.NotAdmitted(message=error.message)
        except TransactionReverted as error:
            if error.reason in _THERE:
                return None
            return machine.NotAdmitted(message=error.message)
        return None

    async def _answer(self, task: CaseTask, stored: Hash32) -> machine.CaseEvent | None:
        record = self._desk.referees.cases.find(task.case_id)
        if record is None or record.stored != stored:
            return None
        file = await self._load(task.task_id)
        call = await asyncio.to_thread(file.find_answer, record)
        if call is None:
            return machine.NothingToSay(stored=stored)
        name = _name(task, f"answer:{stored.hex()[:16]}")
        await self._desk.send(call, task_id=task.task_id, name=name)
        return None

    async def _rule(self, task: CaseTask) -> None:
        record = self._desk.referees.cases.find(task.case_id)
        if record is None:
            return
        file = await self._load(task.task_id)
        name = _name(task, f"{CaseCall.RULE.value}:{record.stored.hex()[:16]}")
        try:
            await self._desk.send(file.rule(record.case), task_id=task.task_id, name=name)
        except TransactionReverted as error:
            if error.reason not in _OVER:
                raise

    async def _close(self, task: CaseTask) -> None:
        file = await self._load(task.task_id)
        call = self._desk.market.close_challenge(file.searched.task, task.case_id)
        await self._desk.send(call, task_id=task.task_id, name=_name(task, CaseCall.CLOSE.value))

    # --- the chain --------------------------------------------------------------------------------

    async def _get_standing(self, record: CaseRecord) -> CaseStanding:
        case = record.case
        return CaseStanding(
            stored=record.stored,
            turn=case.turn,
            deadline=case.deadline,
            would_refute=await self._fetch_outcome(case) if case.turn is Turn.PLAY else None,
        )

    async def _fetch_outcome(self, case: Case) -> bool | None:
        """Return whether a bisection that is over goes against the worker, None while it is not."""
        outcome = _OUTCOMES.get(
            await self._desk.referees.bisection.fetch_commitment(case.bisection)
        )
        if outcome is None:
            return None
        # What was defended is the worker's list, or the client's ringer.
        return (outcome is Outcome.REFUTED) is (case.kind is Kind.SOLUTION)


def _name(task: CaseTask, act: str) -> str:
    return f"{task.case_id.hex()[:16]}:{act}"
