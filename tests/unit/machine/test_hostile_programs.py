"""Programs that nobody would write to compute: both tiers answer alike, within bounds.

Each is translated at once, though a program must run long before it is worth it; the reference or
the interpreter alone says what is right.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Iterable
from dataclasses import replace

import pytest

from pekanu.machine import engine
from pekanu.machine.executor import Engine, run
from pekanu.machine.module_cache import forget
from pekanu.machine.program import Program
from pekanu.machine.state import Status
from pekanu.machine.translate import discovery, translate
from support.machine import COMPUTED, TAKEN, Fuzzer, assemble, make_program

STEPS = 400_000


@pytest.fixture(autouse=True)
def _translate_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_FIRST", 0)


def assert_alike(program: Program, steps: int = STEPS, content: bytes = b"") -> Status:
    fast = run(program, content, max_steps=steps)
    exact = run(program, content, max_steps=steps, engine=Engine.EXACT)
    assert (fast.steps, fast.status, fast.state_root) == (
        exact.steps,
        exact.status,
        exact.state_root,
    )
    # Kilobytes; the interpreter, the compiler and pytest take most of it.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 3 << 20
    return fast.status


def make_alu(rng: random.Random) -> int:
    rd, rs1, rs2 = (rng.randrange(32) for _ in range(3))
    return assemble(rng.choice(tuple(COMPUTED)), rd=rd, rs1=rs1, rs2=rs2)


def make_returns(count: int) -> Iterable[int]:
    """Yield functions of two instructions."""
    for number in range(count):
        yield assemble("addi", rd=10, rs1=10, imm=number % 2048)
        yield assemble("jalr", rs1=1)


def test_run__of_a_hundred_thousand_tiny_functions__then_alike() -> None:
    count = 100_000
    size = 8 * count
    words = [
        assemble("auipc", rd=8),
        assemble("addi", rd=8, rs1=8, imm=40),
        assemble("add", rd=5, rs2=8),
        assemble("lui", rd=6, imm=(size + 0x800) & 0xFFFFF000),
        assemble("addi", rd=6, rs1=6, imm=size & 0xFFF),
        assemble("add", rd=6, rs1=6, rs2=8),
        assemble("jalr", rd=1, rs1=5),
        assemble("addi", rd=5, rs1=5, imm=8),
        assemble("bltu", rs1=5, rs2=6, imm=-8),
        assemble("jal", imm=-28),
        *make_returns(count),
    ]
    assert assert_alike(make_program(words)) is Status.RUNNING


def test_run__of_calls_of_thousands_of_functions__then_alike() -> None:
    count = 5_000
    calls = [assemble("jal", rd=1, imm=4 * (count + 1 + place)) for place in range(count)]
    words = [*calls, assemble("jal"), *make_returns(count)]
    assert assert_alike(make_program(words)) is Status.RUNNING


def mention(program: Program, addresses: Iterable[int]) -> Program:
    """Return the program with a table of addresses in its image."""
    words = b"".join(address.to_bytes(4, "little") for address in addresses)
    return replace(program, image=((1 << 25, words),))


@pytest.mark.parametrize("limit", ["MOST_INSTRUCTIONS", "MOST_FUNCTIONS"])
def test_run__of_more_than_is_translated__then_alike(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search for code once never ended where the image mentions what there is no room for."""
    monkeypatch.setattr(discovery, limit, 10)
    forget()
    nops = [assemble("addi", rd=5, rs1=5, imm=1)] * 30
    program = make_program([*nops, assemble("jal", imm=-120), *make_returns(30)])
    mentioned = range(program.entry, program.entry + 4 * 91, 4)
    assert assert_alike(mention(program, mentioned)) is Status.RUNNING


def test_translate__of_functions_that_mention_each_other_in_turn__then_soon_done() -> None:
    """The search once went over all that the image mentions for each such function."""
    count, base, words = 2_000, 0x10000, list[int]()
    for place in range(count):
        before = base + 12 * max(place - 1, 0)
        upper = (before + 0x800) & 0xFFFFF000
        lower = assemble("addi", rd=5, rs1=5, imm=before - upper)
        words += [assemble("lui", rd=5, imm=upper), lower, assemble("jalr", rs1=1)]
    end = base + 4 * len(words)
    words += [assemble("addi")] * 40_000
    program = replace(make_program(words), entry=end - 12)
    started = time.process_time()
    translate(mention(program, range(end, base + 4 * len(words), 4)))
    assert time.process_time() - started < 12


def test_run__of_a_block_of_thousands_of_instructions__then_alike() -> None:
    rng = random.Random(2)
    words = [make_alu(rng) for _ in range(1 << 15)]
    assert assert_alike(make_program([*words, assemble("ebreak")])) is Status.BREAKPOINT


@pytest.mark.parametrize("seed", range(4))
def test_run__of_branches_to_anywhere__then_alike(seed: int) -> None:
    """No structure at all: most loops have many ways in, and lie in each other."""
    rng, words = random.Random(seed), list[int]()
    for _ in range(4_000):
        first, second, rd = (rng.randrange(5, 16) for _ in range(3))
        kind = rng.random()
        if kind < 0.3:
            name, imm = rng.choice(tuple(TAKEN)), 4 * rng.randrange(-1000, 1000)
            words.append(assemble(name, rs1=first, rs2=second, imm=imm))
        elif kind < 0.6:
            words.append(assemble("addi", rd=rd, rs1=first, imm=rng.randrange(-99, 99)))
        else:
            name = rng.choice(("add", "sub", "xor", "mul", "sltu"))
            words.append(assemble(name, rd=rd, rs1=first, rs2=second))
    words[0] = assemble("jal", imm=4 * 2_000)
    assert_alike(make_program(words, base=0x1000))


@pytest.mark.parametrize("registers", [(1, 1), (0, 7), (5, 1)])
def test_run__of_jumps_to_any_word__then_alike(registers: tuple[int, int]) -> None:
    """Each jump goes to a word that a generator of random numbers chose."""
    rd, through = registers
    body = [
        assemble("mul", rd=9, rs1=9, rs2=6),
        assemble("addi", rd=9, rs1=9, imm=77),
        assemble("srli", rd=through, rs1=9, imm=18),
        assemble("slli", rd=through, rs1=through, imm=2),
        assemble("add", rd=through, rs1=through, rs2=8),
        assemble("jalr", rd=rd, rs1=through),
    ]
    words = [
        assemble("lui", rd=6, imm=0x41C65000),
        assemble("addi", rd=6, rs1=6, imm=0x66D),
        assemble("auipc", rd=8),
    ]
    assert assert_alike(make_program(words + body * (16384 // 6 + 2))) is Status.RUNNING


def test_run__of_endless_recursion__then_alike() -> None:
    deeper = [assemble("addi", rd=2, rs1=2, imm=-16), assemble("jal", rd=1, imm=-4)]
    assert assert_alike(make_program(deeper), 50_000_000) is Status.RUNNING
    storing = [assemble("addi", rd=2, rs1=2, imm=-16), assemble("sw", rs1=2, rs2=1)]
    start = assemble("lui", rd=2, imm=0x00100000)
    recursion = [start, *storing, assemble("jal", rd=1, imm=-8)]
    assert assert_alike(make_program(recursion), 50_000_000) is Status.STORE_FAULT


@pytest.mark.parametrize("seed", range(3))
def test_run__of_random_bytes_as_text__then_alike(seed: int) -> None:
    rng = random.Random(seed)
    text = rng.randbytes(1 << 15)
    for place in range(6):
        entry = 4 * rng.randrange(1 << 13) if place else 0
        assert_alike(Program(text=((0, text),), image=(), entry=entry), 20_000)


@pytest.mark.parametrize("seed", range(3))
def test_run__of_random_instructions__then_alike(seed: int) -> None:
    fuzzer = Fuzzer(seed)
    words = [fuzzer.pick_word() for _ in range(4_000)]
    text = make_program(words).text
    for _ in range(4):
        entry = text[0][0] + 4 * fuzzer.random.randrange(len(words))
        assert_alike(Program(text=text, image=(), entry=entry), 20_000)


def test_run__of_text_at_both_borders__then_alike() -> None:
    back = assemble("addi", rd=5, rs1=5, imm=1).to_bytes(4, "little")
    # Jumps by 0: stays; the last word of text falls off its end.
    program = Program(text=((0, back), (0xFFFFF8, back * 2)), image=(), entry=0xFFFFF8)
    assert assert_alike(program) is Status.FETCH_FAULT
    program = Program(text=((0, back), (0xFFFFF8, back * 2)), image=(), entry=0)
    assert assert_alike(program) is Status.ILLEGAL
