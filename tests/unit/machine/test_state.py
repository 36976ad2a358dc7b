"""States, their packing and programs' ids, against the vectors."""

from __future__ import annotations

from typing import Any

import pytest

from pekanu.machine.program import (
    InputTooLong,
    InvalidProgram,
    Program,
    get_initial_state,
)
from pekanu.machine.state import MachineState, Status, pack_registers, pack_status, write
from support.machine_vectors import VECTORS, read_program, read_state


@pytest.mark.parametrize("vector", VECTORS["states"])
def test_root__of_a_vector__then_equal(vector: dict[str, Any]) -> None:
    state = read_state(vector)
    assert state.memory.root.hex() == vector["memory_root"]
    assert (
        b"".join(n.to_bytes(32, "big") for n in pack_registers(state)).hex()
        == (vector["packed_registers"])
    )
    assert f"{pack_status(state):064x}" == vector["status_word"]
    assert state.root.hex() == vector["root"]


@pytest.mark.parametrize("vector", VECTORS["programs"])
def test_id__of_a_vector__then_equal(vector: dict[str, Any]) -> None:
    program = read_program(vector, vector["image"])
    assert program.text_root.hex() == vector["text_root"]
    assert program.image_root.hex() == vector["image_root"]
    assert program.id.hex() == vector["id"]


def test_root__then_each_part_counts() -> None:
    roots = {MachineState(pc=0).root}
    for index in range(1, 32):
        state = MachineState(pc=0)
        write(state, index, 1)
        roots.add(state.root)
    for changed in (MachineState(pc=4), MachineState(pc=0, exit_code=1)):
        roots.add(changed.root)
    roots |= {MachineState(pc=0, status=status).root for status in Status}
    state = MachineState(pc=0)
    state.memory.set_leaf(0, 1)
    roots.add(state.root)
    assert len(roots) == 1 + 31 + 2 + 10 + 1


def test_write__to_register_0__then_nothing() -> None:
    state = MachineState(pc=0)
    write(state, 0, 5)
    assert state.registers[0] == 0


def test_status__then_its_text() -> None:
    assert [status.text for status in Status][:3] == ["running", "halted", "trapped:illegal"]
    assert Status.LOAD_FAULT.text == "trapped:load_fault"


def test_initial_state__then_image_and_input_are_in_place() -> None:
    program = Program(text=((0, b"\x73\0\0\0"),), image=((4096, b"data"),), entry=0)
    state = get_initial_state(program, b"hello")
    assert state.memory.read(4096, 4) == b"data"
    assert state.memory.read(0x04000000, 4) == b"\5\0\0\0"
    assert state.memory.read(0x04000020, 6) == b"hello\0"
    assert state.registers == [0] * 32
    assert state.status == Status.RUNNING


def test_initial_state__on_an_input_that_does_not_fit__then_refused() -> None:
    program = Program(text=((0, b"\x73\0\0\0"),), image=(), entry=0)
    with pytest.raises(InputTooLong, match="67108833"):
        get_initial_state(program, bytes((1 << 26) - 31))


@pytest.mark.parametrize(
    ("text", "entry", "reason"),
    [
        (((0, bytes(8)),), 8, "outside its text"),
        (((0, bytes(8)),), 2, "no multiple of 4"),
        (((0, bytes(8)), (4, bytes(8))), 0, "two segments"),
        ((((1 << 24) - 4, bytes(8)),), (1 << 24) - 4, "beyond"),
        ((), 0, "outside its text"),
    ],
)
def test_program__of_parts_that_do_not_fit__then_refused(
    text: tuple[tuple[int, bytes], ...], entry: int, reason: str
) -> None:
    with pytest.raises(InvalidProgram, match=reason):
        Program(text=text, image=(), entry=entry)
