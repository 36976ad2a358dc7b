"""The step: total, with traps that change nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from pekanu.machine.state import MachineState, Status
from pekanu.machine.step import run, step
from pekanu.machine.witness import build_proof
from support.machine import EDGES, Fuzzer, assemble, make_program
from support.machine_vectors import STEPS, read_program, read_state


@pytest.mark.parametrize("vector", STEPS.values(), ids=list(STEPS))
def test_step__of_a_vector__then_the_next_state_and_its_witness(vector: dict[str, Any]) -> None:
    program, state = read_program(vector), read_state(vector["before"])
    proof = build_proof(program, state)
    assert proof.before_root.hex() == vector["before"]["root"]
    assert proof.text_root.hex() == vector["text_root"]
    assert proof.witness.text_leaf.hex() == vector["witness"]["text_leaf"]
    assert proof.witness.memory_leaf.hex() == vector["witness"]["memory_leaf"]
    assert proof.witness.mask == vector["witness"]["mask"]
    assert [node.hex() for node in proof.witness.siblings] == vector["witness"]["siblings"]
    step(program, state)
    after = vector["after"]
    assert (state.pc, state.registers) == (after["pc"], after["registers"])
    assert (state.status, state.exit_code) == (after["status"], after["exit_code"])
    assert state.root.hex() == after["root"]


def test_step__of_any_state__then_one_successor_and_traps_change_nothing_else() -> None:
    fuzzer, seen = Fuzzer(11), set[Status]()
    for _ in range(40):
        program = fuzzer.make_program()
        state = MachineState(pc=program.entry, memory=fuzzer.make_memory())
        for _ in range(100):
            fuzzer.scramble(program, state)
            pc, registers = state.pc, list(state.registers)
            root = state.memory.root if fuzzer.random.randrange(20) == 0 else None
            step(program, state)
            assert state.registers[0] == 0
            assert all(0 <= number <= 0xFFFFFFFF for number in (state.pc, *state.registers))
            seen.add(state.status)
            if state.status != Status.RUNNING:
                assert (state.pc, state.registers) == (pc, registers)
                assert root in (None, state.memory.root)
                before = (state.pc, list(state.registers), state.status, state.exit_code)
                step(program, state)
                after = (state.pc, list(state.registers), state.status, state.exit_code)
                assert before == after
    assert seen == set(Status)


@pytest.mark.parametrize("pc", [0x1000000, 0x1000004, 0x80000000, 0xFFFFFFFC])
def test_step__outside_text__then_a_fetch_fault(pc: int) -> None:
    state = MachineState(pc=pc)
    step(make_program([assemble("fence")]), state)
    assert (state.status, state.pc) == (Status.FETCH_FAULT, pc)


def test_step__within_text_but_behind_the_program__then_illegal() -> None:
    state = MachineState(pc=0xFFFFFC)
    step(make_program([assemble("fence")]), state)
    assert (state.status, state.pc) == (Status.ILLEGAL, 0xFFFFFC)


def test_step__off_the_end_of_text__then_a_fetch_fault() -> None:
    program = make_program([assemble("addi", rd=1, imm=1)], base=0xFFFFFC)
    state, steps = run(program, b"", 10)
    assert (state.status, state.pc, steps) == (Status.FETCH_FAULT, 0x1000000, 2)


@pytest.mark.parametrize(
    ("name", "base", "imm", "status"),
    [
        ("lw", 0x10000000, 0, Status.LOAD_FAULT),
        ("lw", 0x0FFFFFFC, 0, Status.RUNNING),
        ("lw", 0x10000000, -4, Status.RUNNING),
        ("lbu", 0x0FFFFFFF, 0, Status.RUNNING),
        ("lbu", 0x0FFFFFFF, 1, Status.LOAD_FAULT),
        ("sb", 0xFFFFFFFF, 0, Status.STORE_FAULT),
        ("sw", 0xFFFFFFFC, 4, Status.RUNNING),  # wraps to 0
        ("lw", 0, -4, Status.LOAD_FAULT),  # wraps to the top
        ("lw", 0x10000002, 0, Status.MISALIGNED_LOAD),  # alignment comes first
        ("sh", 0xFFFFFFFF, 0, Status.MISALIGNED_STORE),
    ],
)
def test_access__near_the_borders__then_wraps_and_traps_as_designed(
    name: str, base: int, imm: int, status: Status
) -> None:
    state = MachineState(pc=0x10000)
    state.registers[1] = base
    step(make_program([assemble(name, rd=0, rs1=1, imm=imm)]), state)
    assert state.status == status


def test_store__into_text__then_the_program_stays() -> None:
    """There is no self-modifying code: stores go to data memory, whatever the address."""
    program = make_program(
        [
            assemble("lui", rd=1, imm=0x10000),
            assemble("sw", rs1=1, rs2=1, imm=8),
            assemble("addi", rd=2, imm=7),
        ]
    )
    before = program.id
    state, _ = run(program, b"", 3)
    assert (state.registers[2], state.status) == (7, Status.RUNNING)
    assert state.memory.read(0x10008, 4) == b"\0\0\1\0"
    assert program.id == before


@pytest.mark.parametrize("shift", ["sll", "srl", "sra"])
def test_shift__by_more_than_31__then_by_its_lower_five_bits(shift: str) -> None:
    """Shift amounts went unmasked elsewhere."""
    program = make_program([assemble(shift, rd=3, rs1=1, rs2=2)])
    for amount in EDGES:
        results = []
        for used in (amount, amount & 31):
            state = MachineState(pc=0x10000)
            state.registers[1:3] = [0x89ABCDEF, used]
            step(program, state)
            results.append(state.registers[3])
        assert results[0] == results[1]


def test_run__of_a_loop__then_stops_at_the_step_asked_for() -> None:
    program = make_program([assemble("addi", rd=1, rs1=1, imm=1), assemble("jal", imm=-4)])
    state, steps = run(program, b"", 1001)
    assert (steps, state.registers[1], state.pc) == (1001, 501, 0x10004)
    assert state.status == Status.RUNNING
