"""Random programs that run long: loops, calls, recursion, jump tables, stray jumps, each trap.

What is not here: random words and states (`machine`), which end soon.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from pekanu.machine.program import Program
from pekanu.machine.state import Status
from support.machine import (
    COMPUTED,
    EDGES,
    IMMEDIATE_FORMS,
    LOADED,
    SHIFT_FORMS,
    STORED,
    TAKEN,
    assemble,
)

BASE: Final = 0x10000
TABLE: Final = 0x20000
HEAP: Final = 0x04000000
RA, SP, TARGET, FUEL, ROUNDS, HEAP_AT, TABLE_AT, DEPTH_AT = 1, 2, 3, 26, 27, 8, 9, 17
#: Values that the program computes with.
WORK: Final = (5, 6, 7, 10, 11, 12, 13, 14, 15, 28, 29, 30, 31)
#: A loop's counter, by how deep the loop lies.
COUNTERS: Final = (18, 19, 20)
FRAME: Final = 32
#: How programs end.
ENDINGS: Final[tuple[Status, ...]] = tuple(status for status in Status if status != Status.RUNNING)


@dataclass
class Assembly:
    """Words with labels."""

    words: list[tuple[str, dict[str, int], str | None]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)

    def emit(self, name: str, to: str | None = None, **fields: int) -> None:
        self.words.append((name, fields, to))

    def mark(self, label: str) -> None:
        self.labels[label] = BASE + 4 * len(self.words)

    def emit_constant(self, rd: int, value: int) -> None:
        self.emit("lui", rd=rd, imm=(value + 0x800) & 0xFFFFFFFF)
        self.emit("addi", rd=rd, rs1=rd, imm=value & 0xFFF)

    def to_text(self) -> bytes:
        text = b""
        for place, (name, fields, to) in enumerate(self.words):
            offset = {} if to is None else {"imm": self.labels[to] - BASE - 4 * place}
            text += struct.pack("<I", assemble(name, **fields, **offset))
        return text


class ProgramWriter:
    """Writes one program from a seed, with so many functions or a random number of them."""

    def __init__(self, seed: int, functions: int | None = None) -> None:
        self.random = random.Random(seed)
        self.code = Assembly()
        self.names = (f"label{number}" for number in count())
        number = self.random.randrange(2, 7) if functions is None else functions
        self.functions = [f"function{place}" for place in range(number)]
        self.table = list(self.functions)
        self.ending = self.random.choice(ENDINGS)

    def write(self, rounds: int) -> Program:
        """Return a program whose main loop turns so often."""
        code, rng = self.code, self.random
        for register in WORK:
            code.emit_constant(register, rng.choice(EDGES))
        for register, value in (
            (SP, 0x0F000000),
            (HEAP_AT, HEAP + 0x1000),
            (TABLE_AT, TABLE),
            (ROUNDS, rounds),
            (FUEL, rng.randrange(50, 5000)),
        ):
            code.emit_constant(register, value)
        code.mark("again")
        self._write_block(0, self.functions)
        code.emit("addi", rd=ROUNDS, rs1=ROUNDS, imm=-1)
        code.emit("beq", "end", rs1=ROUNDS, rs2=0)
        code.emit("jal", "again", rd=0)
        code.mark("end")
        self._write_end(self.ending)
        for place, name in enumerate(self.functions):
            self._write_function(name, self.functions[place + 1 :])
        text = code.to_text()
        image = b"".join(struct.pack("<I", code.labels[label]) for label in self.table)
        return Program(text=((BASE, text),), image=((TABLE, image),), entry=BASE)

    def _write_function(self, name: str, callees: list[str]) -> None:
        code = self.code
        code.mark(name)
        code.emit("addi", rd=SP, rs1=SP, imm=-FRAME)
        saved = (RA, *COUNTERS)
        for place, register in enumerate(saved):
            code.emit("sw", rs1=SP, rs2=register, imm=4 * place)
        if self.random.random() < 0.3:
            self._write_recursion(name)
        self._write_block(0, callees)
        for place, register in enumerate(saved):
            code.emit("lw", rd=register, rs1=SP, imm=4 * place)
        code.emit("addi", rd=SP, rs1=SP, imm=FRAME)
        code.emit("jalr", rd=0, rs1=RA)

    def _write_recursion(self, name: str) -> None:
        skip = next(self.names)
        self.code.emit("beq", skip, rs1=DEPTH_AT, rs2=0)
        self.code.emit("addi", rd=DEPTH_AT, rs1=DEPTH_AT, imm=-1)
        self.code.emit("jal", name, rd=RA)
        self.code.mark(skip)

    def _write_block(self, depth: int, callees: list[str]) -> None:
        """Write some pieces, each with a label that a stray jump may lead to."""
        rng, labels = self.random, list[str]()
        for _ in range(rng.randrange(2, 5)):
            labels.append(next(self.names))
            self.code.mark(labels[-1])
            kind = rng.random()
            if kind < 0.25 and depth < len(COUNTERS):
                self._write_loop(depth, callees)
            elif kind < 0.40 and depth < len(COUNTERS):
                self._write_choice(depth, callees)
            elif kind < 0.55 and callees:
                self._write_call(callees)
            elif kind < 0.63 and depth < len(COUNTERS):
                self._write_switch(depth)
            elif kind < 0.70:
                self._write_stray_jump(rng.choice(labels))
            elif kind < 0.72:
                self._write_rare_end()
            else:
                self._write_straight()

    def _write_loop(self, depth: int, callees: list[str]) -> None:
        code, top = self.code, next(self.names)
        code.emit("addi", rd=COUNTERS[depth], rs1=0, imm=self.random.randrange(1, 12))
        code.mark(top)
        self._write_block(depth + 1, callees[:1])
        code.emit("addi", rd=COUNTERS[depth], rs1=COUNTERS[depth], imm=-1)
        # Stray jumps into the loop may come with a counter of 0.
        code.emit("blt", top, rs1=0, rs2=COUNTERS[depth])

    def _write_choice(self, depth: int, callees: list[str]) -> None:
        code, other, after = self.code, next(self.names), next(self.names)
        self._write_branch(other)
        self._write_block(depth + 1, callees[:1])
        code.emit("jal", after, rd=0)
        code.mark(other)
        self._write_straight()
        code.mark(after)

    def _write_branch(self, to: str) -> None:
        rng, near = self.random, next(self.names)
        # The branch goes around a jump, since its target may be out of a branch's reach.
        self.code.emit(
            rng.choice(tuple(TAKEN)), near, rs1=rng.choice(WORK), rs2=rng.choice((0, *WORK))
        )
        self.code.emit("jal", to, rd=0)
        self.code.mark(near)

    def _write_call(self, callees: list[str]) -> None:
        code, rng = self.code, self.random
        callee = rng.choice(callees)
        code.emit("addi", rd=DEPTH_AT, rs1=0, imm=rng.randrange(4))
        kind = rng.randrange(3)
        if kind == 0:
            code.emit("jal", callee, rd=RA)
        elif kind == 1:
            code.emit("lw", rd=TARGET, rs1=TABLE_AT, imm=4 * self.table.index(callee))
            code.emit("jalr", rd=RA, rs1=TARGET)
        else:
            # A call that does not look like one.
            code.emit("auipc", rd=RA, imm=0)
            code.emit("addi", rd=RA, rs1=RA, imm=12)
            code.emit("jal", callee, rd=0)

    def _write_switch(self, depth: int) -> None:
        code, after = self.code, next(self.names)
        cases = [next(self.names) for _ in range(4)]
        code.emit("andi", rd=TARGET, rs1=self.random.choice(WORK), imm=3)
        code.emit("slli", rd=TARGET, rs1=TARGET, imm=2)
        code.emit("add", rd=TARGET, rs1=TARGET, rs2=TABLE_AT)
        code.emit("lw", rd=TARGET, rs1=TARGET, imm=4 * len(self.table))
        code.emit("jalr", rd=0, rs1=TARGET)
        self.table += cases
        for case in cases:
            code.mark(case)
            self._write_block(depth + 2, [])
            code.emit("jal", after, rd=0)
        code.mark(after)

    def _write_stray_jump(self, to: str) -> None:
        """Jump back, as often as there is fuel: into loops and between them."""
        code, dry = self.code, next(self.names)
        code.emit("beq", dry, rs1=FUEL, rs2=0)
        code.emit("addi", rd=FUEL, rs1=FUEL, imm=-1)
        self._write_branch(to)
        code.mark(dry)

    def _write_rare_end(self) -> None:
        """End here when a work register happens to be a certain number."""
        code, rng, skip = self.code, self.random, next(self.names)
        code.emit("addi", rd=TARGET, rs1=0, imm=rng.randrange(1, 2048))
        code.emit("bne", skip, rs1=TARGET, rs2=rng.choice(WORK))
        self._write_end(rng.choice(ENDINGS))
        code.mark(skip)

    def _write_straight(self) -> None:
        code, rng = self.code, self.random
        for _ in range(rng.randrange(2, 10)):
            a, b, rd = rng.choice((0, *WORK)), rng.choice(WORK), rng.choice((0, *WORK, *WORK))
            kind = rng.random()
            if kind < 0.45:
                code.emit(rng.choice(tuple(COMPUTED)), rd=rd, rs1=a, rs2=b)
            elif kind < 0.60:
                number = rng.choice((0, 1, -1, 2047, -2048, rng.randrange(-2048, 2048)))
                code.emit(rng.choice(tuple(IMMEDIATE_FORMS)), rd=rd, rs1=a, imm=number)
            elif kind < 0.68:
                code.emit(rng.choice(tuple(SHIFT_FORMS)), rd=rd, rs1=a, imm=rng.randrange(32))
            elif kind < 0.72:
                code.emit(rng.choice(("lui", "auipc")), rd=rd, imm=rng.getrandbits(32))
            elif kind < 0.73:
                code.emit("fence")
            else:
                self._write_access(a, b, rd)

    def _write_access(self, a: int, b: int, rd: int) -> None:
        code, rng = self.code, self.random
        name = rng.choice((*LOADED, *STORED))
        size = LOADED[name][1] if name in LOADED else STORED[name][1]
        base, offset = HEAP_AT, rng.randrange(-2048 // size, 2048 // size) * size
        if rng.randrange(2):
            # Somewhere in 1 MiB: other pages too.
            base, offset = TARGET, offset & 0x7C
            code.emit("slli", rd=TARGET, rs1=a, imm=rng.randrange(12, 20))
            code.emit("srli", rd=TARGET, rs1=TARGET, imm=12)
            code.emit("andi", rd=TARGET, rs1=TARGET, imm=-8)
            code.emit("add", rd=TARGET, rs1=TARGET, rs2=HEAP_AT)
        if name in LOADED:
            code.emit(name, rd=rd, rs1=base, imm=offset)
        else:
            code.emit(name, rs1=base, rs2=b, imm=offset)

    def _write_end(self, status: Status) -> None:
        code, rng = self.code, self.random
        if status in (Status.HALTED, Status.ECALL):
            code.emit("addi", rd=10, rs1=0, imm=rng.randrange(256))
            code.emit("addi", rd=17, rs1=0, imm=93 if status == Status.HALTED else 64)
            code.emit("ecall")
        elif status == Status.BREAKPOINT:
            code.emit("ebreak")
        elif status in _ACCESSES:
            name, address = _ACCESSES[status]
            code.emit_constant(TARGET, address)
            code.emit(name, rd=rng.choice((0, 5)), rs1=TARGET, rs2=5)
        else:
            code.emit_constant(TARGET, _JUMPS[status])
            code.emit("jalr", rd=RA, rs1=TARGET)


#: An access that traps: what, and where.
_ACCESSES: Final = {
    Status.MISALIGNED_LOAD: ("lw", HEAP + 2),
    Status.MISALIGNED_STORE: ("sh", HEAP + 1),
    Status.LOAD_FAULT: ("lb", 0x10000000),
    Status.STORE_FAULT: ("sw", 0xFFFFFFFC),
}
#: Where a jump leads to a trap: between two words, outside text, where text is zero.
_JUMPS: Final = {
    Status.MISALIGNED_JUMP: BASE + 2,
    Status.FETCH_FAULT: 0x01000000,
    Status.ILLEGAL: BASE - 4,
}
