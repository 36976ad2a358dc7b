"""Both tiers on programs of every kind, stopped anywhere and gone on with: always the same state.

`PEKANU_FUZZ_SECONDS` sets for how long, 15 seconds by default; `PEKANU_FUZZ_SEED` where it begins.
Each program is translated at once, and translated code runs as far as it can.
"""

from __future__ import annotations

import os
import random
import resource
import struct
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from pekanu import catalog
from pekanu.machine import engine
from pekanu.machine.compiled import Compiled
from pekanu.machine.elf import load_elf
from pekanu.machine.engine import Beginning, Machine
from pekanu.machine.module_cache import forget, get_module
from pekanu.machine.program import Program
from pekanu.machine.state import Status
from support.machine import COMPUTED, LOADED, STORED, TAKEN, Fuzzer, assemble, make_program
from support.machine_programs import ProgramWriter

SECONDS: Final = float(os.environ.get("PEKANU_FUZZ_SECONDS", "15"))
SEED: Final = int(os.environ.get("PEKANU_FUZZ_SEED", "1"))
BASE: Final = 0x10000
#: Programs after which every way to end has surely been met.
ENOUGH: Final = 150


def write_structured(rng: random.Random) -> Program:
    return ProgramWriter(rng.getrandbits(40)).write(rng.choice((3, 40, 10**6)))


def write_soup(rng: random.Random) -> Program:
    """Branches, calls and returns to anywhere nearby: no structure at all."""
    count = rng.choice((30, 200, 1500))
    registers = (1, 2, 5, 6, 8, 9, 10, 15)
    words = []
    for place in range(count):
        kind = rng.random()
        rd, rs1, rs2 = (rng.choice(registers) for _ in range(3))
        imm = 4 * rng.randrange(-place, count - place)
        near = max(-4096, min(4092, imm))
        if kind < 0.25:
            words.append(assemble(rng.choice(tuple(TAKEN)), rs1=rs1, rs2=rs2, imm=near))
        elif kind < 0.33:
            words.append(assemble("jal", rd=rng.choice((0, 0, 1, 5)), imm=imm))
        elif kind < 0.38:
            words.append(assemble("jalr", rd=rng.choice((0, 1)), rs1=rng.choice((1, 5)), imm=0))
        elif kind < 0.43:
            words.append(assemble("auipc", rd=rng.choice((1, 5)), imm=0))
        elif kind < 0.55:
            words.append(assemble(rng.choice(tuple(COMPUTED)), rd=rd, rs1=rs1, rs2=rs2))
        elif kind < 0.75:
            words.append(assemble("addi", rd=rd, rs1=rs1, imm=rng.choice((-4, 1, 4, 77))))
        elif kind < 0.85:
            name = rng.choice((*LOADED, *STORED))
            size = (LOADED.get(name) or STORED[name])[1]
            words.append(assemble(name, rd=rd, rs1=0, rs2=rs2, imm=rng.randrange(64) * size))
        elif kind < 0.90:
            name = rng.choice((*LOADED, *STORED))
            words.append(assemble(name, rd=rd, rs1=rs1, rs2=rs2, imm=4))
        else:
            words.append(assemble("andi", rd=rd, rs1=rs1, imm=rng.choice((-4, 0x7FC))))
    return make_program(words, base=rng.choice((0, BASE)))


def write_words(rng: random.Random) -> Program:
    """Random instructions, nearly right ones among them."""
    fuzzer = Fuzzer(rng.getrandbits(40))
    words = [fuzzer.pick_word() for _ in range(rng.choice((50, 250)))]
    return make_program(words, base=rng.choice((0, BASE, 0xFFFC00)))


def write_bytes(rng: random.Random) -> Program:
    text = rng.randbytes(rng.choice((4, 256, 1 << 14)))
    return Program(text=((0, text),), image=((0, text),), entry=4 * rng.randrange(len(text) // 4))


def write_jumps(rng: random.Random) -> Program:
    """Jumps to words that a generator of random numbers chooses, through any register."""
    rd, through = rng.choice(((1, 1), (0, 7), (5, 1), (1, 5), (0, 1), (10, 10)))
    turns = [rng.choice(tuple(COMPUTED)) for _ in range(rng.randrange(4))]
    body = [
        assemble("mul", rd=9, rs1=9, rs2=6),
        assemble("addi", rd=9, rs1=9, imm=77),
        *(assemble(name, rd=12, rs1=9, rs2=12) for name in turns),
        assemble("srli", rd=through, rs1=9, imm=rng.randrange(18, 24)),
        assemble("slli", rd=through, rs1=through, imm=rng.choice((2, 2, 2, 1))),
        assemble("add", rd=through, rs1=through, rs2=8),
        assemble("jalr", rd=rd, rs1=through),
    ]
    start = [assemble("lui", rd=6, imm=0x41C65000), assemble("addi", rd=6, rs1=6, imm=0x66D)]
    count = rng.choice((3, 100, 1 << 14)) // len(body) + 2
    return make_program([*start, assemble("auipc", rd=8), *body * count])


def write_mutant(rng: random.Random) -> Program:
    """A program that a compiler made, with a few bits flipped or words swapped."""
    path = (
        Path(catalog.__file__).parent / rng.choice(("sort", "factor", "linsolve")) / "program.elf"
    )
    program = load_elf(path.read_bytes())
    text = []
    for address, part in program.text:
        words = list(struct.unpack(f"<{len(part) // 4}I", part[: len(part) & ~3]))
        for _ in range(rng.randrange(1, 12)):
            place, other = rng.randrange(len(words)), rng.randrange(len(words))
            if rng.randrange(2):
                words[place] ^= 1 << rng.randrange(32)
            else:
                words[place], words[other] = words[other], words[place]
        text.append((address, struct.pack(f"<{len(words)}I", *words)))
    return Program(text=tuple(text), image=program.image, entry=program.entry)


WRITERS: Final[tuple[Callable[[random.Random], Program], ...]] = (
    *(write_structured, write_soup, write_words, write_bytes, write_jumps, write_mutant),
)


def compare(program: Program, rng: random.Random) -> Status:
    """Run both tiers side by side from stop to stop; return how the program ended."""
    content = rng.randbytes(rng.choice((0, 40)))
    beginning = Beginning(program, content)
    fast = Machine(program, beginning, lambda: Compiled(get_module(program, None)))
    exact = Machine(program, beginning, None)
    for _ in range(rng.randrange(1, 9)):
        steps = int(2 ** rng.uniform(0, 17))
        fast.advance(steps)
        exact.advance(steps)
        assert (fast.steps, fast.status, fast.exit_code) == (
            exact.steps,
            exact.status,
            exact.exit_code,
        )
        assert (fast.pc, list(fast.registers)) == (exact.pc, list(exact.registers))
    fast_state, exact_state = (one.get_state(with_pages=False) for one in (fast, exact))
    assert fast_state.root == exact_state.root
    return fast.status


@pytest.mark.timeout(SECONDS * 4 + 120)
def test_advance__of_generated_programs__then_both_tiers_are_in_the_same_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_FIRST", 0)
    monkeypatch.setattr(engine, "_FEW", 0)
    ends, number = Counter[str](), 0
    begun = time.monotonic()
    while time.monotonic() - begun < SECONDS:
        seed, write = f"{SEED} {number}", WRITERS[number % len(WRITERS)]
        rng = random.Random(seed)
        program = write(rng)
        started = time.process_time()
        try:
            ends[compare(program, rng).text] += 1
        except AssertionError as error:
            error.add_note(f"{write.__name__}, random.Random({seed!r})")
            raise
        assert time.process_time() - started < 30, (write.__name__, seed)
        forget()
        number += 1
    print(f"{number} programs", dict(ends))  # noqa: T201 - shown by pytest -s
    # Kilobytes; most of it is the interpreter's and the compiler's.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 3 << 20
    if number > ENOUGH:
        assert set(ends) == {status.text for status in Status}


@pytest.mark.parametrize("seed", ["77 49", "505 307", "1", "2", "3", "4"])
def test_advance__to_each_step_from_the_beginning__then_both_tiers_are_in_the_same_state(
    seed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a loop with many ways in, the first once told another place; of the second, whose
    sp is misaligned and whose loops are tangled, an edge's test once forgot steps.
    """
    monkeypatch.setattr(engine, "_FIRST", 0)
    monkeypatch.setattr(engine, "_FEW", 0)
    program = write_soup(random.Random(seed))
    beginning = Beginning(program, b"")
    fast = Machine(program, beginning, lambda: Compiled(get_module(program, None)))
    exact = Machine(program, beginning, None)
    for steps in range(1, 120):
        fast.restart(beginning)
        fast.advance(steps)
        exact.advance(1)
        assert (fast.steps, fast.pc, fast.status) == (exact.steps, exact.pc, exact.status)
        assert list(fast.registers) == list(exact.registers)
        if exact.status is not Status.RUNNING:
            break
