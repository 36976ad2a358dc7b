"""What registers are guessed to hold on the way to a place: constants and entries of tables.

The guesses find the targets of computed jumps. They follow one path through the program and
assume that calls keep what compilers keep, so they may be wrong; what is built on them must hold
all the same. Not here: the walk through the program (`discovery`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pekanu.machine.isa import Instruction, Op

_MASK: Final = 0xFFFFFFFF
#: Registers that a call may change: ra, t0 to t2, a0 to a7, t3 to t6.
_CALLER_SAVED: Final = (1, 5, 6, 7, *range(10, 18), *range(28, 32))


@dataclass(frozen=True, slots=True)
class Constant:
    """A known number."""

    value: int


@dataclass(frozen=True, slots=True)
class Scaled:
    """Four times an index below a limit, if one is known."""

    limit: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """The address of a table's entry: a base plus four times an index."""

    base: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A word of a table, plus a constant."""

    base: int
    limit: int | None
    added: int


Value: TypeAlias = Constant | Scaled | Place | Entry


@dataclass(slots=True)
class Values:
    """The guesses at one place."""

    known: dict[int, Value] = field(default_factory=dict)
    #: Registers that are below a limit, unsigned.
    limits: dict[int, int] = field(default_factory=dict)

    def copy(self) -> Values:
        """Return the same guesses for another path."""
        return Values(dict(self.known), dict(self.limits))

    def meet(self, other: Values) -> None:
        """Keep only what holds on another path too."""
        theirs = other.known
        for register, value in list(self.known.items()):
            if theirs.get(register) != value:
                del self.known[register]
        for register, limit in list(self.limits.items()):
            if register not in other.limits:
                del self.limits[register]
            else:
                self.limits[register] = max(limit, other.limits[register])

    def get_constant(self, register: int) -> int | None:
        """Return what a register is known to be, or None."""
        if register == 0:
            return 0
        value = self.known.get(register)
        return value.value if isinstance(value, Constant) else None

    def forget_call(self) -> None:
        """Drop what a call may change."""
        for register in _CALLER_SAVED:
            self.known.pop(register, None)
            self.limits.pop(register, None)

    def follow(self, instruction: Instruction, pc: int) -> int | None:
        """Go past an instruction; return the constant that it makes, or None."""
        rd, op = instruction.rd, instruction.op
        if rd == 0 or op in _WITHOUT_RESULT:
            return None
        value, limit = self._get_result(instruction, pc) if op in _FOLLOWED else (None, None)
        if limit is not None:
            self.limits[rd] = limit
        elif rd in self.limits:
            del self.limits[rd]
        if value is None:
            if rd in self.known:
                del self.known[rd]
            return None
        self.known[rd] = value
        return value.value if isinstance(value, Constant) else None

    def follow_branch(self, instruction: Instruction, *, taken: bool) -> None:
        """Go past a branch: an unsigned comparison with a constant bounds the other side."""
        if instruction.op not in (Op.BLTU, Op.BGEU):
            return
        less = (instruction.op == Op.BLTU) == taken
        left = self.get_constant(instruction.rs1)
        right = self.get_constant(instruction.rs2)
        if less and right is not None and left is None:
            self.limits[instruction.rs1] = right
        elif not less and left is not None and right is None:
            self.limits[instruction.rs2] = left + 1

    def _get_result(self, instruction: Instruction, pc: int) -> tuple[Value | None, int | None]:
        """Return an instruction's guessed result and a limit for it."""
        op, immediate = instruction.op, instruction.imm
        source = self._get(instruction.rs1)
        value: Value | None = None
        limit: int | None = None
        match op:
            case Op.LUI:
                value = Constant(immediate & _MASK)
            case Op.AUIPC:
                value = Constant((pc + immediate) & _MASK)
            case Op.ADDI:
                value = _add(source, Constant(immediate & _MASK))
                limit = None if immediate else self.limits.get(instruction.rs1)
            case Op.ADD:
                value = _add(source, self._get(instruction.rs2))
            case Op.SLLI if immediate == 2:
                value = Scaled(self.limits.get(instruction.rs1))
            case Op.LW if isinstance(source, Place):
                value = Entry((source.base + immediate) & _MASK, source.limit, 0)
            case Op.ANDI if immediate >= 0:
                limit = immediate + 1
            case Op.LBU:
                limit = 256
            case _:
                pass
        return value, limit

    def _get(self, register: int) -> Value | None:
        return Constant(0) if register == 0 else self.known.get(register)


#: Whose results are worth a guess.
_FOLLOWED: Final = frozenset((Op.LUI, Op.AUIPC, Op.ADDI, Op.ADD, Op.SLLI, Op.LW, Op.ANDI, Op.LBU))
_WITHOUT_RESULT: Final = frozenset(
    (
        *(Op.BEQ, Op.BNE, Op.BLT, Op.BGE, Op.BLTU, Op.BGEU),
        *(Op.SB, Op.SH, Op.SW, Op.FENCE, Op.ECALL, Op.EBREAK),
    )
)


def _add(left: Value | None, right: Value | None) -> Value | None:
    """Return the guessed sum."""
    if isinstance(left, Constant):
        left, right = right, left
    if not isinstance(right, Constant):
        return None
    number = right.value
    total: Value
    match left:
        case Constant(value):
            total = Constant((value + number) & _MASK)
        case Place(base, limit):
            total = Place((base + number) & _MASK, limit)
        case Scaled(limit):
            total = Place(number, limit)
        case Entry(base, limit, added):
            total = Entry(base, limit, (added + number) & _MASK)
        case None:
            # Perhaps an index that was scaled elsewhere.
            total = Place(number, None)
    return total
