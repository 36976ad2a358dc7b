"""Checkpoints: what is kept of a run, when there is little room, and when a file is damaged."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from pekanu.machine.checkpoints import Checkpoints, evict
from pekanu.machine.engine import Beginning, Machine
from pekanu.machine.program import Program, get_initial_state
from pekanu.machine.step import step
from support.machine import assemble, make_program
from support.machine_programs import HEAP


def make_writing_program() -> Program:
    """Return a program that writes a number into ever further pages, and over older ones."""
    words = [
        assemble("lui", rd=8, imm=HEAP),
        assemble("lui", rd=7, imm=0x10000),
        assemble("addi", rd=5, rs1=5, imm=1),
        assemble("slli", rd=6, rs1=5, imm=10),
        assemble("remu", rd=6, rs1=6, rs2=7),
        assemble("add", rd=6, rs1=6, rs2=8),
        assemble("sw", rs1=6, rs2=5),
        assemble("jal", imm=-20),
    ]
    return make_program(words)


PROGRAM = make_writing_program()
STOPS = [100 * number for number in range(1, 30)]


def leave(folder: Path, *, most_bytes: int = 1 << 30) -> Checkpoints:
    """Run and leave a checkpoint at each stop."""
    checkpoints = Checkpoints(folder, PROGRAM, b"", most_bytes=most_bytes)
    machine = Machine(PROGRAM, checkpoints.find(0, Beginning(PROGRAM, b"")), None)
    checkpoints.begin(machine)
    for stop in STOPS:
        machine.advance(stop - machine.steps)
        checkpoints.offer(machine, at_once=True)
    return checkpoints


def assert_right(folder: Path, steps: int) -> int:
    """Check the state after some steps against the reference; return where it was begun."""
    start = Checkpoints(folder, PROGRAM, b"").find(steps, Beginning(PROGRAM, b""))
    machine = Machine(PROGRAM, start, None)
    begun = machine.steps
    machine.advance(steps - begun)
    state = get_initial_state(PROGRAM, b"")
    for _ in range(steps):
        step(PROGRAM, state)
    assert machine.get_state().root == state.root
    return begun


@pytest.mark.parametrize("steps", [0, 1, 99, 100, 101, 1_550, 2_900, 2_999])
def test_find__of_a_step__then_the_last_checkpoint_up_to_it(tmp_path: Path, steps: int) -> None:
    leave(tmp_path)
    assert assert_right(tmp_path, steps) == steps // 100 * 100


def test_leave__without_room__then_fewer_checkpoints_and_still_the_right_states(
    tmp_path: Path,
) -> None:
    whole = leave(tmp_path / "whole")
    most = sum(path.stat().st_size for path in (tmp_path / "whole").rglob("*")) // 4
    part = leave(tmp_path / "part", most_bytes=most)
    assert 1 < len(part.steps) < len(whole.steps)
    assert sum(path.stat().st_size for path in (tmp_path / "part").rglob("*.state")) <= most
    for steps in random.Random(1).sample(range(3_000), 5):
        assert_right(tmp_path / "part", steps)


@pytest.mark.parametrize("damage", ["cut", "empty", "other", "gone", "head", "page", "open"])
def test_find__with_a_damaged_file__then_an_earlier_checkpoint(tmp_path: Path, damage: str) -> None:
    checkpoints = leave(tmp_path)
    path = sorted(tmp_path.rglob("*.state"))[9]
    content = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(content[:-1])
        case "empty":
            path.write_bytes(b"")
        case "other":
            path.write_bytes(b"x" * len(content))
        case "head":
            path.write_bytes(content[:60] + bytes([content[60] ^ 1]) + content[61:])
        case "page":
            path.write_bytes(content[:-1000] + bytes([content[-1000] ^ 1]) + content[-999:])
        case "open":
            path.chmod(0o666)
        case _:
            path.unlink()
    assert len(checkpoints.steps) == len(STOPS)
    # Whatever builds on it is of no use either, unless it has newer copies of the damaged pages.
    assert assert_right(tmp_path, 1_050) == 900
    assert assert_right(tmp_path, 2_950) == (2_900 if damage == "page" else 900)


def test_find__of_files_that_another_process_merges__then_the_right_state(tmp_path: Path) -> None:
    most = sum(path.stat().st_size for path in leave(tmp_path)._folder.glob("*")) // 3
    mine = Checkpoints(tmp_path, PROGRAM, b"")
    early = mine.find(1_000, Beginning(PROGRAM, b""))
    theirs = Checkpoints(tmp_path, PROGRAM, b"", most_bytes=most)
    machine = Machine(PROGRAM, theirs.find(2_900, Beginning(PROGRAM, b"")), None)
    theirs.begin(machine)
    machine.advance(100)
    theirs.offer(machine, at_once=True)
    assert len(theirs.steps) < len(mine.steps) // 2
    # What was found is still there; what is looked for later is not mixed up with what replaced it.
    for start, step_found in ((early, 1_000), (mine.find(2_000, Beginning(PROGRAM, b"")), None)):
        machine = Machine(PROGRAM, start, None)
        assert step_found in (None, machine.steps)
        state = get_initial_state(PROGRAM, b"")
        for _ in range(machine.steps):
            step(PROGRAM, state)
        assert machine.get_state().root == state.root


def test_find__of_another_input_or_program__then_the_beginning(tmp_path: Path) -> None:
    leave(tmp_path)
    other = make_program([assemble("jal", imm=0)])
    for program, content in ((PROGRAM, b"x"), (other, b"")):
        beginning = Beginning(program, content)
        assert Checkpoints(tmp_path, program, content).find(500, beginning) is beginning


def test_offer__before_it_is_time__then_nothing_is_left(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, PROGRAM, b"", spacing_seconds=1e6)
    machine = Machine(PROGRAM, Beginning(PROGRAM, b""), None)
    checkpoints.begin(machine)
    machine.advance(500)
    checkpoints.offer(machine)
    assert not checkpoints.steps


def test_offer__where_nothing_can_be_written__then_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    checkpoints = Checkpoints(tmp_path / "file", PROGRAM, b"")
    machine = Machine(PROGRAM, Beginning(PROGRAM, b""), None)
    checkpoints.begin(machine)
    machine.advance(500)
    checkpoints.offer(machine, at_once=True)
    assert not checkpoints.steps


def test_evict__without_room__then_the_runs_longest_left_alone_are_gone(tmp_path: Path) -> None:
    evict(tmp_path / "missing")
    for age, name in enumerate(("new", "middle", "old")):
        run = tmp_path / name
        run.mkdir()
        # The other one was being written when its process was killed.
        (run / "1.state").write_bytes(bytes(400))
        (run / "tmpfile").write_bytes(bytes(100))
        os.utime(run, (1000 - age, 1000 - age))
    evict(tmp_path, 1500)
    assert len([*tmp_path.glob("*/*")]) == 6
    evict(tmp_path, 1499)
    assert sorted(path.name for path in tmp_path.glob("*")) == ["middle", "new"]
