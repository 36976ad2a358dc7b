"""What a whole dispute costs: 2^40 steps, from the challenge to the ruling, every transaction sent.

Both parties play by the product's strategy on states that they know (`endless_run`); one state is
false, so that every dissection has to be made. Receipts are of a development chain, Osaka rules.
Source: design/engineering.md, "Benchmarks".
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pekanu.bench.endless_run import EndlessRun
from pekanu.chain import Call, Receipt
from pekanu.chain.referee_contract import RefereeContract
from pekanu.crypto.merkle import region_root
from pekanu.dispute.ending import ProgramParts, build_ending, build_result
from pekanu.dispute.history import DisputeEvent, History, tell
from pekanu.dispute.moves import Dissect, Move, Open, Prove, ShownItem
from pekanu.dispute.place import Side
from pekanu.dispute.strategy import Narrow, ProveStep, ShowEnding, choose
from pekanu.machine.witness import build_proof
from pekanu.market.claim import Claim, Result
from pekanu.market.task import Task, Terms
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei

STEPS: Final = 1 << 40
#: The first false states: in the middle of everything, after an addition, and after a store, whose
#: proof is among the longest.
ADDITION: Final = 5 + 3 * 0x33_1234_5678 + 1
STORE: Final = ADDITION + 1
BOND: Final = Wei(10**15)
_PRICE, _STAKE = Wei(10**16), Wei(4 * 10**16)

#: Sends a call for one of the sides.
Send: TypeAlias = Callable[[Side, Call], Awaitable[Receipt]]


@dataclass(kw_only=True)
class Duel:
    """A task with a false claim, and both parties' knowledge."""

    worker: Address
    challenger: Address
    referee: RefereeContract
    true: EndlessRun
    false: EndlessRun
    task: Task = field(init=False)
    terms: Terms = field(init=False)
    claim: Claim = field(init=False)
    result: Result = field(init=False)

    def build_task(self, client: Address, now: Seconds) -> Task:
        """Return the task; its claim is built with it."""
        self.terms = Terms(
            program_id=self.true.program.id,
            inputs_root=region_root(b""),
            max_steps=STEPS,
            bond=BOND,
            clock=Seconds(24 * 3600),
            extension=Seconds(600),
            first_extension=Seconds(7200),
            last_extension=Seconds(1200),
        )
        self.task = Task(
            client=client,
            agent=ZERO_ADDRESS,
            referee=self.referee.address,
            terms=self.terms.hash(),
            price=_PRICE,
            stake=_STAKE,
            offered_until=Seconds(now + 3600),
            compute_window=Seconds(3600),
            audit_window=Seconds(3600),
            response_window=Seconds(600),
            chunk_fee=Wei(10**13),
            salt=Hash32(secrets.token_bytes(32)),
        )
        self.result = build_result(self.false.get_state(STEPS))
        self.claim = Claim(
            results_root=self.result.leaf(),
            ciphertext_root=Hash32(secrets.token_bytes(32)),
            key_x=int.from_bytes(secrets.token_bytes(31), "big"),
            key_y=int.from_bytes(secrets.token_bytes(31), "big"),
        )
        return self.task

    async def play(self, challenged: Receipt, send: Send) -> tuple[History, list[int]]:
        """Return what happened, and each move's gas, to the ruling."""
        events: list[DisputeEvent] = self.referee.read(challenged.logs)
        spent: list[int] = []
        while (history := self._tell(events)).dispute.outcome is None:
            side = history.dispute.place.turn.side
            call = self.referee.move(
                history.dispute, self._plan(history, side), self.task, self.terms
            )
            receipt = await send(side, call)
            spent.append(receipt.gas_used)
            events += self.referee.read(receipt.logs)
        return history, spent

    def _tell(self, events: list[DisputeEvent]) -> History:
        item = self._build_item()
        history = tell(events, item.get_asked(self.terms).hash())
        if history is None:
            message = "the challenge left no event"
            raise RuntimeError(message)
        return history

    def _plan(self, history: History, side: Side) -> Move:
        run, sender = (
            (self.false, self.worker) if side is Side.WORKER else (self.true, self.challenger)
        )
        plan = choose(history.dispute, side, run, Seconds(0))
        program = ProgramParts.from_program(run.program)
        match plan:
            case ShowEnding(points=points):
                return Open(
                    sender=sender,
                    terms=self.terms,
                    program=program,
                    item=self._build_item(),
                    ending=build_ending(run.get_state(STEPS)),
                    points=points,
                )
            case Narrow(pick=pick, points=points):
                return Dissect(sender=sender, pick=pick, points=points)
            case ProveStep(pick=pick, step=step):
                proof = build_proof(run.program, run.get_state(step))
                return Prove(
                    sender=sender,
                    pick=pick,
                    program=program,
                    proof=proof,
                    after=run.get_roots([step + 1])[0],
                )
            case _:
                message = f"{side.name.lower()} has no move"
                raise RuntimeError(message)

    def _build_item(self) -> ShownItem:
        return ShownItem(
            count=1,
            index=0,
            result=self.result,
            input_root=region_root(b""),
        )
