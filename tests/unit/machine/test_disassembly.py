"""What people read of an instruction, in the assembler's own words."""

from __future__ import annotations

import pytest

from pekanu.machine.disassembly import REGISTER_NAMES, disassemble
from support.machine import MNEMONICS, assemble

PC = 0x10000
#: As GNU and LLVM disassemblers write them without pseudo-instructions.
EXPECTED = {
    "add": "add t0, t1, t2",
    "mulhsu": "mulhsu t0, t1, t2",
    "addi": "addi t0, t1, -8",
    "srai": "srai t0, t1, 24",
    "lw": "lw t0, -8(t1)",
    "sb": "sb t2, -8(t1)",
    "bgeu": "bgeu t1, t2, 0xfff8",
    "lui": "lui t0, 0xfffff",
    "auipc": "auipc t0, 0xfffff",
    "jal": "jal t0, 0xfff8",
    "jalr": "jalr t0, -8(t1)",
    "fence": "fence",
    "ecall": "ecall",
    "ebreak": "ebreak",
}


@pytest.mark.parametrize(("name", "text"), EXPECTED.items())
def test_disassemble__of_each_form__then_the_assemblers_text(name: str, text: str) -> None:
    assert disassemble(assemble(name, rd=5, rs1=6, rs2=7, imm=-8), PC) == text


@pytest.mark.parametrize("name", MNEMONICS)
def test_disassemble__of_every_instruction__then_its_mnemonic_comes_first(name: str) -> None:
    assert disassemble(assemble(name, rd=5, rs1=6, rs2=7), PC).split()[0] == name


def test_disassemble__of_no_instruction__then_the_word() -> None:
    assert disassemble(0xFFFFFFFF, PC) == ".word 0xffffffff"
    assert disassemble(0, PC) == ".word 0x00000000"


def test_register_names__are_the_abis() -> None:
    assert len(set(REGISTER_NAMES)) == 32
    numbers = {"sp": 2, "s0": 8, "a0": 10, "a7": 17, "s2": 18, "s11": 27, "t3": 28, "t6": 31}
    assert {name: REGISTER_NAMES.index(name) for name in numbers} == numbers
