"""Each instruction against its meaning in the manual, on edges and at random."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pekanu.machine.program import get_initial_state
from pekanu.machine.state import MachineState, Status
from pekanu.machine.step import step
from support.machine import (
    COMPUTED,
    EDGES,
    IMMEDIATE_FORMS,
    LOADED,
    SHIFT_FORMS,
    STORED,
    TAKEN,
    assemble,
    make_program,
    words32,
)

BASE = 0x10000
MASK = 0xFFFFFFFF
immediates = st.one_of(st.sampled_from((-2048, -1, 0, 1, 31, 32, 2047)), st.integers(-2048, 2047))


def execute(word: int, *, base: int = BASE, memory: bytes = b"", **values: int) -> MachineState:
    """Return the state after one instruction; registers are given as x1=..., memory at 0x20000."""
    program = make_program([word], base=base)
    state = get_initial_state(program, b"")
    for name, value in values.items():
        state.registers[int(name[1:])] = value
    if memory:
        state.memory.write(0x20000, memory)
    step(program, state)
    return state


def check_computed(state: MachineState, expected: int) -> None:
    assert state.status == Status.RUNNING
    assert state.registers[3] == expected & MASK
    assert state.pc == BASE + 4


@pytest.mark.parametrize("name", COMPUTED)
def test_compute__on_all_pairs_of_edges__then_as_the_manual_says(name: str) -> None:
    _, _, meaning = COMPUTED[name]
    word = assemble(name, rd=3, rs1=1, rs2=2)
    program = make_program([word])
    state = get_initial_state(program, b"")
    for a in EDGES:
        for b in EDGES:
            state.pc, state.registers[1], state.registers[2] = BASE, a, b
            step(program, state)
            check_computed(state, int(meaning(a, b)))


@pytest.mark.parametrize("name", COMPUTED)
@given(a=words32, b=words32)
def test_compute__on_any_pair__then_as_the_manual_says(name: str, a: int, b: int) -> None:
    _, _, meaning = COMPUTED[name]
    state = execute(assemble(name, rd=3, rs1=1, rs2=2), x1=a, x2=b)
    check_computed(state, int(meaning(a, b)))


@pytest.mark.parametrize("name", COMPUTED)
@given(a=words32)
def test_compute__with_one_register_for_all__then_as_the_manual_says(name: str, a: int) -> None:
    _, _, meaning = COMPUTED[name]
    check_computed(execute(assemble(name, rd=3, rs1=3, rs2=3), x3=a), int(meaning(a, a)))


@pytest.mark.parametrize("name", IMMEDIATE_FORMS)
@given(a=words32, imm=immediates)
def test_compute__with_an_immediate__then_as_with_a_register(name: str, a: int, imm: int) -> None:
    _, _, meaning = COMPUTED[IMMEDIATE_FORMS[name][1]]
    state = execute(assemble(name, rd=3, rs1=1, imm=imm), x1=a)
    check_computed(state, int(meaning(a, imm & MASK)))


@pytest.mark.parametrize("name", SHIFT_FORMS)
@pytest.mark.parametrize("imm", range(32))
def test_shift__by_each_amount__then_as_with_a_register(name: str, imm: int) -> None:
    _, _, meaning = COMPUTED[SHIFT_FORMS[name]]
    for a in EDGES:
        state = execute(assemble(name, rd=3, rs1=1, imm=imm), x1=a)
        check_computed(state, int(meaning(a, imm)))


@pytest.mark.parametrize("imm", [0, 0x1000, 0x7FFFF000, 0x80000000, 0xFFFFF000])
def test_upper_immediate__at_a_border__then_placed_or_added(imm: int) -> None:
    check_computed(execute(assemble("lui", rd=3, imm=imm)), imm)
    check_computed(execute(assemble("auipc", rd=3, imm=imm)), BASE + imm)


@pytest.mark.parametrize("name", [*COMPUTED, "addi", "lui", "auipc", "lw"])
def test_compute__into_register_0__then_it_stays_0(name: str) -> None:
    state = execute(
        assemble(name, rd=0, rs1=1, rs2=2, imm=0), x1=0x20000, x2=0x1234, memory=b"\xff" * 4
    )
    assert state.registers[0] == 0
    assert state.pc == BASE + 4


@pytest.mark.parametrize("name", TAKEN)
def test_branch__on_all_pairs_of_edges__then_taken_as_the_manual_says(name: str) -> None:
    meaning = TAKEN[name][1]
    program = make_program([assemble(name, rs1=1, rs2=2, imm=-4096)])
    state = get_initial_state(program, b"")
    for a in EDGES:
        for b in EDGES:
            state.pc, state.registers[1], state.registers[2] = BASE, a, b
            step(program, state)
            assert state.pc == (BASE - 4096 if meaning(a, b) else BASE + 4)


@pytest.mark.parametrize("name", TAKEN)
def test_branch__to_a_misaligned_target__then_traps_if_taken_only(name: str) -> None:
    meaning = TAKEN[name][1]
    for a, b in ((1, 1), (1, 2), (2, 1), (MASK, 1), (1, MASK)):
        state = execute(assemble(name, rs1=1, rs2=2, imm=6), x1=a, x2=b)
        if meaning(a, b):
            assert (state.status, state.pc) == (Status.MISALIGNED_JUMP, BASE)
        else:
            assert (state.status, state.pc) == (Status.RUNNING, BASE + 4)


@pytest.mark.parametrize("imm", [-(1 << 20), -4, 0, 4, (1 << 20) - 4])
def test_jal__to_a_border__then_there_with_the_return_address(imm: int) -> None:
    state = execute(assemble("jal", rd=1, imm=imm))
    assert (state.pc, state.registers[1]) == ((BASE + imm) & MASK, BASE + 4)


def test_jal__to_a_misaligned_target__then_traps_and_writes_nothing() -> None:
    state = execute(assemble("jal", rd=1, imm=6), x1=77)
    assert (state.status, state.pc) == (Status.MISALIGNED_JUMP, BASE)
    assert state.registers[1] == 77


@pytest.mark.parametrize(
    ("a", "imm", "target"),
    [(0x100, 4, 0x104), (0x101, 0, 0x100), (0xFFFFFFFC, 8, 4), (0, -4, 0xFFFFFFFC), (3, 2, 4)],
)
def test_jalr__then_at_the_sum_with_its_last_bit_cleared(a: int, imm: int, target: int) -> None:
    # The return address may replace the register that the target came from.
    state = execute(assemble("jalr", rd=1, rs1=1, imm=imm), x1=a)
    assert (state.status, state.pc, state.registers[1]) == (Status.RUNNING, target, BASE + 4)


def test_jalr__to_a_misaligned_target__then_traps_and_writes_nothing() -> None:
    state = execute(assemble("jalr", rd=1, rs1=1, imm=0), x1=0x103)
    assert (state.status, state.pc) == (Status.MISALIGNED_JUMP, BASE)
    assert state.registers[1] == 0x103


DATA = bytes((0x80 + 37 * i) & 0xFF for i in range(64))


@pytest.mark.parametrize("name", LOADED)
@pytest.mark.parametrize("offset", range(64))
def test_load__at_each_place_of_two_leaves__then_its_bytes_or_a_trap(
    name: str, offset: int
) -> None:
    _, size, with_sign = LOADED[name]
    state = execute(assemble(name, rd=3, rs1=1, imm=offset - 32), x1=0x20020, memory=DATA)
    if offset % size:
        assert (state.status, state.pc) == (Status.MISALIGNED_LOAD, BASE)
        return
    expected = int.from_bytes(DATA[offset : offset + size], "little", signed=with_sign)
    check_computed(state, expected)


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("offset", range(64))
def test_store__at_each_place_of_two_leaves__then_its_bytes_alone_or_a_trap(
    name: str, offset: int
) -> None:
    _, size = STORED[name]
    word = assemble(name, rs1=1, rs2=2, imm=offset - 32)
    state = execute(word, x1=0x20020, x2=0xA1B2C3D4, memory=DATA)
    expected = bytearray(DATA)
    if offset % size:
        assert (state.status, state.pc) == (Status.MISALIGNED_STORE, BASE)
    else:
        assert (state.status, state.pc) == (Status.RUNNING, BASE + 4)
        expected[offset : offset + size] = (0xA1B2C3D4).to_bytes(4, "little")[:size]
    assert state.memory.read(0x20000, 64) == expected


def test_store__then_load__then_all_of_it_comes_back() -> None:
    """The right half of an unaligned store was dropped elsewhere; here none is unaligned."""
    program = make_program(
        [
            assemble("sw", rs1=1, rs2=2),
            assemble("lhu", rd=3, rs1=1, imm=2),
            assemble("lw", rd=4, rs1=1),
        ]
    )
    state = get_initial_state(program, b"")
    state.registers[1], state.registers[2] = 0x0FFFFFFC, 0x89ABCDEF
    for _ in range(3):
        step(program, state)
    assert (state.registers[3], state.registers[4]) == (0x89AB, 0x89ABCDEF)


@pytest.mark.parametrize("fields", [0, 0x0FF00000, 0xFFF00000])
def test_fence__then_goes_on(fields: int) -> None:
    state = execute(fields | 0x0F)
    assert (state.status, state.pc) == (Status.RUNNING, BASE + 4)


def test_ecall__with_exit__then_halts_with_a0() -> None:
    state = execute(assemble("ecall"), x10=0xDEADBEEF, x17=93)
    assert (state.status, state.exit_code, state.pc) == (Status.HALTED, 0xDEADBEEF, BASE)


@pytest.mark.parametrize("number", [0, 64, 92, 94, 93 | 1 << 8, 93 | 1 << 31, MASK])
def test_ecall__with_another_number__then_traps(number: int) -> None:
    state = execute(assemble("ecall"), x10=5, x17=number)
    assert (state.status, state.exit_code, state.pc) == (Status.ECALL, 0, BASE)


def test_ebreak__then_traps() -> None:
    state = execute(assemble("ebreak"))
    assert (state.status, state.pc) == (Status.BREAKPOINT, BASE)
