"""Programs of a third party's make, in the manner of the official suites, on all engines.

Assembled and linked by zig at 0x10000 in several layouts, ending by `ecall` 93. Each test of each
instruction holds, and steps and state roots are equal on all engines.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pekanu.machine import engine
from pekanu.machine.elf import load_elf
from pekanu.machine.executor import Engine, run, state_at
from pekanu.machine.isa import decode
from pekanu.machine.program import Program
from pekanu.machine.state import Status
from pekanu.machine.step import step
from pekanu.machine.witness import build_proof
from support.isa_suite import Suite, list_suites
from support.machine import MNEMONICS
from support.machine_contract import StepContract

pytest.importorskip("ziglang", reason="ziglang is not installed")

SUITES = list_suites()
_SECTIONS = """
SECTIONS {{
    . = 0x10000;
    .text : {{ *(.text.init) *(.text*) *(.rodata*) *(.srodata*) }} {code}
    {gap}
    .data : {{ *(.data*) *(.sdata*) }} {data}
    .bss : {{ *(.bss*) *(.sbss*) }} {data}
}}
"""
#: How a linker may lay a program out; the linker's own way where there is no script.
LAYOUTS = {
    "own way": None,
    "two segments": _SECTIONS.format(code="", gap=". = ALIGN(0x1000);", data=""),
    "one segment": "PHDRS { all PT_LOAD FLAGS(7); }"
    + _SECTIONS.format(code=":all", gap="", data=":all"),
    "data far away": "PHDRS { code PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); }"
    + _SECTIONS.format(code=":code", gap=". = 0x3800000;", data=":data"),
    "data first": "PHDRS { code PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); }"
    + _SECTIONS.format(code=":code", gap=". = 0x4000;", data=":data"),
}


def link(
    folder: Path, source: str, layout: str = "own way", *options: str, suffix: str = "S"
) -> Program:
    path, script = folder / f"program.{suffix}", folder / "layout.ld"
    path.write_text(source)
    script.write_text(LAYOUTS[layout] or "")
    placing = f"-Wl,-T,{script}" if LAYOUTS[layout] else "-Wl,--image-base=0x10000"
    command = (
        *(sys.executable, "-m", "ziglang", "cc", "-target", "riscv32-freestanding-none"),
        *(
            "-mcpu=generic_rv32+m",
            "-nostdlib",
            "-static",
            "-g0",
            "-fno-sanitize=all",
            "-Wl,-z,norelro",
            placing,
        ),
        *(*options, str(path), "-o", str(path.with_suffix(".elf"))),
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return load_elf(path.with_suffix(".elf").read_bytes())


def assert_passes(program: Program, suite: Suite) -> None:
    runs = [run(program, b"", engine=each) for each in Engine]
    first = runs[0]
    assert first.status is Status.HALTED
    failed = first.exit_code >> 1
    assert first.exit_code == 0, suite.tests[failed - 1]
    assert {(one.steps, one.state_root) for one in runs} == {(first.steps, first.state_root)}


@pytest.mark.parametrize("name", SUITES)
def test_run__of_a_suite__then_every_test_passes_on_all_engines(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_FIRST", 0)
    monkeypatch.setattr(engine, "_FEW", 0)
    suite = SUITES[name]
    assert_passes(link(tmp_path, suite.to_source()), suite)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_run__of_a_suite_in_another_layout__then_every_test_passes(
    layout: str, tmp_path: Path
) -> None:
    suite = SUITES["accesses"]
    program = link(tmp_path, suite.to_source(), layout)
    # Whatever the layout, data can be read and written where the linker put it.
    assert_passes(program, suite)


def test_suites__then_every_instruction_is_in_one(tmp_path: Path) -> None:
    met = set()
    for suite in SUITES.values():
        program = link(tmp_path, suite.to_source())
        words = (decode(int(word)) for word in program.get_text_words())
        met |= {word.op.mnemonic for word in words if word is not None}
    assert met >= set(MNEMONICS) - {"ebreak"}


def test_run__of_a_suite_that_fails__then_the_exit_code_tells_which_test(tmp_path: Path) -> None:
    suite = Suite()
    suite.expect("right", "x5", 1, "li x5, 1")
    suite.expect("wrong", "x5", 2, "li x5, 1")
    program = link(tmp_path, suite.to_source())
    assert run(program, b"").exit_code == 2 * 2 + 1


#: What the machine has not: each traps as an illegal instruction.
MISSING = {
    "fence.i": "-mcpu=generic_rv32+m+zifencei",
    "csrr a0, mhartid": "-mcpu=generic_rv32+m",
    "csrr a0, cycle": "-mcpu=generic_rv32+m",
    "amoadd.w a0, a1, (a2)": "-mcpu=generic_rv32+m+a",
    "fadd.s fa0, fa1, fa2": "-mcpu=generic_rv32+m+f",
    "c.li a0, 1": "-mcpu=generic_rv32+m+c",
    "mret": "-mcpu=generic_rv32+m",
    "wfi": "-mcpu=generic_rv32+m",
    "clz a0, a1": "-mcpu=generic_rv32+m+zbb",
}


@pytest.mark.parametrize("instruction", MISSING)
def test_run__of_an_instruction_of_another_extension__then_illegal(
    instruction: str, tmp_path: Path
) -> None:
    source = f".globl _start\n_start:\n    nop\n    {instruction}\n    nop\n"
    program = link(tmp_path, source, "own way", MISSING[instruction])
    for each in Engine:
        found = run(program, b"", engine=each)
        assert (found.status, found.steps) == (
            Status.ILLEGAL,
            1 if instruction.startswith("c.") else 2,
        )


@pytest.mark.parametrize(
    "instruction", ["fence", "fence r, w", "fence iorw, iorw", "fence.tso", ".word 0xFFFF8F8F"]
)
def test_run__of_a_fence_of_any_kind__then_nothing_happens(
    instruction: str, tmp_path: Path
) -> None:
    source = f".globl _start\n_start:\n    {instruction}\n    li a7, 93\n    ecall\n"
    program = link(tmp_path, source)
    runs = [run(program, b"", engine=each) for each in Engine]
    assert {(one.status, one.exit_code, one.steps) for one in runs} == {(Status.HALTED, 0, 3)}


def test_run__of_a_start_for_a_whole_computer__then_all_engines_and_the_contract_trap_there(
    tmp_path: Path,
) -> None:
    """What sets up a machine mode that there is not; the suites are linked with another start."""
    source = """
    .globl _start
_start:
    j reset
trap:
    j trap
reset:
    li x5, 0
    csrr a0, mhartid
1:  bnez a0, 1b
    la t0, trap
    csrw mtvec, t0
    """
    program = link(tmp_path, source)
    runs = [run(program, b"", engine=each) for each in Engine]
    assert len({one.state_root for one in runs}) == 1
    assert {(one.status, one.steps) for one in runs} == {(Status.ILLEGAL, 3)}
    assert_contract_agrees(program, [0, 1, 2, 3])


def assert_contract_agrees(program: Program, steps: list[int]) -> None:
    contract = StepContract()
    for place in steps:
        state = state_at(program, b"", place)
        proof = build_proof(program, state)
        step(program, state)
        assert contract.step(proof) == state.root, place


C_PROGRAM = """
/* Freestanding C with constants among the code, zeroed data, a jump table and function pointers. */
typedef unsigned u32;
static u32 zeros[5000], counts[4] = {1, 2, 3, 4};
static const char text[] = "constants among the code";
static u32 twice(u32 x) { return x * 2; }
static u32 square(u32 x) { return x * x; }
static u32 (*volatile table[])(u32) = {twice, square};
__attribute__((noinline)) static u32 pick(u32 x) {
    switch (x & 7) {
    case 0: return 5; case 1: return x ^ 77; case 2: return x / 3; case 3: return x % 7;
    case 4: return counts[x & 3]++; case 5: return ~x; case 6: return x << 5;
    default: return text[x % sizeof text];
    }
}
__attribute__((noinline, used)) u32 compute(void) {
    u32 sum = 0;
    for (u32 i = 0; i < 3000; i++) {
        zeros[i % 5000] += pick(sum + i);
        sum = sum * 31 + table[i & 1](zeros[(i * 7) % 5000]);
    }
    return sum & 0xFF;
}
__attribute__((naked, section(".text.init"))) void _start(void) {
    __asm__("lui sp, 0x1000\\n call compute\\n li a7, 93\\n ecall");
}
"""


@pytest.mark.parametrize(
    ("layout", "level"),
    [(name, "-O2") for name in LAYOUTS] + [("own way", "-O0"), ("own way", "-Os")],
)
def test_run__of_a_third_partys_c_program__then_alike_on_all_engines(
    layout: str, level: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    program = link(tmp_path, C_PROGRAM, layout, level, "-ffreestanding", suffix="c")
    runs = [run(program, b"", engine=each) for each in Engine]
    record_property("steps", runs[0].steps)
    assert runs[0].status is Status.HALTED
    assert len({(one.steps, one.exit_code, one.state_root) for one in runs}) == 1
    assert runs[0].exit_code == 40
    rng = random.Random(f"{layout} {level}")
    steps = runs[0].steps
    assert_contract_agrees(program, [*(rng.randrange(steps) for _ in range(10)), steps - 1])
