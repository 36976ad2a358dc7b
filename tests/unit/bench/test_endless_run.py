"""The states that the dispute's benchmark knows at once are those that the machine comes to."""

from __future__ import annotations

from pekanu.bench.endless_run import LOOP_BEGINS, EndlessRun
from pekanu.dispute.ending import build_ending
from pekanu.machine.isa import MEMORY_DEPTH, REGION_DEPTH, TEXT_DEPTH
from pekanu.machine.step import step
from pekanu.machine.witness import build_proof


def test_states__when_stepped_to__then_the_machines() -> None:
    run = EndlessRun()
    for begin in (LOOP_BEGINS - 5, LOOP_BEGINS, LOOP_BEGINS + 3 * (1 << 33)):
        state = run.get_state(begin).copy()
        for place in range(begin + 1, begin + 8):
            step(run.program, state)
            assert run.get_roots([place]) == [state.root]


def test_proof__of_its_store__then_no_sibling_is_left_out() -> None:
    run = EndlessRun()
    proof = build_proof(run.program, run.get_state(LOOP_BEGINS + 1))
    assert len(proof.witness.siblings) == TEXT_DEPTH + MEMORY_DEPTH
    assert len(build_ending(run.get_state(1 << 40)).siblings) == REGION_DEPTH
