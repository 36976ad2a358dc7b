"""Replays: the states of a run in any order, from checkpoints or without."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pekanu.machine import checkpoints as checkpoints_module
from pekanu.machine import engine
from pekanu.machine.executor import run
from pekanu.machine.program import InputTooLong, Program, get_initial_state
from pekanu.machine.replay import Replay, ReplayInterrupted
from pekanu.machine.state import Status
from pekanu.machine.step import step
from pekanu.machine.witness import build_proof
from pekanu.types import Hash32
from support.machine import assemble, make_program
from support.machine_programs import HEAP, ProgramWriter


def collect_roots(program: Program, content: bytes, most: int) -> list[Hash32]:
    """Return the reference's roots from step 0 until it ends or has taken `most` steps."""
    state = get_initial_state(program, content)
    roots = [state.root]
    while len(roots) <= most and state.status == Status.RUNNING:
        step(program, state)
        roots.append(state.root)
    return roots


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("is_kept", [False, True])
def test_get_roots__of_any_steps_in_any_order__then_those_of_the_reference(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_kept: bool
) -> None:
    monkeypatch.setattr(engine, "_FIRST", 200)
    monkeypatch.setattr(engine, "_FEW", 50)
    monkeypatch.setattr(engine, "_FIRST_STRETCH", 300)
    monkeypatch.setattr(checkpoints_module, "SPACING_SECONDS", 0.0)
    program, rng = ProgramWriter(seed).write(20), random.Random(seed)
    roots = collect_roots(program, b"abc", 3_000)
    replay = Replay(program, b"abc", checkpoints=tmp_path if is_kept else None)
    for _ in range(12):
        steps = [rng.randrange(len(roots)) for _ in range(rng.randrange(1, 8))]
        if rng.randrange(2):
            steps.sort()
        assert replay.get_roots(steps) == [roots[one] for one in steps]
    assert replay.get_state(len(roots) - 1).root == roots[-1]


def test_get_roots__beyond_the_end__then_the_last_states() -> None:
    words = [assemble("addi", rd=17, imm=93), assemble("ecall")]
    program = make_program(words)
    last = run(program, b"").state_root
    replay = Replay(program, b"")
    assert replay.get_roots([2, 3, 1 << 40, 1 << 62]) == [last] * 4
    assert replay.get_roots([1]) == [collect_roots(program, b"", 1)[1]]


def make_counting_program() -> Program:
    return make_program(
        [
            assemble("lui", rd=8, imm=HEAP),
            assemble("addi", rd=5, rs1=5, imm=1),
            assemble("sw", rs1=8, rs2=5),
            assemble("jal", imm=-8),
        ]
    )


def test_get_state__of_a_step__then_proves_what_the_references_does(tmp_path: Path) -> None:
    program = make_counting_program()
    replay = Replay(program, b"", checkpoints=tmp_path)
    state = get_initial_state(program, b"")
    for _ in range(1000):
        step(program, state)
    assert build_proof(program, replay.get_state(1000)) == build_proof(program, state)


def test_get_roots__after_a_run_that_left_checkpoints__then_few_steps_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints_module, "SPACING_SECONDS", 0.0)
    program, most = make_counting_program(), 1 << 30
    run(program, b"", max_steps=most, checkpoints=tmp_path)
    told = list[int]()
    replay = Replay(program, b"", checkpoints=tmp_path, progress=told.append)
    (root,) = replay.get_roots([most - 5])
    # The interpreter alone would have told many times.
    assert min(told) > most // 4
    assert root == run(program, b"", max_steps=most - 5).state_root


def test_get_roots__interrupted__then_given_up_and_possible_later() -> None:
    program, wanted = make_counting_program(), [True]
    replay = Replay(program, b"", interrupt=lambda: not wanted[0])
    wanted[0] = False
    with pytest.raises(ReplayInterrupted, match="interrupted at step 0"):
        replay.get_roots([1 << 30])
    wanted[0] = True
    assert replay.get_roots([500]) == [collect_roots(program, b"", 500)[500]]


def test_replay__of_too_long_an_input__is_refused() -> None:
    with pytest.raises(InputTooLong):
        Replay(make_counting_program(), bytes(1 << 26))
