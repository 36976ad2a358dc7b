"""A program whose input's first byte says how it ends; it always echoes the input first.

``s`` halts with 0, ``f`` with 3, ``t`` hits `ebreak`, ``l`` loops for ever, ``g`` leaves a byte
beyond the output's length, which makes it no output, and halts with 0.
"""

from __future__ import annotations

from typing import Final

from pekanu.machine.elf import load_elf
from pekanu.machine.program import Program
from support.elf import pack_program
from support.machine_programs import BASE, Assembly


def _assemble() -> bytes:
    code = Assembly()
    code.emit("lui", rd=8, imm=0x04000000)
    code.emit("lui", rd=9, imm=0x0C000000)
    code.emit("lw", rd=5, rs1=8)
    code.emit("sw", rs1=9, rs2=5)
    code.emit("lbu", rd=7, rs1=8, imm=32)
    code.emit("add", rd=5, rs1=5, rs2=8)
    code.mark("copy")
    code.emit("bgeu", rs1=8, rs2=5, to="copied")
    code.emit("lbu", rd=6, rs1=8, imm=32)
    code.emit("sb", rs1=9, rs2=6, imm=32)
    code.emit("addi", rd=8, rs1=8, imm=1)
    code.emit("addi", rd=9, rs1=9, imm=1)
    code.emit("jal", to="copy")
    code.mark("copied")
    code.emit("addi", rd=17, imm=93)
    for letter, label in (("f", "fail"), ("t", "trap"), ("l", "loop"), ("g", "garble")):
        code.emit("addi", rd=6, imm=ord(letter))
        code.emit("beq", rs1=7, rs2=6, to=label)
    code.mark("end")
    code.emit("ecall")
    code.mark("fail")
    code.emit("addi", rd=10, imm=3)
    code.emit("jal", to="end")
    code.mark("trap")
    code.emit("ebreak")
    code.mark("loop")
    code.emit("addi", rd=11, rs1=11, imm=1)
    code.emit("jal", to="loop")
    code.mark("garble")
    code.emit("sb", rs1=9, rs2=17, imm=40)
    code.emit("jal", to="end")
    return code.to_text()


MOODY_ELF: Final = pack_program(Program(text=((BASE, _assemble()),), image=(), entry=BASE))
MOODY: Final = load_elf(MOODY_ELF)
