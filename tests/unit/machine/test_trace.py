"""Traces: any state of an execution, remembered, and stopped when nobody wants it any more."""

from __future__ import annotations

import random

import pytest

from pekanu.machine.program import Program, get_initial_state
from pekanu.machine.replay import ReplayInterrupted
from pekanu.machine.state import MachineState
from pekanu.machine.step import step
from pekanu.machine.trace import Trace
from support.machine import assemble, make_program
from support.runs import get_counter_steps, make_counter

TURNS = 700
END = get_counter_steps(TURNS)


def walk(program: Program, steps: int) -> MachineState:
    state = get_initial_state(program, b"")
    for _ in range(steps):
        step(program, state)
    return state


def test_roots__when_asked_again_after_a_release__then_the_references() -> None:
    found = Trace(make_counter(TURNS), b"")
    stops = sorted(random.Random(3).sample(range(END), 9))
    assert found.get_roots(stops) == [walk(found.program, one).root for one in stops]
    found.release()
    assert found.get_roots([0, stops[4]]) == [walk(found.program, n).root for n in (0, stops[4])]
    assert found.get_state(stops[2]).root == found.get_roots([stops[2]])[0]


def test_roots__when_the_program_has_ended__then_the_last_state_for_ever() -> None:
    found = Trace(make_counter(TURNS), b"")
    last = walk(found.program, END).root
    before, *after = found.get_roots([END - 1, END, END + 1, 1 << 40])
    assert after == [last] * 3
    assert before != last


def test_roots__when_stopped__then_it_says_so_for_ever() -> None:
    endless = make_program([assemble("jal")])
    found = Trace(endless, b"", progress=lambda _: found.stop())
    with pytest.raises(ReplayInterrupted):
        found.get_roots([1 << 59])
    with pytest.raises(ReplayInterrupted):
        found.get_state(1)
