"""Which words are instructions: all of RV32IM, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pekanu.machine.isa import Op, decode
from support.machine import (
    COMPUTED,
    EBREAK,
    ECALL,
    FENCE,
    LOADED,
    MNEMONICS,
    STORED,
    TAKEN,
    assemble,
)

registers = st.integers(0, 31)


def test_op__of_all__then_the_manuals_instructions() -> None:
    assert {op.mnemonic for op in Op} == set(MNEMONICS)
    assert len(Op) == 48


@pytest.mark.parametrize("name", MNEMONICS)
@given(rd=registers, rs1=registers, rs2=registers, imm=st.integers(-(1 << 31), (1 << 31) - 1))
def test_decode__of_an_instruction__then_its_fields(
    name: str, rd: int, rs1: int, rs2: int, imm: int
) -> None:
    found = decode(assemble(name, rd=rd, rs1=rs1, rs2=rs2, imm=imm))
    assert found is not None
    assert found.op.mnemonic == name
    if name in ("fence", "ecall", "ebreak"):
        return
    if name not in STORED and name not in TAKEN:
        assert found.rd == rd
    if name not in ("lui", "auipc", "jal"):
        assert found.rs1 == rs1
    if name in COMPUTED or name in STORED or name in TAKEN:
        assert found.rs2 == rs2
    if name in COMPUTED:
        return
    # A second assembly puts the immediate where the first one did.
    again = assemble(name, rd=rd, rs1=rs1, rs2=rs2, imm=found.imm)
    assert again == assemble(name, rd=rd, rs1=rs1, rs2=rs2, imm=imm)


@pytest.mark.parametrize(
    ("name", "imm"),
    [
        *((name, imm) for name in ("addi", "lw", "sw", "jalr") for imm in (-2048, -1, 0, 1, 2047)),
        *((name, imm) for name in ("slli", "srli", "srai") for imm in (0, 1, 16, 31)),
        *((name, imm) for name in TAKEN for imm in (-4096, -2, 0, 2, 2046, 2048, 4094)),
        *(("jal", imm) for imm in (-(1 << 20), -2, 0, 2, 2046, 2048, 4096, (1 << 20) - 2)),
        *((name, imm) for name in ("lui", "auipc") for imm in (0, 0x1000, 0x7FFFF000, 0xFFFFF000)),
    ],
)
def test_decode__of_an_immediate_at_a_border__then_it(name: str, imm: int) -> None:
    found = decode(assemble(name, rd=1, rs1=2, rs2=3, imm=imm))
    assert found is not None
    assert found.imm == imm


def test_decode__over_all_fields__then_legal_where_the_manual_says() -> None:
    fixed = {0x33: {(f7, f3) for f7, f3, _ in COMPUTED.values()}}
    fixed[0x13] = {(f7, f3) for f3 in (0, 2, 3, 4, 6, 7) for f7 in range(128)}
    fixed[0x13] |= {(0, 1), (0, 5), (0x20, 5)}
    any_funct7 = {
        0x03: {funct3 for funct3, *_ in LOADED.values()},
        0x23: {funct3 for funct3, _ in STORED.values()},
        0x63: {funct3 for funct3, _ in TAKEN.values()},
        0x67: {0},
        0x0F: {0},
        0x37: set(range(8)),
        0x17: set(range(8)),
        0x6F: set(range(8)),
    }
    for opcode in range(128):
        legal = fixed.get(opcode, set())
        legal |= {(f7, f3) for f3 in any_funct7.get(opcode, ()) for f7 in range(128)}
        for funct7 in range(128):
            for funct3 in range(8):
                # Registers that are not zero, so that the fixed words are not met.
                word = funct7 << 25 | 0x15 << 20 | 0x0A << 15 | funct3 << 12 | 0x11 << 7 | opcode
                assert (decode(word) is not None) == ((funct7, funct3) in legal), hex(word)


@pytest.mark.parametrize("word", [ECALL, EBREAK])
def test_decode__of_a_fixed_word_with_one_bit_changed__then_none(word: int) -> None:
    assert decode(word) is not None
    for bit in range(7, 32):
        other = word ^ 1 << bit
        assert decode(other) is None or other in (ECALL, EBREAK)


@pytest.mark.parametrize(
    "word",
    [
        0x00000000,  # what is not text
        0xFFFFFFFF,
        0x0000100F,  # fence.i
        0x30200073,  # mret
        0x10500073,  # wfi
        0xC0002573,  # rdcycle
        0x00001013 | 1 << 25,  # slli by 32 and more, as RV64 has it
        0x00005013 | 1 << 25,
        0x40001013,  # slli with the funct7 of srai
        0x02000013 | 1 << 12,
        0x00003003,  # ld
        0x00006003,  # lwu
        0x00003023,  # sd
        0x00001067,  # jalr with another funct3
        0x00002063,  # branches that are none
        0x00003063,
        0x40001033,  # sll with the funct7 of sub
        0x00000033 | 3 << 25,
        0x0000003B,  # addw
        0x1000202F,  # lr.w
        0x00000007,  # flw and its like
        0x00000001,  # compressed
    ],
)
def test_decode__of_another_extensions_word__then_none(word: int) -> None:
    assert decode(word) is None


@pytest.mark.parametrize("word", [FENCE, 0x0000000F, 0x8330000F, 0x0FF08F8F])
def test_decode__of_a_fence_with_reserved_fields__then_a_fence(word: int) -> None:
    found = decode(word)
    assert found is not None
    assert found.op == Op.FENCE
