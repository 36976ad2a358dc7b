"""What is known of the low bits of registers, so that few accesses need a test of alignment.

Not here: accesses outside memory, which WebAssembly traps.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from pekanu.machine.isa import Instruction, Op

#: Of a register: which low bits are known (1 or 3), and what they are.
Known: TypeAlias = tuple[int, int]

#: A multiple of 4.
ALIGNED: Final[Known] = (3, 0)
_UNKNOWN: Final[Known] = (0, 0)
#: Whose results' low bits may be known.
_TELLING: Final = frozenset(
    (Op.LUI, Op.AUIPC, Op.ADDI, Op.SLLI, Op.ANDI, Op.ADD, Op.SUB, Op.AND, Op.MUL)
)


class Alignment:
    """What is known at one place of the low bits of registers."""

    __slots__ = ("known",)

    def __init__(self, known: dict[int, Known] | None = None) -> None:
        """Begin with what is known, or with nothing."""
        self.known = dict(known or {})

    def get(self, register: int) -> Known:
        """Return which low bits of a register are known, and what they are."""
        return ALIGNED if register == 0 else self.known.get(register, _UNKNOWN)

    def is_certain(self, instruction: Instruction, size: int) -> bool | None:
        """Return whether an access is aligned, or None if that must be tested."""
        mask, value = self.get(instruction.rs1)
        if mask < size - 1:
            return None
        return not (value + instruction.imm) & (size - 1)

    def learn(self, instruction: Instruction, size: int) -> None:
        """Note that an access was tested and is aligned."""
        mask = size - 1
        if mask > self.get(instruction.rs1)[0]:
            self.known[instruction.rs1] = (mask, -instruction.imm & mask)

    def follow(self, instruction: Instruction, pc: int) -> None:
        """Go past an instruction that writes its rd, which is not x0."""
        found = self._get_result(instruction, pc) if instruction.op in _TELLING else _UNKNOWN
        if found[0]:
            self.known[instruction.rd] = found
        else:
            self.known.pop(instruction.rd, None)

    def _get_result(self, instruction: Instruction, pc: int) -> Known:
        """Return what is known of an instruction's result."""
        op, immediate = instruction.op, instruction.imm
        mask, value = self.get(instruction.rs1)
        other_mask, other = self.get(instruction.rs2)
        common = mask & other_mask
        found = _UNKNOWN
        match op:
            case Op.LUI:
                found = ALIGNED
            case Op.AUIPC:
                found = 3, (pc + immediate) & 3
            case Op.ADDI:
                found = mask, (value + immediate) & mask
            case Op.SLLI:
                found = (mask, value) if not immediate else ALIGNED if immediate > 1 else (1, 0)
            case Op.ANDI if not immediate & 1:
                found = (1, 0) if immediate & 2 else ALIGNED
            case Op.ADD:
                found = common, (value + other) & common
            case Op.SUB:
                found = common, (value - other) & common
            case Op.AND | Op.MUL if ALIGNED in ((mask, value), (other_mask, other)):
                found = ALIGNED
            case _:
                pass
        return found
