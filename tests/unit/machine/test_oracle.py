"""The reference against unicorn, an emulator by others.

Unicorn does not trap where this machine must, and halts nowhere; so its programs stay within the
instruction set, and its accesses aligned and within memory.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from pekanu.machine.isa import Op, decode
from pekanu.machine.program import Program, get_initial_state
from pekanu.machine.state import MachineState, Status
from pekanu.machine.step import step
from support.machine import (
    COMPUTED,
    EDGES,
    IMMEDIATE_FORMS,
    LOADED,
    MNEMONICS,
    SHIFT_FORMS,
    STORED,
    TAKEN,
    Fuzzer,
    assemble,
    make_program,
)

unicorn = pytest.importorskip("unicorn", reason="unicorn is not installed")
riscv = pytest.importorskip("unicorn.riscv_const")

TEXT, DATA = 0x10000, 0x04000000
#: x30 holds the base of data throughout; x29 the target of the next jump.
BASE_REGISTER, JUMP_REGISTER = 30, 29
LENGTH, ROOM = 400, 64


class Oracle:
    """Unicorn with a program's text and a page of data."""

    def __init__(self, program: Program, data: bytes, registers: list[int]) -> None:
        self.emulator = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
        self.emulator.mem_map(TEXT, 0x10000)
        self.emulator.mem_map(DATA, 0x2000)
        start, text = program.text[0]
        self.emulator.mem_write(start, text)
        self.emulator.mem_write(DATA, data)
        for index in range(1, 32):
            self.emulator.reg_write(riscv.UC_RISCV_REG_X0 + index, registers[index])
        self.pc = program.entry

    def run(self, steps: int) -> None:
        self.emulator.emu_start(self.pc, 0xFFFFFFFF, count=steps)
        self.pc = self.emulator.reg_read(riscv.UC_RISCV_REG_PC)

    @property
    def registers(self) -> list[int]:
        return [self.emulator.reg_read(riscv.UC_RISCV_REG_X0 + index) for index in range(32)]

    @property
    def data(self) -> bytes:
        return bytes(self.emulator.mem_read(DATA, 0x2000))


def pick_word(fuzzer: Fuzzer, place: int) -> list[int]:
    """Return an instruction for a place in the text, or a pair, that stays within it."""
    rng = fuzzer.random
    rd = rng.randrange(29)
    rs1, rs2 = rng.randrange(32), rng.randrange(32)
    name = rng.choice(MNEMONICS)
    if name in LOADED or name in STORED:
        size = LOADED[name][1] if name in LOADED else STORED[name][1]
        imm = rng.randrange(-2048, 2048) // size * size
        return [assemble(name, rd=rd, rs1=BASE_REGISTER, rs2=rs2, imm=imm)]
    if name in TAKEN or name == "jal":
        imm = 4 * rng.randrange(-min(place, 60), min(LENGTH - place, 60))
        return [assemble(name, rd=rd if name == "jal" else 0, rs1=rs1, rs2=rs2, imm=imm)]
    if name == "jalr":
        imm = 4 * rng.randrange(-min(place, 60), min(LENGTH - place, 60))
        # The lowest bit of the target is dropped.
        odd = rng.randrange(2)
        return [
            assemble("auipc", rd=JUMP_REGISTER, imm=0),
            assemble("jalr", rd=rd, rs1=JUMP_REGISTER, imm=imm | odd),
        ]
    if name in ("ecall", "ebreak"):
        return []
    return [assemble(name, rd=rd, rs1=rs1, rs2=rs2, imm=rng.getrandbits(32))]


def make_case(seed: int) -> tuple[Program, bytes, list[int]]:
    fuzzer, words = Fuzzer(seed), list[int]()
    while len(words) < LENGTH:
        words += pick_word(fuzzer, len(words))
    # Room for jumps beyond both ends; whoever gets to the last one goes back to the start.
    room = [assemble("addi")] * ROOM
    words = [*room, *words[:LENGTH], *room, assemble("jal", imm=-4 * (LENGTH + ROOM))]
    registers = [0] + [fuzzer.pick_value() for _ in range(31)]
    registers[BASE_REGISTER], registers[JUMP_REGISTER] = DATA + 0x1000, TEXT + 4 * ROOM
    return make_program(words, base=TEXT), fuzzer.random.randbytes(0x2000), registers


def make_state(program: Program, data: bytes, registers: list[int]) -> MachineState:
    state = get_initial_state(program, b"")
    state.registers = list(registers)
    state.memory.write(DATA, data)
    return state


def test_run__of_random_programs__then_as_unicorn() -> None:
    met = Counter[Op]()
    for seed in range(100):
        program, data, registers = make_case(seed)
        oracle = Oracle(program, data, registers)
        state = make_state(program, data, registers)
        rng = random.Random(seed)
        for _ in range(8):
            steps = rng.choice((1, 2, 7, 50, 400))
            for _ in range(steps):
                instruction = decode(program.get_word(state.pc))
                assert instruction is not None
                met[instruction.op] += 1
                step(program, state)
            oracle.run(steps)
            assert state.status == Status.RUNNING
            assert (state.pc, state.registers) == (oracle.pc, oracle.registers), seed
            assert state.memory.read(DATA, 0x2000) == oracle.data, seed
    assert set(met) == set(Op) - {Op.ECALL, Op.EBREAK}


@pytest.mark.parametrize("name", [*COMPUTED, *IMMEDIATE_FORMS, *SHIFT_FORMS])
def test_compute__on_edges__then_as_unicorn(name: str) -> None:
    imms = [0] if name in COMPUTED else [-2048, -1, 0, 1, 31, 2047]
    for imm in imms:
        program = make_program([assemble(name, rd=3, rs1=1, rs2=2, imm=imm)], base=TEXT)
        oracle = Oracle(program, b"", [0] * 32)
        state = get_initial_state(program, b"")
        for a in EDGES:
            for b in EDGES if name in COMPUTED else (0,):
                state.pc = oracle.pc = TEXT
                state.registers[1:3] = [a, b]
                oracle.emulator.reg_write(riscv.UC_RISCV_REG_X1, a)
                oracle.emulator.reg_write(riscv.UC_RISCV_REG_X2, b)
                step(program, state)
                oracle.run(1)
                assert state.registers[3] == oracle.registers[3], (a, b, imm)
