"""The exact tier: an interpreter that stops at any step, on the same memory as the fast tier.

It runs what the translated code leaves: the last steps before a stop, targets of jumps that
nobody foresaw, and every step that might trap. It decodes on its own, so that it is a second
opinion on the reference as well; numba compiles it and keeps the result beside this file.

Not here: what the instructions mean (`instructions`), who calls this and when (`executor`).
Source: design/machine.md, "Fast executor".
"""

# One loop over all instructions, with plain comparisons, is what compiles to fast code.
# ruff: noqa: C901, PLR0912, PLR0915, PLR1714, SIM109

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint32]
Code: TypeAlias = NDArray[np.uint64]

#: Places in the array of a hart's state: x0 to x31, then these.
PC: Final = 32
STATUS: Final = 33
EXIT_CODE: Final = 34
STATE_WORDS: Final = 35

#: What the interpreter writes to STATUS: 0 is running, 1 halted, the rest are causes of traps.
RUNNING: Final = 0
HALTED: Final = 1
ILLEGAL: Final = 2
BREAKPOINT: Final = 3
BAD_CALL: Final = 4
MISALIGNED_JUMP: Final = 5
MISALIGNED_LOAD: Final = 6
MISALIGNED_STORE: Final = 7
LOAD_FAULT: Final = 8
STORE_FAULT: Final = 9
FETCH_FAULT: Final = 10

_MEMORY_SIZE: Final = 1 << 28
_TEXT_SIZE: Final = 1 << 24
_EXIT_CALL: Final = 93
_SIGN: Final = 0x80000000

# Kinds of instruction after decoding. Loads and stores come in the order of their funct3.
_ILLEGAL: Final = 0
_LUI: Final = 1
_AUIPC: Final = 2
_JAL: Final = 3
_JALR: Final = 4
_BRANCH: Final = 8  # beq bne - - blt bge bltu bgeu
_LOAD: Final = 16  # lb lh lw - lbu lhu
_STORE: Final = 24  # sb sh sw
_ALU_IMMEDIATE: Final = 32  # addi slli slti sltiu xori srli ori andi; srai follows
_SRAI: Final = 40
_ALU: Final = 48  # add sll slt sltu xor srl or and; sub and sra follow
_SUB: Final = 56
_SRA: Final = 57
_MULTIPLY: Final = 64  # mul mulh mulhsu mulhu div divu rem remu
_FENCE: Final = 72
_ECALL: Final = 73
_EBREAK: Final = 74


@njit(cache=True, nogil=True)
def decode(text: Words, code: Code) -> None:
    """Write for each word its kind, rd, rs1, rs2 (a byte each) and immediate (the high half).

    Args:
        text: The program's instructions from address 0.
        code: As long as `text`.

    Source: RISC-V unprivileged ISA, chapters 2 and "M"; design/machine.md, "Instruction set".
    """
    for place in range(len(text)):
        word: int = np.int64(text[place])  # type: ignore[assignment] # int is 64 bits here
        opcode = word & 0x7F
        funct3 = (word >> 12) & 7
        funct7 = word >> 25
        kind = _ILLEGAL
        signed = word - ((word >> 31) << 32)
        immediate = signed >> 20
        if opcode == 0x37 or opcode == 0x17:
            kind = _LUI if opcode == 0x37 else _AUIPC
            immediate = word & 0xFFFFF000
        elif opcode == 0x6F:
            kind = _JAL
            immediate = (
                ((signed >> 31) << 20)
                | (word & 0xFF000)
                | (((word >> 20) & 1) << 11)
                | (((word >> 21) & 0x3FF) << 1)
            )
        elif opcode == 0x67:
            if funct3 == 0:
                kind = _JALR
        elif opcode == 0x63:
            if funct3 != 2 and funct3 != 3:
                kind = _BRANCH + funct3
            immediate = (
                ((signed >> 31) << 12)
                | (((word >> 7) & 1) << 11)
                | (((word >> 25) & 0x3F) << 5)
                | (((word >> 8) & 0xF) << 1)
            )
        elif opcode == 0x03:
            if funct3 <= 5 and funct3 != 3:
                kind = _LOAD + funct3
        elif opcode == 0x23:
            if funct3 <= 2:
                kind = _STORE + funct3
            immediate = ((signed >> 25) << 5) | ((word >> 7) & 0x1F)
        elif opcode == 0x13:
            if funct3 == 1 or funct3 == 5:
                if funct7 == 0:
                    kind = _ALU_IMMEDIATE + funct3
                elif funct7 == 0x20 and funct3 == 5:
                    kind = _SRAI
                immediate = (word >> 20) & 0x1F
            else:
                kind = _ALU_IMMEDIATE + funct3
        elif opcode == 0x33:
            if funct7 == 0:
                kind = _ALU + funct3
            elif funct7 == 1:
                kind = _MULTIPLY + funct3
            elif funct7 == 0x20 and funct3 == 0:
                kind = _SUB
            elif funct7 == 0x20 and funct3 == 5:
                kind = _SRA
        elif opcode == 0x0F:
            if funct3 == 0:
                kind = _FENCE
        elif word == 0x73:
            kind = _ECALL
        elif word == 0x100073:
            kind = _EBREAK
        code[place] = np.uint64(
            kind
            | (((word >> 7) & 0x1F) << 8)
            | (((word >> 15) & 0x1F) << 16)
            | (((word >> 20) & 0x1F) << 24)
            | ((immediate & 0xFFFFFFFF) << 32)
        )


@njit(cache=True, nogil=True)
def execute(
    code: Code,
    memory: tuple[NDArray[np.uint8], NDArray[np.uint16], Words],
    state: Words,
    entries: Words,
    limit: int,
    to_entry: bool,  # noqa: FBT001 - compiled code takes no keywords
) -> int:
    """Return how many steps were taken from a running state, which is changed in place.

    Args:
        code: The decoded text; what lies beyond is illegal.
        memory: The same 256 MiB as bytes, halves and words.
        state: `STATE_WORDS` words.
        entries: A word per text word, not 0 where translated code can be entered.
        limit: Steps at most.
        to_entry: Whether to stop, after at least one step, where translated code can be entered.

    Returns:
        Steps, a trapping or halting one included.
    """
    bytes_, halves, words = memory
    x = state
    pc: int = np.int64(state[PC])  # type: ignore[assignment] # int is 64 bits here
    status = RUNNING
    steps = 0
    while steps < limit:
        if pc >= _TEXT_SIZE or pc >> 2 >= len(code):
            status = FETCH_FAULT if pc >= _TEXT_SIZE else ILLEGAL
            break
        item: int = np.int64(code[pc >> 2])  # type: ignore[assignment] # as above
        kind = item & 0xFF
        rd = (item >> 8) & 0x1F
        a: int = np.int64(x[(item >> 16) & 0x1F])  # type: ignore[assignment] # as above
        b: int = np.int64(x[(item >> 24) & 0x1F])  # type: ignore[assignment] # as above
        immediate = item >> 32
        following = pc + 4
        if kind >= _ALU_IMMEDIATE and kind < _FENCE:
            if kind < _ALU:
                b = immediate & 0xFFFFFFFF
            sa = a - ((a & _SIGN) << 1)
            sb = b - ((b & _SIGN) << 1)
            if kind == _ALU_IMMEDIATE or kind == _ALU:
                value = a + b
            elif kind == _SUB:
                value = a - b
            elif kind == _ALU_IMMEDIATE + 1 or kind == _ALU + 1:
                value = a << (b & 31)
            elif kind == _ALU_IMMEDIATE + 2 or kind == _ALU + 2:
                value = 1 if sa < sb else 0
            elif kind == _ALU_IMMEDIATE + 3 or kind == _ALU + 3:
                value = 1 if a < b else 0
            elif kind == _ALU_IMMEDIATE + 4 or kind == _ALU + 4:
                value = a ^ b
            elif kind == _ALU_IMMEDIATE + 5 or kind == _ALU + 5:
                value = a >> (b & 31)
            elif kind == _SRAI or kind == _SRA:
                value = sa >> (b & 31)
            elif kind == _ALU_IMMEDIATE + 6 or kind == _ALU + 6:
                value = a | b
            elif kind == _ALU_IMMEDIATE + 7 or kind == _ALU + 7:
                value = a & b
            elif kind == _MULTIPLY:
                value = sa * sb
            elif kind == _MULTIPLY + 1:
                value = (sa * sb) >> 32
            elif kind == _MULTIPLY + 2:
                value = (sa * b) >> 32
            elif kind == _MULTIPLY + 3:
                # The product of the lower halves of b fits 48 bits.
                value = (a * (b >> 16) + (a * (b & 0xFFFF) >> 16)) >> 16
            elif b == 0:
                # Division by zero: all ones, and the dividend as remainder.
                value = -1 if kind < _MULTIPLY + 6 else a
            elif kind == _MULTIPLY + 4:
                # Of magnitudes, since the machine rounds to zero; -2^31 / -1 wraps by itself.
                value = abs(sa) // abs(sb)
                if (sa < 0) != (sb < 0):
                    value = -value
            elif kind == _MULTIPLY + 5:
                value = a // b
            elif kind == _MULTIPLY + 6:
                value = abs(sa) % abs(sb)
                if sa < 0:
                    value = -value
            else:
                value = a % b
            x[rd] = np.uint32(value & 0xFFFFFFFF)
            x[0] = 0
        elif kind >= _FENCE:
            if kind == _EBREAK:
                status = BREAKPOINT
                break
            if kind == _ECALL:
                status = HALTED if x[17] == _EXIT_CALL else BAD_CALL
                if status == HALTED:
                    state[EXIT_CODE] = x[10]
                break
        elif kind >= _STORE:
            address = (a + immediate) & 0xFFFFFFFF
            width = kind - _STORE
            if address & ((1 << width) - 1):
                status = MISALIGNED_STORE
                break
            if address >= _MEMORY_SIZE:
                status = STORE_FAULT
                break
            if width == 2:
                words[address >> 2] = np.uint32(b)
            elif width == 1:
                halves[address >> 1] = np.uint16(b & 0xFFFF)
            else:
                bytes_[address] = np.uint8(b & 0xFF)
        elif kind >= _LOAD:
            address = (a + immediate) & 0xFFFFFFFF
            width = (kind - _LOAD) & 3
            if address & ((1 << width) - 1):
                status = MISALIGNED_LOAD
                break
            if address >= _MEMORY_SIZE:
                status = LOAD_FAULT
                break
            if width == 2:
                value = np.int64(words[address >> 2])  # type: ignore[assignment] # as above
            elif width == 1:
                value = np.int64(halves[address >> 1])  # type: ignore[assignment] # as above
                if kind == _LOAD + 1:
                    value -= (value & 0x8000) << 1
            else:
                value = np.int64(bytes_[address])  # type: ignore[assignment] # as above
                if kind == _LOAD:
                    value -= (value & 0x80) << 1
            x[rd] = np.uint32(value & 0xFFFFFFFF)
            x[0] = 0
        elif kind >= _BRANCH:
            if kind == _BRANCH:
                taken = a == b
            elif kind == _BRANCH + 1:
                taken = a != b
            elif kind >= _BRANCH + 6:
                taken = (a < b) == (kind == _BRANCH + 6)
            else:
                less = (a ^ _SIGN) < (b ^ _SIGN)
                taken = less == (kind == _BRANCH + 4)
            if taken:
                following = (pc + immediate) & 0xFFFFFFFF
                if following & 3:
                    status = MISALIGNED_JUMP
                    break
        elif kind >= _JAL:
            base, mask = (pc, 0xFFFFFFFF) if kind == _JAL else (a, 0xFFFFFFFE)
            following = (base + immediate) & mask
            if following & 3:
                status = MISALIGNED_JUMP
                break
            x[rd] = np.uint32(pc + 4)
            x[0] = 0
        elif kind >= _LUI:
            value = immediate & 0xFFFFFFFF
            if kind == _AUIPC:
                value = (value + pc) & 0xFFFFFFFF
            x[rd] = np.uint32(value)
            x[0] = 0
        else:
            status = ILLEGAL
            break
        pc = following
        steps += 1
        if to_entry and pc < _TEXT_SIZE and pc >> 2 < len(entries) and entries[pc >> 2] != 0:
            break
    state[PC] = np.uint32(pc)
    if status != RUNNING:
        steps += 1
        state[STATUS] = status
    return steps
