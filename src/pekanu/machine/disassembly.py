"""Instructions as the assembler writes them, for people who read a proof or a dispute.

Not here: what they do (`instructions`).
Source: RISC-V ABIs specification, "Integer register convention".
"""

from __future__ import annotations

from typing import Final

from pekanu.machine.isa import (
    BRANCHES,
    IMMEDIATES,
    LOADS,
    MULTIPLICATIONS,
    REGISTERS,
    STORES,
    WORD_MASK,
    Instruction,
    Op,
    decode,
)

#: What the ABI calls x0 to x31.
REGISTER_NAMES: Final = (
    *("zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1"),
    *(f"a{number}" for number in range(8)),
    *(f"s{number}" for number in range(2, 12)),
    *(f"t{number}" for number in range(3, 7)),
)


def disassemble(word: int, pc: int) -> str:
    """Return the text of the instruction that a word encodes.

    Args:
        word: 32 bits.
        pc: Its address, from which a jump's target is counted.
    """
    instruction = decode(word)
    if instruction is None:
        return f".word {word:#010x}"
    operands = _format_operands(instruction, pc)
    return f"{instruction.op.mnemonic} {operands}".rstrip()


def _format_operands(instruction: Instruction, pc: int) -> str:  # noqa: PLR0911 - one a form
    family, imm = instruction.op & 0xF0, instruction.imm
    rd, rs1, rs2 = (
        REGISTER_NAMES[number] for number in (instruction.rd, instruction.rs1, instruction.rs2)
    )
    target = f"{(pc + imm) & WORD_MASK:#x}"
    if family == BRANCHES:
        return f"{rs1}, {rs2}, {target}"
    if family == LOADS or instruction.op == Op.JALR:
        return f"{rd}, {imm}({rs1})"
    if family == STORES:
        return f"{rs2}, {imm}({rs1})"
    if family == IMMEDIATES:
        return f"{rd}, {rs1}, {imm}"
    if family in (REGISTERS, MULTIPLICATIONS):
        return f"{rd}, {rs1}, {rs2}"
    if instruction.op in (Op.LUI, Op.AUIPC):
        return f"{rd}, {imm >> 12:#x}"
    return f"{rd}, {target}" if instruction.op == Op.JAL else ""
