"""What is disputed, as one side knows it: an item's execution, and what opening it takes.

Its methods replay executions and hash, so they block: call them from threads. Not here: which move
is made (`pekanu.dispute.strategy`), how the states are had (`pekanu.machine.trace`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from pekanu.dispute.ending import ProgramParts, build_ending
from pekanu.dispute.game import Dispute
from pekanu.dispute.moves import Dissect, Expose, Move, Open, Prove, ShownItem, TimeOut
from pekanu.dispute.place import Side
from pekanu.dispute.strategy import (
    CallTime,
    ExposeLast,
    Narrow,
    Plan,
    ProveStep,
    ShowEnding,
    choose,
)
from pekanu.errors import JournalError
from pekanu.machine.program import Program
from pekanu.machine.step import step
from pekanu.machine.trace import States
from pekanu.machine.witness import build_proof
from pekanu.market.task import Terms
from pekanu.types import Address, Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One item's execution."""

    program: Program
    states: States
    #: What the worker shows when it opens; None for those who never do.
    item: ShownItem | None = None
    #: Of the market's task; None where another contract has the bisection played.
    terms: Terms | None = None

    def find_move(self, dispute: Dispute, side: Side, sender: Address, now: Seconds) -> Move | None:
        """Return what an honest party does where a dispute stands, or None for nothing."""
        plan = choose(dispute, side, self.states, now)
        return None if plan is None else self.build_move(plan, dispute, sender)

    def build_move(self, plan: Plan, dispute: Dispute, sender: Address) -> Move:
        """Return the move that carries out a plan.

        Raises:
            JournalError: The claim is to be opened by somebody who does not know the item.
        """
        match plan:
            case ShowEnding():
                return self._open(plan, dispute, sender)
            case Narrow():
                return Dissect(
                    sender=sender,
                    before=plan.before,
                    part=plan.part,
                    start=plan.start,
                    points=plan.points,
                )
            case ExposeLast():
                return Expose(sender=sender, answered=plan.answered, shown=plan.shown)
            case ProveStep():
                return self._prove(plan, sender)
            case CallTime():
                return TimeOut(sender=sender)
            case _:
                assert_never(plan)

    def _open(self, plan: ShowEnding, dispute: Dispute, sender: Address) -> Open:
        if self.item is None or self.terms is None:
            raise JournalError("a claim is to be opened of which the item is not known")
        return Open(
            sender=sender,
            first_extension=self.terms.first_extension,
            program=ProgramParts.from_program(self.program),
            item=self.item,
            ending=build_ending(self.states.get_state(dispute.place.last)),
            points=plan.points[:-1],
        )

    def _prove(self, plan: ProveStep, sender: Address) -> Prove:
        state = self.states.get_state(plan.step)
        proof = build_proof(self.program, state)
        step(self.program, state)
        return Prove(
            sender=sender,
            shown=plan.shown,
            index=plan.index,
            program=ProgramParts.from_program(self.program),
            proof=proof,
            after=state.root,
        )
