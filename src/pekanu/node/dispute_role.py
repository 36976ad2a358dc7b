"""Performing what a dispute's machine says: challenge, find moves, send them.

Not here: what to do next (`dispute_machine`), which disputes there are (`dispute_desk`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeAlias, assert_never

from pekanu.chain import Call
from pekanu.chain.referee_contract import RefereeContract
from pekanu.dispute.history import History
from pekanu.dispute.moves import Challenge, Move, Open
from pekanu.dispute.place import AskedItem
from pekanu.dispute.rules import get_bond
from pekanu.errors import InsufficientFunds, JournalError, PekanuError, TransactionReverted
from pekanu.market.claim import Claim
from pekanu.market.state import TaskState
from pekanu.market.task import Task, Terms
from pekanu.node import dispute_machine as machine
from pekanu.node.dispute_machine import DisputeCall, DisputeTask, Standing
from pekanu.node.dispute_subject import Subject
from pekanu.node.journal import Entry
from pekanu.node.market_desk import MarketDesk
from pekanu.node.peer_wire import encode_message
from pekanu.node.task_driver import Look
from pekanu.types import ZERO_HASH, Hash32, Wei, format_wei

_LOG: Final = logging.getLogger(__name__)
ROLE: Final = "dispute"
#: Replays at once: each may take all of a processor, and 256 MiB.
REPLAYS: Final = 2
#: Refusals of a challenge that do not last: the bond has risen since it was asked for.
_PASSING: Final = ("referee: bond too low",)
#: It was mined before.
_THERE: Final = ("referee: number used", "market: challenge used")

#: Gives what a side knows of a disputed item.
LoadSubject: TypeAlias = Callable[[DisputeTask], Awaitable[Subject]]


class DisputeRole:
    """A party's side of a `TaskDriver` that drives a dispute.

    Args:
        desk: Its account's desk.
        referee: Where disputes are played.
        load: Gives what it knows.
    """

    def __init__(self, desk: MarketDesk, referee: RefereeContract, load: LoadSubject) -> None:
        self._desk, self._referee, self._load = desk, referee, load
        self._room = asyncio.Semaphore(REPLAYS)

    def handle(
        self, task: DisputeTask, event: machine.DisputeEvent
    ) -> tuple[DisputeTask, Sequence[machine.DisputeInstruction]]:
        """Return the machine's move."""
        return machine.handle(task, event)

    def record(self, task: DisputeTask) -> None:
        """Write a dispute to the journal."""
        domain = self._desk.domain
        entry = Entry(
            role=ROLE,
            task_id=task.dispute,
            chain_id=domain.chain_id,
            market=domain.market,
            step=task.step.value,
            is_live=task.step.is_live,
            state=encode_message(task).decode(),
            job_id=task.task_id.hex(),
        )
        self._desk.journal.record(entry, self._desk.watch.now)

    async def look(self, task: DisputeTask) -> Look[machine.DisputeEvent]:
        """Return what the chain says of a dispute."""
        state, holds_bond = TaskState(), False
        # The task first: a ruling that ends it in between then shows as events that are missing.
        if task.opener is None:
            state = await self._desk.market.fetch_task(task.task_id)
        if state.status.is_terminal:
            holds_bond = await self._desk.market.holds_bond(task.task_id, task.dispute)
        stored, deep = await self._desk.fetch_deep(
            partial(self._referee.fetch_commitment, task.dispute)
        )
        is_final = deep == stored
        if state.status.is_terminal:
            # Again, for blocks may have been lost in between; and no end closes a dispute that can
            # itself still be taken back.
            seen = await self._desk.fetch_sighting(task.task_id)
            state, is_final = seen.state, is_final and seen.is_final
        history = self._find_history(task)
        expected = ZERO_HASH if history is None else history.dispute.commitment
        now = self._desk.watch.now
        event = machine.DisputeSeen(
            now=now,
            standing=None if history is None else _get_standing(history),
            is_behind=stored != expected,
            is_final=is_final,
            status=state.status,
            stake_waits=state.stake_waits,
            stake_lost=state.stake_lost,
            is_auditing=state.status.is_claimed and now <= state.deadline,
            holds_bond=holds_bond,
            bond=0 if history is None else history.bond,
        )
        return Look(event=event, times=machine.get_wake_times(event))

    def is_live(self, task: DisputeTask) -> bool:
        """Return whether anything is left to do."""
        return task.step.is_live

    def is_droppable(self, instruction: machine.DisputeInstruction) -> bool:  # noqa: ARG002
        """Return whether it is given up when nobody asks for it any more: nothing is."""
        return False

    async def perform(
        self, task: DisputeTask, instruction: machine.DisputeInstruction
    ) -> machine.DisputeEvent | None:
        """Do what the machine says; return what came of it."""
        match instruction:
            case machine.Send(call):
                if call is DisputeCall.CHALLENGE:
                    return await self._challenge(task)
                await self._close(task)
                return None
            case machine.Move(commitment):
                try:
                    return await self._move(task, commitment)
                except PekanuError as error:
                    # Tried again until the clock is over; somebody should know why it fails.
                    _LOG.warning("dispute %s cannot be moved: %s", task.dispute.hex(), error)
                    raise
            case _:
                assert_never(instruction)

    # --- challenge --------------------------------------------------------------------------------

    async def _challenge(self, task: DisputeTask) -> machine.DisputeEvent | None:
        agreed, terms, claim = _get_agreement(task)
        state = await self._desk.market.fetch_task(task.task_id)
        bond = get_bond(state, terms, for_client=task.for_client)
        if bond > task.bond:
            return machine.NotAdmitted(
                message=f"the bond is {format_wei(bond)} now, more than may be bound"
            )
        challenge = Challenge(
            item=task.item, number=task.number, for_client=task.for_client, bond=Wei(bond)
        )
        call = self._referee.challenge(agreed, claim, terms, challenge)
        try:
            await self._send(task, call, f"{DisputeCall.CHALLENGE.value}:{bond}")
        except InsufficientFunds as error:
            return machine.NotAdmitted(message=error.message)
        except TransactionReverted as error:
            if error.reason in _THERE or error.reason in _PASSING:
                return None
            return machine.NotAdmitted(message=error.message)
        return None

    async def _close(self, task: DisputeTask) -> None:
        agreed, _, _ = _get_agreement(task)
        call = self._desk.market.close_challenge(agreed, task.dispute)
        await self._send(task, call, DisputeCall.CLOSE.value)

    # --- moves ------------------------------------------------------------------------------------

    async def _move(self, task: DisputeTask, commitment: Hash32) -> machine.DisputeEvent | None:
        history = self._find_history(task)
        if history is None or history.dispute.commitment != commitment:
            return None
        dispute, now = history.dispute, self._desk.watch.now
        subject = await self._load(task)
        async with self._room:
            try:
                move = await asyncio.to_thread(
                    subject.find_move, dispute, task.side, self._desk.address, now
                )
            finally:
                await asyncio.to_thread(subject.states.release)
        if move is None:
            return machine.NothingToDispute(commitment=commitment)
        call = self._build_call(task, history, move)
        await self._send(task, call, f"{type(move).__name__.lower()}:{commitment.hex()}")
        return None

    def _build_call(self, task: DisputeTask, history: History, move: Move) -> Call:
        if task.opener is None:
            agreed, terms, _ = _get_agreement(task)
            return self._referee.move(history.dispute, move, agreed, terms)
        if isinstance(move, Open):
            raise JournalError("a bisection of another contract is not opened here")
        return self._referee.move_bisection(history.dispute, move, task.opener, task.key)

    # --- the chain --------------------------------------------------------------------------------

    def _find_history(self, task: DisputeTask) -> History | None:
        record = self._desk.referees.disputes.find(task.dispute)
        return None if record is None else record.tell(get_asked(task))

    async def _send(self, task: DisputeTask, call: Call, name: str) -> None:
        about = task.dispute if task.task_id == ZERO_HASH else task.task_id
        key = f"{task.dispute.hex()[:16]}:{name}"
        await self._desk.send(call, task_id=about, name=key)


def get_asked(task: DisputeTask) -> Hash32:
    """Return what stands for the challenged item until it is opened."""
    if task.task is None or task.terms is None or task.claim is None:
        return ZERO_HASH
    return AskedItem(
        results_root=task.claim.results_root,
        program_id=task.terms.program_id,
        inputs_root=task.terms.inputs_root,
        first_extension=task.terms.first_extension,
        count=task.task.count,
        index=task.item,
    ).hash()


def _get_agreement(task: DisputeTask) -> tuple[Task, Terms, Claim]:
    """Return the task, its terms and the claim."""
    if task.task is None or task.terms is None or task.claim is None:
        raise JournalError("a dispute of the market is journaled without its task")
    return task.task, task.terms, task.claim


def _get_standing(history: History) -> Standing:
    dispute = history.dispute
    return Standing(
        mover=dispute.place.turn.side,
        commitment=dispute.commitment,
        deadline=dispute.place.deadline,
        outcome=dispute.outcome,
    )
