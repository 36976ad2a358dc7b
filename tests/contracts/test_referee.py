"""The bisection referee: each lie loses at both seats, with the money of the market."""

from __future__ import annotations

from pekanu.dispute.game import Outcome
from support.referee import BOND, RefereeWorld
from support.runs import KnownRun, get_counter_steps, make_counter, scramble
from support.world import CLIENT, PRICE, STAKE, WORKER

TURNS = 20
HALT = get_counter_steps(TURNS)
PROGRAM = make_counter(TURNS)


def test_play__when_the_worker_is_right__then_it_gets_the_bond() -> None:
    true = KnownRun(PROGRAM, b"", HALT + 5)
    false = KnownRun(PROGRAM, b"", HALT + 5, departs=7, change=scramble)
    world = RefereeWorld([true])
    world.deliver()
    key = world.challenge()
    assert world.play(key, true, false) is Outcome.UPHELD
    assert world.get_gains() == {CLIENT: -PRICE, WORKER: BOND - STAKE}
