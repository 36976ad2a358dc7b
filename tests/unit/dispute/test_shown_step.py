"""The step that a proof shows: read without the program, it is the reference's."""

from __future__ import annotations

import pytest

from pekanu import contracts
from pekanu.chain.shown_step import read_shown_step
from pekanu.dispute.dissection import Dissection
from pekanu.dispute.moves import encode_proof
from pekanu.dispute.shown_step import read_step
from pekanu.machine.program import get_initial_state
from pekanu.machine.step import step
from pekanu.machine.witness import build_proof
from pekanu.types import ZERO_HASH
from support.machine import assemble, make_program
from support.runs import OUT, make_counter

#: Counts, stores a number and reads it again, then jumps where nothing is.
WORDS = [
    assemble("lui", rd=OUT, imm=0x0C000000),
    assemble("addi", rd=7, imm=0x123),
    assemble("sw", rs1=OUT, rs2=7, imm=36),
    assemble("lw", rd=8, rs1=OUT, imm=36),
    assemble("lw", rd=8, rs1=OUT, imm=37),
]
PROGRAMS = {"counter": make_counter(3), "accesses": make_program(WORDS)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_read__at_every_step_of_a_program__then_registers_and_memory_are_the_references(
    name: str,
) -> None:
    program = PROGRAMS[name]
    state = get_initial_state(program, b"")
    for _ in range(30):
        proof = build_proof(program, state)
        before = state.copy()
        step(program, state)
        shown = read_step(proof.state, proof.witness.text_leaf, proof.witness.memory_leaf)
        assert shown.before.registers == tuple(before.registers)
        assert (shown.after.pc, shown.after.registers) == (state.pc, tuple(state.registers))
        assert (shown.after.status, shown.after.exit_code) == (state.status.text, state.exit_code)
        if shown.address is not None:
            leaf = state.memory.get_leaf(shown.address >> 5).to_bytes(32, "little")
            assert shown.leaf_after == leaf
    assert shown.instruction == ""


def test_read__from_calldata_of_either_call__then_the_same_step() -> None:
    program = PROGRAMS["accesses"]
    state = get_initial_state(program, b"")
    step(program, state)
    step(program, state)
    proof = build_proof(program, state)
    last = Dissection(first=2, last=3, start=ZERO_HASH, points=(ZERO_HASH,)).to_abi()
    zero = "0x" + "0" * 40
    call = contracts.load("BisectionReferee").functions["prove_bisection"]
    data = call.encode(
        (0, 0, 0), zero, last, 0, encode_proof(proof), zero, ZERO_HASH, program.text_root
    )
    shown = read_shown_step(data)
    assert shown is not None
    assert shown.instruction == "sw t2, 36(t0)"
    assert shown.address == 0x0C000024
    assert read_shown_step(data[:-200]) is None
    assert read_shown_step(b"\0\0\0\0" + data) is None
