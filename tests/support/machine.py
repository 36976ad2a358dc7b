"""Words, values and states for tests of the machine; an assembler of single instructions.

The assembler and `COMPUTED` are written from the manual, not from the product's decoder.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable
from typing import Final

from hypothesis import strategies as st

from pekanu.machine.memory import Memory
from pekanu.machine.program import Program
from pekanu.machine.state import MachineState

#: Values where signs, carries, shift amounts and borders of memory change.
EDGES: Final = (
    0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    31,
    32,
    33,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x03FFFFFC,
    0x0FFFFFFC,
    0x0FFFFFFF,
    0x10000000,
    0x7FFFFFFF,
    0x80000000,
    0x80000001,
    0xFFFFF800,
    0xFFFFFFE0,
    0xFFFFFFFE,
    0xFFFFFFFF,
)

words32 = st.one_of(
    st.sampled_from(EDGES),
    st.integers(-64, 64).map(lambda n: n & 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
)


def signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def _quotient(a: int, b: int) -> int:
    exact = abs(a) // abs(b)
    return exact if (a < 0) == (b < 0) else -exact


#: What the register-with-register instructions compute: funct7, funct3, and rd of rs1 and rs2.
COMPUTED: Final[dict[str, tuple[int, int, Callable[[int, int], int]]]] = {
    "add": (0, 0, lambda a, b: a + b),
    "sub": (0x20, 0, lambda a, b: a - b),
    "sll": (0, 1, lambda a, b: a << b % 32),
    "slt": (0, 2, lambda a, b: signed(a) < signed(b)),
    "sltu": (0, 3, lambda a, b: a < b),
    "xor": (0, 4, lambda a, b: a ^ b),
    "srl": (0, 5, lambda a, b: a >> b % 32),
    "sra": (0x20, 5, lambda a, b: signed(a) >> b % 32),
    "or": (0, 6, lambda a, b: a | b),
    "and": (0, 7, lambda a, b: a & b),
    "mul": (1, 0, lambda a, b: a * b),
    "mulh": (1, 1, lambda a, b: (signed(a) * signed(b)) >> 32),
    "mulhsu": (1, 2, lambda a, b: (signed(a) * b) >> 32),
    "mulhu": (1, 3, lambda a, b: (a * b) >> 32),
    "div": (1, 4, lambda a, b: _quotient(signed(a), signed(b)) if b else -1),
    "divu": (1, 5, lambda a, b: a // b if b else -1),
    "rem": (1, 6, lambda a, b: signed(a) - signed(b) * _quotient(signed(a), signed(b)) if b else a),
    "remu": (1, 7, lambda a, b: a % b if b else a),
}
#: The immediate forms: funct3 and the register form that they are.
IMMEDIATE_FORMS: Final = {
    "addi": (0, "add"),
    "slti": (2, "slt"),
    "sltiu": (3, "sltu"),
    "xori": (4, "xor"),
    "ori": (6, "or"),
    "andi": (7, "and"),
}
SHIFT_FORMS: Final = {"slli": "sll", "srli": "srl", "srai": "sra"}
TAKEN: Final[dict[str, tuple[int, Callable[[int, int], bool]]]] = {
    "beq": (0, lambda a, b: a == b),
    "bne": (1, lambda a, b: a != b),
    "blt": (4, lambda a, b: signed(a) < signed(b)),
    "bge": (5, lambda a, b: signed(a) >= signed(b)),
    "bltu": (6, lambda a, b: a < b),
    "bgeu": (7, lambda a, b: a >= b),
}
#: Loads: funct3, bytes, whether the sign is extended.
LOADED: Final = {
    "lb": (0, 1, True),
    "lh": (1, 2, True),
    "lw": (2, 4, False),
    "lbu": (4, 1, False),
    "lhu": (5, 2, False),
}
#: Stores: funct3 and bytes.
STORED: Final = {"sb": (0, 1), "sh": (1, 2), "sw": (2, 4)}
FENCE: Final = 0x0FF0000F
ECALL: Final = 0x00000073
EBREAK: Final = 0x00100073
MNEMONICS: Final = (
    *COMPUTED,
    *IMMEDIATE_FORMS,
    *SHIFT_FORMS,
    *TAKEN,
    *LOADED,
    *STORED,
    *("lui", "auipc", "jal", "jalr", "fence", "ecall", "ebreak"),
)


def assemble(name: str, *, rd: int = 0, rs1: int = 0, rs2: int = 0, imm: int = 0) -> int:  # noqa: PLR0911
    """Return the word of an instruction."""
    low, source, other = rd << 7, rs1 << 15, rs2 << 20
    if name in COMPUTED:
        funct7, funct3, _ = COMPUTED[name]
        return funct7 << 25 | other | source | funct3 << 12 | low | 0x33
    if name in IMMEDIATE_FORMS:
        return (imm & 0xFFF) << 20 | source | IMMEDIATE_FORMS[name][0] << 12 | low | 0x13
    if name in SHIFT_FORMS:
        funct7, funct3, _ = COMPUTED[SHIFT_FORMS[name]]
        return funct7 << 25 | (imm & 31) << 20 | source | funct3 << 12 | low | 0x13
    if name in LOADED:
        return (imm & 0xFFF) << 20 | source | LOADED[name][0] << 12 | low | 0x03
    if name in STORED:
        upper, lower = (imm & 0xFFF) >> 5, imm & 31
        return upper << 25 | other | source | STORED[name][0] << 12 | lower << 7 | 0x23
    if name in TAKEN:
        field = (imm >> 12 & 1) << 31 | (imm >> 5 & 63) << 25
        field |= (imm >> 1 & 15) << 8 | (imm >> 11 & 1) << 7
        return field | other | source | TAKEN[name][0] << 12 | 0x63
    if name == "jal":
        field = (imm >> 20 & 1) << 31 | (imm >> 1 & 1023) << 21
        return field | (imm >> 11 & 1) << 20 | (imm >> 12 & 255) << 12 | low | 0x6F
    if name == "jalr":
        return (imm & 0xFFF) << 20 | source | low | 0x67
    if name in ("lui", "auipc"):
        return (imm & 0xFFFFF000) | low | (0x37 if name == "lui" else 0x17)
    return {"fence": FENCE, "ecall": ECALL, "ebreak": EBREAK}[name]


def make_program(
    instructions: Iterable[int], *, base: int = 0x10000, image: bytes = b"", at: int = 0x20000
) -> Program:
    """Return a program of some words of text at `base`, and a piece of data at `at`."""
    text = b"".join(struct.pack("<I", word) for word in instructions)
    return Program(text=((base, text),), image=((at, image),) if image else (), entry=base)


class Fuzzer:
    """Random words, values, programs and states, all from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def pick_value(self) -> int:
        rng = self.random
        kind = rng.randrange(8)
        if kind < 3:
            return rng.choice(EDGES)
        if kind < 4:
            return rng.randrange(-40, 40) & 0xFFFFFFFF
        if kind < 7:
            # An address in memory, mostly aligned.
            return rng.getrandbits(28) & rng.choice((~3, ~3, ~1, ~0))
        return rng.getrandbits(32)

    def pick_word(self) -> int:
        rng = self.random
        if rng.randrange(8) == 0:
            return self.pick_stray_word()
        name = rng.choice(MNEMONICS)
        return assemble(
            name,
            rd=rng.randrange(32),
            rs1=rng.randrange(32),
            rs2=rng.randrange(32),
            imm=rng.getrandbits(32) if rng.randrange(4) else rng.randrange(-16, 16) * 4,
        )

    def pick_stray_word(self) -> int:
        """Return a word that often is an instruction but for a bit or a field."""
        rng = self.random
        kind = rng.randrange(3)
        if kind == 0:
            return rng.getrandbits(32)
        if kind == 1:
            return assemble(rng.choice(MNEMONICS), rd=rng.randrange(32)) ^ 1 << rng.randrange(32)
        opcode = rng.choice((0x13, 0x33, 0x03, 0x23, 0x63, 0x67, 0x0F, 0x73))
        return rng.getrandbits(25) << 7 & ~(0x7F << 25) | rng.choice((0, 1, 32)) << 25 | opcode

    def make_program(self, length: int = 256) -> Program:
        base = self.random.choice((0, 0x10000, 0xFFFC00))
        image = self.random.randbytes(3000)
        return make_program((self.pick_word() for _ in range(length)), base=base, image=image)

    def make_memory(self) -> Memory:
        memory = Memory()
        for _ in range(24):
            memory.write(self.random.getrandbits(28) & ~31, self.random.randbytes(32))
        return memory

    def scramble(self, program: Program, state: MachineState) -> None:
        """Give a state other registers and another place, mostly in text; it runs again."""
        start, text = program.text[0]
        at_text = self.random.randrange(32)
        pc = start + 4 * self.random.randrange(len(text) // 4) if at_text else self.pick_value()
        fresh = MachineState(pc=pc)
        fresh.registers[1:] = [self.pick_value() for _ in range(31)]
        state.pc, state.registers = fresh.pc, fresh.registers
        state.status, state.exit_code = fresh.status, 0
        if self.random.randrange(4) == 0:
            state.registers[17] = 93
