"""The WebAssembly of single instructions: arithmetic, loads and stores.

Divisions never reach WebAssembly's own traps. Not here: jumps and where registers come from
(`function`), tests of alignment (`alignment`).
Source: RISC-V unprivileged ISA, chapters 2 and "M".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pekanu.machine.isa import Instruction, Op
from pekanu.machine.translate.wasm import Access, Body, Do

#: Writes the code that pushes a register.
Push = Callable[[int], None]

#: Of each branch: the comparison.
COMPARISONS: Final = {
    Op.BEQ: Do.I32_EQ,
    Op.BNE: Do.I32_NE,
    Op.BLT: Do.I32_LT_S,
    Op.BGE: Do.I32_GE_S,
    Op.BLTU: Do.I32_LT_U,
    Op.BGEU: Do.I32_GE_U,
}
#: Of each load and store: the access and its size in bytes.
LOADS: Final = {
    Op.LB: (Access.I32_LOAD8_S, 1),
    Op.LBU: (Access.I32_LOAD8_U, 1),
    Op.LH: (Access.I32_LOAD16_S, 2),
    Op.LHU: (Access.I32_LOAD16_U, 2),
    Op.LW: (Access.I32_LOAD, 4),
}
STORES: Final = {
    Op.SB: (Access.I32_STORE8, 1),
    Op.SH: (Access.I32_STORE16, 2),
    Op.SW: (Access.I32_STORE, 4),
}
_BINARY: Final = {
    Op.ADD: Do.I32_ADD,
    Op.SUB: Do.I32_SUB,
    Op.SLL: Do.I32_SHL,
    Op.SLT: Do.I32_LT_S,
    Op.SLTU: Do.I32_LT_U,
    Op.XOR: Do.I32_XOR,
    Op.SRL: Do.I32_SHR_U,
    Op.SRA: Do.I32_SHR_S,
    Op.OR: Do.I32_OR,
    Op.AND: Do.I32_AND,
    Op.MUL: Do.I32_MUL,
}
_IMMEDIATE: Final = {
    Op.ADDI: Do.I32_ADD,
    Op.SLTI: Do.I32_LT_S,
    Op.SLTIU: Do.I32_LT_U,
    Op.XORI: Do.I32_XOR,
    Op.ORI: Do.I32_OR,
    Op.ANDI: Do.I32_AND,
    Op.SLLI: Do.I32_SHL,
    Op.SRLI: Do.I32_SHR_U,
    Op.SRAI: Do.I32_SHR_S,
}
#: Of each high product: how the factors are widened.
_HIGH: Final = {
    Op.MULH: (Do.I64_EXTEND_S, Do.I64_EXTEND_S),
    Op.MULHSU: (Do.I64_EXTEND_S, Do.I64_EXTEND_U),
    Op.MULHU: (Do.I64_EXTEND_U, Do.I64_EXTEND_U),
}
_DIVISIONS: Final = {
    Op.DIV: Do.I32_DIV_S,
    Op.DIVU: Do.I32_DIV_U,
    Op.REM: Do.I32_REM_S,
    Op.REMU: Do.I32_REM_U,
}


def push_address(body: Body, instruction: Instruction, push: Push) -> None:
    """Push a register plus the immediate, modulo 2^32."""
    push(instruction.rs1)
    if instruction.imm:
        body.i32(instruction.imm)
        body.do(Do.I32_ADD)


def push_result(body: Body, instruction: Instruction, pc: int, push: Push) -> None:
    """Push what an instruction other than a jump writes to rd."""
    op = instruction.op
    if op in _BINARY:
        push(instruction.rs1)
        push(instruction.rs2)
        body.do(_BINARY[op])
    elif op in _IMMEDIATE:
        push(instruction.rs1)
        if instruction.imm or op in (Op.SLTI, Op.SLTIU, Op.ANDI):
            body.i32(instruction.imm)
            body.do(_IMMEDIATE[op])
    elif op in LOADS:
        push_address(body, instruction, push)
        body.access(LOADS[op][0])
    elif op == Op.LUI:
        body.i32(instruction.imm)
    elif op == Op.AUIPC:
        body.i32(pc + instruction.imm)
    elif op in _HIGH:
        for register, widen in zip((instruction.rs1, instruction.rs2), _HIGH[op], strict=True):
            push(register)
            body.do(widen)
        body.do(Do.I64_MUL)
        body.i64(32)
        body.do(Do.I64_SHR_U, Do.I32_WRAP)
    else:
        _push_division(body, instruction, push)


def _push_division(body: Body, instruction: Instruction, push: Push) -> None:
    """Push a quotient or remainder; the divisors 0 and -1 of signed ones are taken apart."""
    op, divisor = instruction.op, instruction.rs2
    is_signed = op in (Op.DIV, Op.REM)
    push(divisor)
    if is_signed:
        # The divisors 0 and -1 become 1 and 0.
        body.i32(1)
        body.do(Do.I32_ADD)
        body.i32(2)
        body.do(Do.I32_LT_U)
    else:
        body.do(Do.I32_EQZ)
    body.if_i32()
    _push_special(body, instruction, push)
    body.do(Do.ELSE)
    push(instruction.rs1)
    push(divisor)
    body.do(_DIVISIONS[op], Do.END)


def _push_special(body: Body, instruction: Instruction, push: Push) -> None:
    """Push what division by 0, or if it is signed by -1, gives."""
    op, dividend, divisor = instruction.op, instruction.rs1, instruction.rs2
    match op:
        case Op.DIVU:
            body.i32(-1)
        case Op.REMU:
            push(dividend)
        case Op.REM:
            # The dividend, or 0 for -1: the dividend and the complement of the divisor.
            push(dividend)
            push(divisor)
            body.i32(-1)
            body.do(Do.I32_XOR, Do.I32_AND)
        case _:
            # -1, or the negated dividend for -1.
            body.i32(0)
            push(dividend)
            body.do(Do.I32_SUB)
            body.i32(-1)
            push(divisor)
            body.do(Do.SELECT)
