"""The fast executor against the reference: the same state root after any number of steps."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pekanu.machine import engine
from pekanu.machine.executor import Engine, Run, run, state_at
from pekanu.machine.isa import decode
from pekanu.machine.program import InputTooLong, Program, get_initial_state
from pekanu.machine.state import Status
from pekanu.machine.step import step
from support.machine import (
    COMPUTED,
    EDGES,
    IMMEDIATE_FORMS,
    MNEMONICS,
    SHIFT_FORMS,
    assemble,
    make_program,
)
from support.machine_programs import ENDINGS, HEAP, ProgramWriter

#: Each test of many programs takes a part of them, so that parts run side by side.
PARTS = 8
PROGRAMS = int(os.environ.get("PEKANU_TEST_PROGRAMS", "200"))
#: One in so many programs of a part runs on for more than 10^5 steps.
LONG = int(os.environ.get("PEKANU_TEST_LONG", "8"))


def translate_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have even the shortest run executed by translated code, as far as that can be."""
    monkeypatch.setattr(engine, "_FIRST", 0)
    monkeypatch.setattr(engine, "_FEW", 0)


class Trace:
    """The reference under way, with what it has executed."""

    def __init__(self, program: Program, content: bytes = b"") -> None:
        self.program = program
        self.state = get_initial_state(program, content)
        self.steps = 0
        self._places = set[int]()

    def advance(self, steps: int) -> None:
        state, program, places = self.state, self.program, self._places
        while self.steps < steps and state.status == Status.RUNNING:
            places.add(state.pc)
            step(program, state)
            self.steps += 1

    @property
    def executed(self) -> set[str]:
        words = (decode(self.program.get_word(pc)) for pc in self._places if pc < 1 << 24)
        return {word.op.name.lower() for word in words if word is not None}


def assert_same(found: Run, trace: Trace) -> None:
    state = trace.state
    assert (found.steps, found.status, found.exit_code) == (
        trace.steps,
        state.status,
        state.exit_code,
    )
    assert (found.state.pc, found.state.registers) == (state.pc, state.registers)
    assert found.state_root == state.root
    assert found.output == state.memory.get_output()


@pytest.mark.parametrize("part", range(PARTS))
def test_run__of_random_programs_to_random_steps__then_the_state_of_the_reference(
    part: int, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    executed, ends, longest = set[str](), Counter[str](), 0
    for seed in range(part, PROGRAMS, PARTS):
        rng = random.Random(seed)
        is_long = seed // PARTS % LONG == 0
        # Short runs are interpreted unless told otherwise; a third of them are.
        if seed // PARTS % 3:
            translate_at_once(monkeypatch)
        else:
            monkeypatch.undo()
        program = ProgramWriter(seed).write(10**5 if is_long else rng.randrange(1, 40))
        last = rng.randrange(100_000, 130_000) if is_long else 20_000
        trace = Trace(program)
        for stop in [*sorted(rng.randrange(last) for _ in range(2)), last]:
            trace.advance(stop)
            assert_same(run(program, b"", max_steps=stop), trace)
        assert_same(run(program, b"", max_steps=last, engine=Engine.EXACT), trace)
        executed |= trace.executed
        ends[trace.state.status.text] += 1
        longest = max(longest, trace.steps)
    record_property("instructions", sorted(executed))
    record_property("ends", dict(ends))
    assert executed >= set(MNEMONICS) - {"ecall", "ebreak", "fence"}
    assert longest >= 10**5


@pytest.mark.parametrize("ending", ENDINGS, ids=[each.name for each in ENDINGS])
def test_run__of_each_ending__then_all_engines_agree(ending: Status) -> None:
    reached = 0
    for number in range(6):
        writer = ProgramWriter(1000 + number, functions=number % 2)
        writer.ending = ending
        program = writer.write(2)
        runs = [run(program, b"", max_steps=20_000, engine=each) for each in Engine]
        assert len({(one.steps, one.state_root, one.status) for one in runs}) == 1
        reached += runs[0].status == ending
    assert reached


def load(register: int, value: int) -> list[int]:
    """Return the words that put a number into a register."""
    return [
        assemble("lui", rd=register, imm=(value + 0x800) & 0xFFFFFFFF),
        assemble("addi", rd=register, rs1=register, imm=value & 0xFFF),
    ]


EXIT = [assemble("addi", rd=17, rs1=0, imm=93), assemble("ecall")]


def check_to_the_end(words: list[int]) -> None:
    program = make_program(words + EXIT)
    trace = Trace(program)
    trace.advance(len(words) + 100)
    for each in (Engine.FAST, Engine.EXACT):
        assert_same(run(program, b"", max_steps=len(words) + 100, engine=each), trace)


@pytest.mark.parametrize("name", [*COMPUTED, *IMMEDIATE_FORMS, *SHIFT_FORMS])
def test_run__of_an_instruction_on_registers_with_all_edges__then_the_state_of_the_reference(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    translate_at_once(monkeypatch)
    rng, words = random.Random(name), load(8, HEAP)
    others = EDGES if name in COMPUTED else [0, 1, -1, 5, 31, 2047, -2048]
    for a in EDGES:
        words += load(5, a)
        for b in others:
            if name in COMPUTED:
                words += [*load(6, b), assemble(name, rd=7, rs1=5, rs2=6)]
            else:
                words.append(assemble(name, rd=7, rs1=5, imm=b))
            words.append(assemble("sw", rs1=8, rs2=7, imm=4 * rng.randrange(256)))
            words.append(assemble("addi", rd=8, rs1=8, imm=4))
            words.append(assemble("add", rd=9, rs1=9, rs2=7))
    check_to_the_end(words)


@pytest.mark.parametrize(
    "name", [name for name in MNEMONICS if name not in {*COMPUTED, *IMMEDIATE_FORMS, *SHIFT_FORMS}]
)
def test_run__of_an_instruction_that_may_trap_or_jump__then_the_state_of_the_reference(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program for each pair of operands, since a trap ends it."""
    translate_at_once(monkeypatch)
    rng = random.Random(name)
    for _ in range(24):
        a = rng.choice((*EDGES, 0x1001C, 0x10020, 0x10022))
        imm = rng.choice((0, 4, -4, 8, 2, 2047, -2048, 31))
        b = rng.choice((a, rng.choice(EDGES)))
        word = assemble(name, rd=rng.choice((0, 5, 7)), rs1=5, rs2=6, imm=imm)
        check_to_the_end([*load(5, a), *load(6, b), word, assemble("addi", rd=9, rs1=9, imm=1)])


def make_endless_program() -> Program:
    return make_program(
        [
            assemble("lui", rd=8, imm=HEAP),
            assemble("addi", rd=5, rs1=5, imm=1),
            assemble("slli", rd=6, rs1=5, imm=2),
            assemble("andi", rd=6, rs1=6, imm=0x7FC),
            assemble("add", rd=6, rs1=6, rs2=8),
            assemble("sw", rs1=6, rs2=5),
            assemble("jal", imm=-20),
        ]
    )


def test_run__interrupted__then_it_stops_early_and_tells_its_step() -> None:
    told = list[int]()
    found = run(make_endless_program(), b"", progress=told.append, interrupt=lambda: len(told) >= 3)
    assert found.status == Status.RUNNING
    assert told == sorted(told)
    assert found.steps == told[-1] == found.steps_taken


def test_run__interrupted_with_checkpoints__then_the_next_run_goes_on_at_once(
    tmp_path: Path,
) -> None:
    program, told = make_endless_program(), list[int]()
    first = run(
        program, b"", checkpoints=tmp_path, progress=told.append, interrupt=lambda: len(told) > 1
    )
    again = run(program, b"", max_steps=first.steps + 5, checkpoints=tmp_path)
    assert (again.steps, again.steps_taken) == (first.steps + 5, 5)


def test_run__with_checkpoints__then_a_later_run_begins_from_them(tmp_path: Path) -> None:
    program = make_endless_program()
    first = run(
        program,
        b"",
        checkpoints=tmp_path,
        interrupt=lambda: len([*tmp_path.rglob("*.state")]) == 2,
    )
    again = run(program, b"", max_steps=first.steps + 12_345, checkpoints=tmp_path)
    assert again.steps == first.steps + 12_345
    assert again.steps_taken < again.steps / 2
    assert again.state_root == run(program, b"", max_steps=again.steps).state_root
    middle = first.steps // 2
    state = state_at(program, b"", middle, checkpoints=tmp_path)
    assert state.root == run(program, b"", max_steps=middle).state_root
    step(program, state)
    assert state.root == state_at(program, b"", middle + 1, checkpoints=tmp_path).root


def test_run__of_too_long_an_input__is_refused() -> None:
    with pytest.raises(InputTooLong):
        run(make_endless_program(), bytes(1 << 26))


def test_run__of_no_steps__then_the_initial_state() -> None:
    program = make_endless_program()
    found = run(program, b"abc", max_steps=0)
    assert (found.steps, found.status) == (0, Status.RUNNING)
    assert found.state_root == get_initial_state(program, b"abc").root
