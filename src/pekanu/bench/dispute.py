"""What a whole dispute costs: 2^40 steps, from the challenge to the ruling, every transaction sent.

Both parties play by the product's strategy on what they take for true (`endless_run`); one of them
goes wrong in the middle, so that every dissection has to be made. Receipts are of a development
chain, Osaka rules.
Source: design/engineering.md, "Benchmarks".
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pekanu.bench.endless_run import INPUT, LOOP_BEGINS, EndlessRun
from pekanu.chain import Call, Receipt
from pekanu.chain.referee_contract import RefereeContract
from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import get_depth, region_root
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
#: proof is the longest.
ADDITION: Final = LOOP_BEGINS + 3 * 0x33_1234_5678 + 1
STORE: Final = ADDITION + 1
BOND: Final = Wei(10**15)
_PRICE, _STAKE = Wei(10**16), Wei(4 * 10**16)

#: Sends a call for one of the sides.
Send: TypeAlias = Callable[[Side, Call], Awaitable[Receipt]]


@dataclass(kw_only=True)
class Duel:
    """A disputed task, and what each party takes for true.

    Args:
        referee: Where it is played.
        runs: What each side takes for true.
        count: Items of the task, of which the one in the middle is disputed.
    """

    referee: RefereeContract
    runs: Mapping[Side, EndlessRun]
    count: int = 1
    #: What stands beside the disputed item in the trees over results and inputs.
    result_path: tuple[Hash32, ...] = field(init=False)
    input_path: tuple[Hash32, ...] = field(init=False)
    task: Task = field(init=False)
    terms: Terms = field(init=False)
    claim: Claim = field(init=False)
    result: Result = field(init=False)

    def build_task(self, client: Address, now: Seconds) -> Task:
        """Return the task; its claim is built with it."""
        self.result_path, self.input_path = self._draw_path(), self._draw_path()
        self.terms = Terms(
            program_id=self.program.id,
            inputs_root=self._climb(region_root(INPUT), self.input_path),
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
            count=self.count,
            price=_PRICE,
            stake=_STAKE,
            offered_until=Seconds(now + 3600),
            compute_window=Seconds(3600),
            audit_window=Seconds(3600),
            response_window=Seconds(600),
            chunk_fee=Wei(10**13),
            salt=Hash32(secrets.token_bytes(32)),
        )
        self.result = build_result(self.runs[Side.WORKER].get_state(STEPS))
        self.claim = Claim(
            results_root=self._climb(self.result.leaf(), self.result_path),
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

    @property
    def item(self) -> int:
        """Which item is disputed."""
        return self.count // 2

    @property
    def program(self) -> ProgramParts:
        """What both have run."""
        return ProgramParts.from_program(self.runs[Side.WORKER].program)

    def _tell(self, events: list[DisputeEvent]) -> History:
        asked = self._build_item().get_asked(self.program, self.terms.first_extension)
        history = tell(events, asked.hash())
        if history is None:
            message = "the challenge left no event"
            raise RuntimeError(message)
        return history

    def _plan(self, history: History, side: Side) -> Move:
        run, sender = self.runs[side], history.dispute.place.mover
        plan = choose(history.dispute, side, run, Seconds(0))
        match plan:
            case ShowEnding(points=points):
                return Open(
                    sender=sender,
                    first_extension=self.terms.first_extension,
                    program=self.program,
                    item=self._build_item(),
                    ending=build_ending(run.get_state(STEPS)),
                    points=points[:-1],
                )
            case Narrow(before=before, part=part, start=start, points=points):
                return Dissect(sender=sender, before=before, part=part, start=start, points=points)
            case ProveStep(shown=shown, index=index, step=step):
                proof = build_proof(run.program, run.get_state(step))
                return Prove(
                    sender=sender,
                    shown=shown,
                    index=index,
                    program=self.program,
                    proof=proof,
                    after=run.get_roots([step + 1])[0],
                )
            case _:
                message = f"{side.name.lower()} has no move"
                raise RuntimeError(message)

    def _build_item(self) -> ShownItem:
        return ShownItem(
            count=self.count,
            index=self.item,
            result=self.result,
            result_path=self.result_path,
            input_root=region_root(INPUT),
            input_path=self.input_path,
        )

    def _draw_path(self) -> tuple[Hash32, ...]:
        return tuple(Hash32(secrets.token_bytes(32)) for _ in range(get_depth(self.count)))

    def _climb(self, node: Hash32, path: Sequence[Hash32]) -> Hash32:
        """Return the root over the disputed item."""
        for level, sibling in enumerate(path):
            is_left = (self.item >> level) % 2 == 0
            node = keccak256(node + sibling if is_left else sibling + node)
        return node
