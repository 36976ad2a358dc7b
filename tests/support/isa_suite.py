"""Assembly programs that test instructions and end with exit code 0, or 2n + 1 if test n fails.

In the manner of the official suites: each result for edge operands, the same register as source
and target, register 0 as either, results used at once and later, loads and stores at each offset,
branches taken and not in both directions, jumps with their return address. Expected values come
from the tests' own table of meanings; the words are the work of a compiler's assembler.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from support.machine import COMPUTED, EDGES, IMMEDIATE_FORMS, LOADED, SHIFT_FORMS, STORED, TAKEN

MASK = 0xFFFFFFFF
DATA = bytes((0xF0 + 37 * i) & 0xFF for i in range(64))


@dataclass
class Suite:
    """One program under construction."""

    lines: list[str] = field(default_factory=list)
    #: What each test, from 1, is about.
    tests: list[str] = field(default_factory=list)

    def add(self, about: str, *lines: str) -> None:
        """Add a test; its lines jump to `fail` or fall through."""
        self.tests.append(about)
        number = len(self.tests)
        self.lines += [f"li gp, {number}", *(line.replace("@", str(number)) for line in lines)]

    def expect(self, about: str, register: str, value: int, *lines: str) -> None:
        self.add(about, *lines, f"li x31, {value & MASK:#x}", f"bne {register}, x31, fail")

    def to_source(self) -> str:
        """Return the assembly."""
        body = "\n".join(f"    {line}" if ":" not in line else line for line in self.lines)
        data = ", ".join(map(str, DATA))
        return f"""
    .section .text.init, "ax"
    .globl _start
_start:
    fence
    fence rw, rw
    la sp, stack_end
{body}
    li a0, 0
    j end
fail:
    slli a0, gp, 1
    ori a0, a0, 1
end:
    li a7, 93
    ecall
    j fail
    .data
    .balign 32
source: .byte {data}
target: .zero 64
    .bss
    .balign 16
    .zero 4096
stack_end:
"""


def write_registers(names: Iterable[str]) -> Suite:
    suite = Suite()
    for name in names:
        meaning = COMPUTED[name][2]
        for a in EDGES[::2]:
            for b in EDGES[1::2]:
                lines = (f"li x11, {a:#x}", f"li x12, {b:#x}", f"{name} x14, x11, x12")
                suite.expect(f"{name} {a:#x} {b:#x}", "x14", meaning(a, b), *lines)
        a, b = 0x80000003, 0xFFFFFFF9
        given = (f"li x11, {a:#x}", f"li x12, {b:#x}")
        suite.expect(f"{name} into rs1", "x11", meaning(a, b), *given, f"{name} x11, x11, x12")
        suite.expect(f"{name} into rs2", "x12", meaning(a, b), *given, f"{name} x12, x11, x12")
        suite.expect(f"{name} one source", "x14", meaning(a, a), *given, f"{name} x14, x11, x11")
        suite.expect(f"{name} all one", "x11", meaning(a, a), *given, f"{name} x11, x11, x11")
        suite.expect(f"{name} zero first", "x14", meaning(0, b), *given, f"{name} x14, x0, x12")
        suite.expect(f"{name} zero second", "x14", meaning(a, 0), *given, f"{name} x14, x11, x0")
        suite.expect(f"{name} zeros", "x14", meaning(0, 0), *given, f"{name} x14, x0, x0")
        suite.expect(f"{name} into zero", "x0", 0, *given, f"{name} x0, x11, x12")
        for nops in range(3):
            lines = (f"{name} x14, x11, x12", *["nop"] * nops, "mv x6, x14")
            suite.expect(f"{name} used after {nops}", "x6", meaning(a, b), *given, *lines)
    return suite


def write_immediates() -> Suite:
    suite = Suite()
    for name, (_, form) in IMMEDIATE_FORMS.items():
        for a in EDGES[::2]:
            for imm in (-2048, -1, 0, 1, 0x7FF):
                lines = (f"li x11, {a:#x}", f"{name} x14, x11, {imm}")
                expected = COMPUTED[form][2](a, imm & MASK)
                suite.expect(f"{name} {a:#x} {imm}", "x14", expected, *lines)
        suite.expect(f"{name} into zero", "x0", 0, "li x11, 9", f"{name} x0, x11, 5")
        expected = COMPUTED[form][2](9, 5)
        suite.expect(f"{name} into rs1", "x11", expected, "li x11, 9", f"{name} x11, x11, 5")
    for name, form in SHIFT_FORMS.items():
        for a in (0, 1, 0x80000000, 0x7FFFFFFF, 0x21212121, MASK):
            for amount in (0, 1, 7, 14, 30, 31):
                lines = (f"li x11, {a:#x}", f"{name} x14, x11, {amount}")
                expected = COMPUTED[form][2](a, amount)
                suite.expect(f"{name} {a:#x} {amount}", "x14", expected, *lines)
    for imm in (0, 1, 0x7FFFF, 0x80000, 0xFFFFF):
        suite.expect(f"lui {imm:#x}", "x14", imm << 12, f"lui x14, {imm:#x}")
        lines = (f"1: auipc x14, {imm:#x}", "la x13, 1b", "sub x14, x14, x13")
        suite.expect(f"auipc {imm:#x}", "x14", imm << 12, *lines)
    suite.expect("lui into zero", "x0", 0, "lui x0, 0x80000")
    return suite


def write_branches() -> Suite:
    suite = Suite()
    for name, (_, meaning) in TAKEN.items():
        for a in EDGES[::3]:
            for b in (*EDGES[::5], a):
                given = (f"li x11, {a:#x}", f"li x12, {b:#x}")
                branch = f"{name} x11, x12"
                if meaning(a, b):
                    # Forwards, then backwards.
                    lines = (f"{branch}, 2f", "j fail", "1:", "j 3f", "2:", f"{branch}, 1b")
                    suite.add(f"{name} {a:#x} {b:#x}", *given, *lines, "j fail", "3:")
                else:
                    lines = (f"{branch}, fail", "j 2f", "1:", "j fail", "2:", f"{branch}, 1b")
                    suite.add(f"not {name} {a:#x} {b:#x}", *given, *lines)
    suite.expect("no delay slot", "x5", 3, "li x5, 1", "beq x0, x0, 1f", *["addi x5, x5, 1"] * 4,
                 "1:", "addi x5, x5, 2")  # fmt: skip
    return suite


def write_jumps() -> Suite:
    suite = Suite()
    back = ("la x6, 9b", "bne x5, x6, fail")
    suite.add("jal", "jal x5, 1f", "9:", "j fail", "1:", *back)
    suite.add(
        "jal backwards", "j 2f", "1:", "j 3f", "2:", "jal x5, 1b", "9:", "j fail", "3:", *back
    )
    suite.add("jal into zero", "jal x0, 1f", "j fail", "1:", "bnez x0, fail")
    suite.add("jalr", "la x7, 1f", "jalr x5, x7, 0", "9:", "j fail", "1:", *back)
    suite.add("jalr from its target", "la x5, 1f", "jalr x5, x5, 0", "9:", "j fail", "1:", *back)
    for offset in (-2048, -4, 4, 2044):
        lines = ("la x7, 1f", f"addi x7, x7, {-offset}" if offset != -2048 else "addi x7, x7, 2047",
                 *(["addi x7, x7, 1"] if offset == -2048 else []),
                 f"jalr x5, x7, {offset}", "9:", "j fail", "1:", *back)  # fmt: skip
        suite.add(f"jalr {offset}", *lines)
    suite.add(
        "jalr odd", "la x7, 1f", "addi x7, x7, 1", "jalr x5, x7, 0", "9:", "j fail", "1:", *back
    )
    suite.expect("calls and returns", "a0", 55, "li a0, 10", "jal ra, 1f", "j 2f",
                 "1:", "beqz a0, 3f", "addi sp, sp, -16", "sw ra, 12(sp)", "sw a0, 8(sp)",
                 "addi a0, a0, -1", "jal ra, 1b", "lw x5, 8(sp)", "add a0, a0, x5", "lw ra, 12(sp)",
                 "addi sp, sp, 16", "3:", "ret", "2:")  # fmt: skip
    return suite


def write_accesses() -> Suite:
    suite = Suite()
    for name, (_, size, with_sign) in LOADED.items():
        for offset in range(0, 64, size):
            value = int.from_bytes(DATA[offset : offset + size], "little", signed=with_sign)
            lines = ("la x11, source + 32", f"{name} x14, {offset - 32}(x11)")
            suite.expect(f"{name} {offset}", "x14", value, *lines)
        value = int.from_bytes(DATA[:size], "little", signed=with_sign)
        lines = ("la x11, source", f"{name} x11, 0(x11)")
        suite.expect(f"{name} into its base", "x11", value, *lines)
        suite.expect(f"{name} into zero", "x0", 0, "la x11, source", f"{name} x0, 0(x11)")
        far = ("la x11, source - 2047", f"{name} x14, 2047(x11)")
        suite.expect(f"{name} far", "x14", value, *far)
    for name, (_, size) in STORED.items():
        for offset in range(0, 32, size):
            image = bytearray(32)
            image[offset : offset + size] = (0xA1B2C3D4).to_bytes(4, "little")[:size]
            clear = [f"sw x0, {place}(x11)" for place in range(0, 32, 4)]
            word = int.from_bytes(image[offset & ~3 : (offset & ~3) + 4], "little")
            lines = ("la x11, target", *clear, "li x12, 0xa1b2c3d4", f"{name} x12, {offset}(x11)")
            suite.expect(f"{name} {offset}", "x14", word, *lines, f"lw x14, {offset & ~3}(x11)")
            whole = [f"lw x13, {place}(x11)\n    or x14, x14, x13" for place in range(0, 32, 4)]
            # Nothing else has changed: all words together are the one that was stored.
            suite.expect(f"{name} {offset} alone", "x14", word, *lines, "li x14, 0", *whole)
    return suite


def list_suites() -> dict[str, Suite]:
    """Return all programs by name."""
    multiplications = [name for name, (funct7, _, _) in COMPUTED.items() if funct7 == 1]
    return {
        "registers": write_registers(name for name in COMPUTED if name not in multiplications),
        "multiplications": write_registers(multiplications),
        "immediates": write_immediates(),
        "branches": write_branches(),
        "jumps": write_jumps(),
        "accesses": write_accesses(),
    }
