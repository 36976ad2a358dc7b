"""The ELF loader: files as linkers make them, and any other bytes."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pekanu.machine.elf import load_elf
from pekanu.machine.program import InvalidProgram, Program
from pekanu.machine.state import Status
from pekanu.machine.step import run
from support.elf import Elf, Segment
from support.machine import assemble

EXIT = b"".join(
    word.to_bytes(4, "little")
    for word in (
        assemble("addi", rd=10, imm=42),
        assemble("addi", rd=17, imm=93),
        assemble("ecall"),
    )
)
CODE = Segment(address=0x10000, content=EXIT, flags=5)


def test_load__of_a_third_partys_file__then_it_runs() -> None:
    data = Segment(address=0x20000, content=b"data", size=1 << 20, flags=6)
    program = load_elf(Elf(segments=[CODE, data]).pack())
    assert program.text == ((0x10000, EXIT),)
    # Code can be read as data too; zeros take no room.
    assert program.image == ((0x10000, EXIT), (0x20000, b"data"))
    state, steps = run(program, b"", 100)
    assert (state.status, state.exit_code, steps) == (Status.HALTED, 42, 3)


def test_load__of_segments_in_any_order__then_the_same_program() -> None:
    data = Segment(address=0x8000, content=b"data")
    note = Segment(address=0, content=b"note", kind=4)
    first = load_elf(Elf(segments=[CODE, data]).pack())
    assert load_elf(Elf(segments=[note, data, CODE]).pack()).id == first.id


def test_load__of_code_up_to_the_borders__then_accepted() -> None:
    code = Segment(address=(1 << 24) - 12, content=EXIT, flags=1)
    data = Segment(address=1 << 24, content=b"", size=(1 << 26) - (1 << 24))
    assert load_elf(Elf(segments=[code, data], entry=code.address).pack()).entry == code.address


REFUSED = {
    "no ELF file": b"#!/bin/sh",
    "ends within its header": Elf().pack()[:51],
    "not for 32-bit little-endian RISC-V": Elf(machine=62, segments=[CODE]).pack(),
    "no executable at a fixed address": Elf(kind=3, segments=[CODE]).pack(),
    "headers have 56 bytes": Elf(header_size=56, segments=[CODE]).pack(),
    "ends within its segment headers": Elf(count=60000, segments=[CODE]).pack(),
    "ends within a segment": Elf(segments=[CODE]).pack()[:-1],
    "linked dynamically": Elf(segments=[CODE, Segment(address=0, content=b"", kind=3)]).pack(),
    "for 4 in memory": Elf(segments=[Segment(address=0x10000, content=EXIT, size=4)]).pack(),
    "overlap at 0x10008": Elf(segments=[CODE, Segment(address=0x10008, content=EXIT)]).pack(),
    "beyond the image's end": Elf(
        segments=[CODE, Segment(address=0x20000, content=b"", size=1 << 31)]
    ).pack(),
    "goes to 0x1000001f6": Elf(
        segments=[CODE, Segment(address=0xFFFFFFF7, content=b"", size=511)]
    ).pack(),
    "beyond text's end": Elf(
        segments=[Segment(address=(1 << 24) - 8, content=EXIT, flags=5)], entry=(1 << 24) - 8
    ).pack(),
    "outside its text": Elf(segments=[CODE], entry=0x20000).pack(),
    "starts at 0x0, outside": Elf(segments=[], entry=0).pack(),
    "no multiple of 4": Elf(segments=[CODE], entry=0x10002).pack(),
}


@pytest.mark.parametrize(("reason", "data"), REFUSED.items(), ids=list(REFUSED))
def test_load__of_no_program__then_refused_with_the_reason(reason: str, data: bytes) -> None:
    with pytest.raises(InvalidProgram, match=reason):
        load_elf(data)


@pytest.mark.parametrize("place", [4, 5])
def test_load__of_64_bits_or_big_endian__then_refused(place: int) -> None:
    identity = bytearray(Elf().identity)
    identity[place] = 2
    with pytest.raises(InvalidProgram, match="32-bit little-endian"):
        load_elf(Elf(identity=bytes(identity), segments=[CODE]).pack())


def load_or_refuse(data: bytes) -> Program | None:
    try:
        return load_elf(data)
    except InvalidProgram:
        return None


@given(st.binary(max_size=300))
def test_load__of_any_bytes__then_refused(data: bytes) -> None:
    assert load_or_refuse(data) is None
    load_or_refuse(Elf(segments=[CODE]).pack()[:52] + data)


def test_load__of_mutated_files__then_a_program_or_a_reason() -> None:
    rng = random.Random(7)
    data = Segment(address=0x20000, content=b"data", size=1 << 20, flags=6)
    good = Elf(segments=[CODE, data, Segment(address=0x400000, content=bytes(100))]).pack()
    loaded = 0
    for _ in range(20_000):
        bad = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(bad) if rng.randrange(4) == 0 else 52 + 96)
            bad[place] = rng.choice((0, 0xFF, 0x80, rng.getrandbits(8), bad[place] ^ 1))
        if rng.randrange(10) == 0:
            del bad[rng.randrange(len(bad)) :]
        program = load_or_refuse(bytes(bad))
        if program is not None:
            loaded += 1
            run(program, b"", 5)
    assert 1000 < loaded < 19_000


def test_load__of_a_file_that_claims_gigabytes__then_quick() -> None:
    tiny = [Segment(address=k * 1024, content=b"x", size=1024) for k in range(60_000)]
    huge = Segment(address=60_000 * 1024, content=b"", size=0xFFFFFFFF)
    data = Elf(segments=[*tiny, huge]).pack()
    start = time.perf_counter()
    assert load_or_refuse(data) is None
    assert time.perf_counter() - start < 2


def test_load__of_many_segments_that_claim_the_same_bytes__then_refused_without_copies() -> None:
    size = 1 << 22
    same = [Segment(address=0x100000, content=b"", size=size) for _ in range(500)]
    data = bytearray(Elf(segments=[CODE, *same]).pack() + bytes(size))
    for number in range(1, 501):
        # Each lies at the file's end.
        struct.pack_into("<I", data, 52 + 32 * number + 4, len(data) - size)
        struct.pack_into("<I", data, 52 + 32 * number + 16, size)
    tracemalloc.start()
    with pytest.raises(InvalidProgram, match="overlap"):
        load_elf(bytes(data))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * size
