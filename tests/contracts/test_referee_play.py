"""Every play of small disputes: whatever the other does, the honest party wins, at both seats.

The other lies at every place, in every combination, picks every part, proves whatever it can, or
falls silent at any move; contract and pure game are held to each other at each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product

import pytest

from pekanu.dispute.dissection import get_ends
from pekanu.dispute.game import Outcome
from pekanu.dispute.moves import Dissect, Move, Prove, TimeOut
from pekanu.dispute.place import Side, Turn
from pekanu.errors import Rejected
from pekanu.types import Hash32, Seconds
from support.referee import BOND, RefereeWorld
from support.runs import KnownRun, lie_about, make_counter, scramble
from support.world import CHALLENGER, CLIENT, PRICE, STAKE, STRANGER, WORKER

PROGRAM = make_counter(3)


@dataclass
class Explorer:
    """One world, one honest side, and what the other can say."""

    world: RefereeWorld
    key: Hash32
    honest: Side
    #: What the honest side knows, and what the other claims.
    true: KnownRun
    false: KnownRun
    seen: set[object] = field(default_factory=set)
    ends: set[str] = field(default_factory=set)

    @property
    def sender(self) -> str:
        return CHALLENGER if self.honest is Side.WORKER else WORKER

    def explore(self) -> None:
        dispute = self.world.cases[self.key].dispute
        if dispute.outcome is not None:
            self.judge(dispute.outcome)
            return
        place = replace(dispute.place, deadline=Seconds(0))
        position = (place.to_words(), dispute.root)
        if position in self.seen:
            return
        self.seen.add(position)
        if dispute.place.turn.side is self.honest:
            sender = CHALLENGER if self.honest is Side.CHALLENGER else WORKER
            run = self.true
            move = self.world.plan(self.key, self.honest, run, sender)
            assert move is not None, "the honest party has no move"
            self.go(move)
            return
        for move in self.list_moves():
            self.try_move(move)
        self.fall_silent()

    def go(self, move: Move) -> None:
        with self.world.branch():
            self.world.move(self.key, move)
            if self.world.cases[self.key].dispute.outcome is not None:
                self.ends.add(type(move).__name__)
            self.explore()

    def try_move(self, move: Move) -> None:
        with self.world.branch():
            try:
                self.world.move(self.key, move)
            except Rejected:
                return
            if self.world.cases[self.key].dispute.outcome is not None:
                self.ends.add(type(move).__name__)
            self.explore()

    def fall_silent(self) -> None:
        """Let the clock run out; not a second earlier is it over."""
        deadline = self.world.cases[self.key].dispute.place.deadline
        with self.world.branch():
            self.world.pass_to(deadline)
            with pytest.raises(Rejected, match="too early"):
                self.world.move(self.key, TimeOut(sender=STRANGER))
            self.world.pass_to(deadline + 1)
            for move in self.list_moves():
                with pytest.raises(Rejected):
                    self.world.move(self.key, move)
                break
            self.go(TimeOut(sender=STRANGER))

    def list_moves(self) -> Iterator[Move]:
        dispute = self.world.cases[self.key].dispute
        if dispute.place.turn is Turn.OPENING:
            ends = get_ends(0, dispute.place.last, dispute.most)
            for points in product(*(self.list_roots(end) for end in ends[:-1])):
                yield self.world.build_open(self.key, points, self.false.ending)
            return
        claimed = dispute.dissection
        assert claimed is not None
        for index in range(len(claimed.points)):
            first, last = claimed.get_part(index)
            if last - first == 1:
                yield from self.list_proofs(index, first)
                continue
            ends = get_ends(first, last, dispute.most)
            for points in product(*(self.list_roots(end) for end in ends)):
                yield self.build_dissect(index, claimed.get_start(index), points)
            yield self.build_dissect(
                index, lie_about("start", first), tuple(self.true.get_roots(ends))
            )

    def build_dissect(self, part: int, start: Hash32, points: tuple[Hash32, ...]) -> Dissect:
        before = self.world.cases[self.key].dispute.root
        return Dissect(sender=self.sender, before=before, part=part, start=start, points=points)

    def list_roots(self, step: int) -> list[Hash32]:
        """Return what can be said of a step: the truth, a state of the lie, no state at all."""
        found = {self.true.roots[step], self.false.roots[step], lie_about("play", step)}
        return sorted(found)

    def list_proofs(self, index: int, step: int) -> Iterator[Prove]:
        claimed = self.world.cases[self.key].dispute.dissection
        assert claimed is not None
        for run in (self.true, self.false):
            if run.roots[step] == claimed.get_start(index):
                proof = run.build_proof(step)
                yield self.world.build_prove(self.key, self.sender, index, proof)
                yield self.world.build_prove(self.key, STRANGER, index, proof)

    def judge(self, outcome: Outcome) -> None:
        world = self.world
        if self.honest is Side.WORKER:
            assert outcome is Outcome.UPHELD
            assert world.get_gains() == {CLIENT: -PRICE, WORKER: BOND - STAKE}
        else:
            assert outcome is Outcome.REFUTED
            assert world.get_gains() == {CLIENT: STAKE - STAKE // 2, WORKER: -STAKE}
            assert world.ledger.get(CHALLENGER) == BOND + STAKE // 2
        assert world.ledger.locked == (world.task.price + STAKE) * (outcome is Outcome.UPHELD)


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8])
def test_play__when_the_challenger_is_honest__then_every_lie_of_the_worker_loses(
    steps: int, parts: int
) -> None:
    true = KnownRun(PROGRAM, b"", steps)
    for departs in range(1, steps + 1):
        false = KnownRun(PROGRAM, b"", steps, departs=departs, change=scramble)
        explorer = start(true, false, parts, Side.CHALLENGER)
        explorer.explore()
        assert {"TimeOut", "Prove"} <= explorer.ends
        # The worker has a part to dissect only where the challenger's was longer than a step.
        assert ("Expose" in explorer.ends) == (steps > parts * parts)


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8])
def test_play__when_the_worker_is_honest__then_every_lie_of_a_challenger_loses(
    steps: int, parts: int
) -> None:
    true = KnownRun(PROGRAM, b"", steps)
    for departs in range(1, steps + 1):
        false = KnownRun(PROGRAM, b"", steps, departs=departs, change=scramble)
        explorer = start(true, false, parts, Side.WORKER)
        explorer.explore()
        assert {"TimeOut", "Prove"} <= explorer.ends
        assert ("Expose" in explorer.ends) == (steps > parts)


def start(true: KnownRun, false: KnownRun, parts: int, honest: Side) -> Explorer:
    """Return the play after the challenge; the worker claims what its seat makes it claim."""
    claimed = true if honest is Side.WORKER else false
    world = RefereeWorld([true], [claimed.result], parts=parts)
    world.deliver()
    key = world.challenge()
    return Explorer(world=world, key=key, honest=honest, true=true, false=false)
