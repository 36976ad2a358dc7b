"""The instruction set: RV32IM, which words are instructions, and where memory lies.

Not here: what the instructions do (`instructions`). Twin: contracts/machine/isa.vy.
Source: RISC-V unprivileged ISA, RV32I 2.1 and M 2.0; design/machine.md, "Instruction set".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

WORD_MASK: Final = 0xFFFF_FFFF
SIGN_BIT: Final = 0x8000_0000
#: Clears the last bit of a word.
EVEN_MASK: Final = 0xFFFF_FFFE

#: Data memory: image, input, scratch and output, one after the other.
REGION_SIZE: Final = 1 << 26
IMAGE_BASE: Final = 0
INPUT_BASE: Final = REGION_SIZE
SCRATCH_BASE: Final = 2 * REGION_SIZE
OUTPUT_BASE: Final = 3 * REGION_SIZE
MEMORY_SIZE: Final = 4 * REGION_SIZE
#: Text has a tree of its own; a program counter from here on is a fault.
TEXT_SIZE: Final = 1 << 24
#: Input and output begin with their length; their bytes follow one leaf later.
CONTENT_OFFSET: Final = 32
MAX_CONTENT_SIZE: Final = REGION_SIZE - CONTENT_OFFSET

LEAF_SIZE: Final = 32
TEXT_DEPTH: Final = 19
REGION_DEPTH: Final = 21
MEMORY_DEPTH: Final = 23

#: `a0`, the exit code, and `a7`, the number of the system call.
A0: Final = 10
A7: Final = 17
#: The system call that ends a program, as on Linux.
EXIT_CALL: Final = 93

#: The families of instructions: what their numbers in `Op` begin with.
BRANCHES: Final = 0x10
LOADS: Final = 0x20
STORES: Final = 0x30
IMMEDIATES: Final = 0x40
REGISTERS: Final = 0x50
MULTIPLICATIONS: Final = 0x60
#: Marks the second instruction of a family with the same funct3: `sub`, `sra`, `srai`.
ALTERNATIVE: Final = 8
#: Not an instruction.
ILLEGAL: Final = 0

#: The lower seven bits of an instruction, and those that are fixed words.
OPCODE_IMMEDIATES: Final = 0x13
OPCODE_REGISTERS: Final = 0x33
OPCODE_LOADS: Final = 0x03
OPCODE_STORES: Final = 0x23
OPCODE_BRANCHES: Final = 0x63
OPCODE_LUI: Final = 0x37
OPCODE_AUIPC: Final = 0x17
OPCODE_JAL: Final = 0x6F
OPCODE_JALR: Final = 0x67
OPCODE_FENCE: Final = 0x0F
WORD_ECALL: Final = 0x0000_0073
WORD_EBREAK: Final = 0x0010_0073


class Op(IntEnum):
    """An instruction: its family and its funct3."""

    BEQ = 0x10
    BNE = 0x11
    BLT = 0x14
    BGE = 0x15
    BLTU = 0x16
    BGEU = 0x17
    LB = 0x20
    LH = 0x21
    LW = 0x22
    LBU = 0x24
    LHU = 0x25
    SB = 0x30
    SH = 0x31
    SW = 0x32
    ADDI = 0x40
    SLLI = 0x41
    SLTI = 0x42
    SLTIU = 0x43
    XORI = 0x44
    SRLI = 0x45
    ORI = 0x46
    ANDI = 0x47
    SRAI = 0x4D
    ADD = 0x50
    SLL = 0x51
    SLT = 0x52
    SLTU = 0x53
    XOR = 0x54
    SRL = 0x55
    OR = 0x56
    AND = 0x57
    SUB = 0x58
    SRA = 0x5D
    MUL = 0x60
    MULH = 0x61
    MULHSU = 0x62
    MULHU = 0x63
    DIV = 0x64
    DIVU = 0x65
    REM = 0x66
    REMU = 0x67
    LUI = 0x70
    AUIPC = 0x71
    JAL = 0x72
    JALR = 0x73
    FENCE = 0x74
    ECALL = 0x75
    EBREAK = 0x76

    @property
    def mnemonic(self) -> str:
        """The assembler's name."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Instruction:
    """A decoded word. Fields that an instruction does not have are what the word holds there."""

    op: Op
    rd: int
    rs1: int
    rs2: int
    #: Signed; of `lui` and `auipc` a multiple of 4096 in [0, 2^32); of shifts in [0, 32).
    imm: int


@lru_cache(maxsize=1 << 16)
def decode(word: int) -> Instruction | None:
    """Return the instruction that a word encodes, or None if it encodes none.

    Args:
        word: 32 bits.
    """
    op = get_op(word)
    if op == ILLEGAL:
        return None
    return Instruction(
        op=Op(op),
        rd=(word >> 7) & 31,
        rs1=(word >> 15) & 31,
        rs2=(word >> 20) & 31,
        imm=get_immediate(word),
    )


def get_op(word: int) -> int:  # noqa: C901, PLR0912, PLR0915 - one branch an opcode, as the manual's table
    """Return the number of the instruction that a word encodes, or ILLEGAL."""
    opcode = word & 0x7F
    funct3 = (word >> 12) & 7
    funct7 = word >> 25
    op = ILLEGAL
    if opcode == OPCODE_IMMEDIATES:
        # The shifts have a funct7; the others have an immediate in its place.
        if funct3 not in (1, 5) or funct7 == 0:
            op = IMMEDIATES + funct3
        elif funct3 == 5 and funct7 == 0x20:
            op = IMMEDIATES + ALTERNATIVE + funct3
    elif opcode == OPCODE_REGISTERS:
        if funct7 == 0:
            op = REGISTERS + funct3
        elif funct7 == 1:
            op = MULTIPLICATIONS + funct3
        elif funct7 == 0x20 and funct3 in (0, 5):
            op = REGISTERS + ALTERNATIVE + funct3
    elif opcode == OPCODE_LOADS:
        if funct3 not in (3, 6, 7):
            op = LOADS + funct3
    elif opcode == OPCODE_STORES:
        if funct3 < 3:
            op = STORES + funct3
    elif opcode == OPCODE_BRANCHES:
        if funct3 not in (2, 3):
            op = BRANCHES + funct3
    elif opcode == OPCODE_LUI:
        op = Op.LUI
    elif opcode == OPCODE_AUIPC:
        op = Op.AUIPC
    elif opcode == OPCODE_JAL:
        op = Op.JAL
    elif opcode == OPCODE_JALR:
        if funct3 == 0:
            op = Op.JALR
    elif opcode == OPCODE_FENCE:
        # The manual has a base implementation ignore the other fields of `fence`.
        if funct3 == 0:
            op = Op.FENCE
    elif word == WORD_ECALL:
        op = Op.ECALL
    elif word == WORD_EBREAK:
        op = Op.EBREAK
    return op


def get_immediate(word: int) -> int:
    """Return the immediate of a word that encodes an instruction; 0 where it has none."""
    opcode = word & 0x7F
    imm = 0
    if opcode in (OPCODE_IMMEDIATES, OPCODE_LOADS, OPCODE_JALR):
        # I: bits 31 to 20; of a shift the lower five alone
        imm = extend_sign(word >> 20, 0x800)
        if opcode == OPCODE_IMMEDIATES and (word >> 12) & 3 == 1:
            imm = (word >> 20) & 31
    elif opcode == OPCODE_STORES:
        # S: bits 31 to 25, 11 to 7
        imm = extend_sign((word >> 25 << 5) | ((word >> 7) & 31), 0x800)
    elif opcode == OPCODE_BRANCHES:
        # B: bits 31, 7, 30 to 25, 11 to 8, and a zero
        imm = (word >> 31 << 12) | ((word >> 7) & 1) << 11
        imm = extend_sign(imm | ((word >> 25) & 63) << 5 | ((word >> 8) & 15) << 1, 0x1000)
    elif opcode in (OPCODE_LUI, OPCODE_AUIPC):
        # U: bits 31 to 12, and twelve zeros
        imm = word & 0xFFFF_F000
    elif opcode == OPCODE_JAL:
        # J: bits 31, 19 to 12, 20, 30 to 21, and a zero
        imm = (word >> 31 << 20) | (word & 0xF_F000) | ((word >> 20) & 1) << 11
        imm = extend_sign(imm | ((word >> 21) & 1023) << 1, 0x10_0000)
    return imm


def extend_sign(number: int, top: int) -> int:
    """Return the signed number whose highest bit is `top`.

    Args:
        number: Below 2 * top.
        top: A power of two.
    """
    return (number ^ top) - top
