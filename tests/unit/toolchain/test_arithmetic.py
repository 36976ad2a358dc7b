"""What the compiler's library and the runtime compute on the machine, against this computer."""

from __future__ import annotations

import math
import random
import struct
from pathlib import Path

import numpy as np

from pekanu.machine.elf import load_elf
from pekanu.machine.executor import run
from pekanu.toolchain import compile_program

#: Two numbers of 8 bytes go in, what is done to them comes out, 8 bytes each.
SOURCE = r"""
#include "pekanu.h"

static void put(uint64_t bits) { pekanu_write(&bits, 8); }
static void put_double(double number) { uint64_t bits; memcpy(&bits, &number, 8); put(bits); }
static void put_float(float number) { uint32_t bits; memcpy(&bits, &number, 4); put(bits); }

int main(void) {
    for (uint32_t place = 0; place < pekanu_input_size(); place += 16) {
        uint64_t a, b;
        memcpy(&a, PEKANU_INPUT + place, 8);
        memcpy(&b, PEKANU_INPUT + place + 8, 8);
        int64_t signed_a = (int64_t)a, signed_b = (int64_t)b;
        put(a * b);
        put(a / b);
        put(a % b);
        put(signed_b == -1 ? 0 - a : (uint64_t)(signed_a / signed_b));
        put(signed_b == -1 ? 0 : (uint64_t)(signed_a % signed_b));
        put(a << (b & 63));
        put((uint64_t)(signed_a >> (b & 63)));
        double x, y;
        memcpy(&x, &a, 8);
        memcpy(&y, &b, 8);
        put_double(x + y);
        put_double(x - y);
        put_double(x * y);
        put_double(x / y);
        put(x < y);
        put(x == y);
        put_double((double)signed_a);
        put_float((float)signed_a);
        put_float((float)signed_a / (float)signed_b);
        put_float((float)(double)(float)signed_a * (float)signed_b);
        put((uint64_t)(int64_t)((double)(int32_t)a / 3.0));
    }
    return 0;
}
"""
ASKED = 18


def list_pairs() -> list[tuple[int, int]]:
    rng = random.Random(12)
    doubles = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        math.pi,
        1e308,
        -1e308,
        5e-324,
        2.0**-1022,
        math.inf,
        -math.inf,
    ]
    edges = [struct.unpack("<Q", struct.pack("<d", number))[0] for number in doubles]
    edges += [1, 2, 3, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63]
    edges += [(1 << 64) - 1, (1 << 64) - 2, 10**9 + 7]
    pairs = [(a, b) for a in edges for b in edges]
    for _ in range(1500):
        bits = (rng.randrange(1, 65), rng.randrange(1, 65))
        pairs.append((rng.getrandbits(bits[0]), rng.getrandbits(bits[1])))
    return [(a, b) for a, b in pairs if b != 0]


def to_bits(number: np.floating) -> int:
    if np.isnan(number):
        return -1
    return int(number.view(np.uint64 if number.dtype == np.float64 else np.uint32))


def round_tiny(there: int, here: int) -> int:
    """Return what is expected of a quotient: below the normal numbers the last bit may differ."""
    is_tiny = 0 <= here % (1 << 63) < 1 << 52 and here >= 0
    return there if is_tiny and abs(there - here) <= 1 else here


def is_nan(bits: int) -> bool:
    return bits & (1 << 63) - 1 > 0x7FF << 52


def compute(a: int, b: int) -> list[int]:
    """Return what C says, by Python's integers and this computer's floating point."""
    signed_a, signed_b = (number - (number >> 63 << 64) for number in (a, b))
    quotient = abs(signed_a) // abs(signed_b) * (1 if signed_a * signed_b >= 0 else -1)
    x, y = (np.uint64(number).view(np.float64) for number in (a, b))
    small = a % (1 << 32) - (1 << 32 if a >> 31 & 1 else 0)
    single_a, single_b = np.float32(np.int64(signed_a)), np.float32(np.int64(signed_b))
    integers = [a * b, a // b, a % b, quotient, signed_a - quotient * signed_b]
    integers += [a << (b & 63), signed_a >> (b & 63)]
    with np.errstate(all="ignore"):
        return [
            *(number % (1 << 64) for number in integers),
            *map(to_bits, (x + y, x - y, x * y, x / y)),
            int(x < y),
            int(x == y),
            *map(to_bits, (np.float64(signed_a), single_a, single_a / single_b)),
            to_bits(single_a * single_b),
            int(small / 3.0) % (1 << 64),
        ]


def test_arithmetic__of_64_bits_and_floating_point__then_as_here(tmp_path: Path) -> None:
    source = tmp_path / "arithmetic.c"
    source.write_text(SOURCE)
    pairs = list_pairs()
    content = b"".join(struct.pack("<QQ", a, b) for a, b in pairs)
    done = run(load_elf(compile_program([source])), content)
    assert done.exit_code == 0
    found = struct.unpack(f"<{ASKED * len(pairs)}Q", done.output)
    for number, (a, b) in enumerate(pairs):
        here = compute(a, b)
        there = list(found[ASKED * number :][:ASKED])
        # Which of its bits a number that is none has is not said by the standard.
        there = [
            -1 if 7 <= place <= 10 and is_nan(bits) else bits for place, bits in enumerate(there)
        ]
        here[10] = round_tiny(there[10], here[10])
        assert there == here, (hex(a), hex(b))


def test_memory__of_overlapping_and_odd_pieces__then_as_the_library_says(tmp_path: Path) -> None:
    source = tmp_path / "memory.c"
    source.write_text(
        r"""
        #include "pekanu.h"
        int main(void) {
            uint8_t *bytes = pekanu_alloc(256);
            for (uint32_t to = 0; to < 40; to += 3) {
                for (uint32_t from = 0; from < 40; from += 5) {
                    for (uint32_t size = 0; size < 70; size += 7) {
                        for (uint32_t k = 0; k < 128; k++) bytes[k] = (uint8_t)(k * 7 + 1);
                        memmove(bytes + to, bytes + from, size);
                        memset(bytes + 128 - size, (int)to, size / 2);
                        memcpy(bytes + 128, bytes, size);
                        int sign = memcmp(bytes + to, bytes + from, size);
                        bytes[200] = sign < 0 ? 255 : sign > 0;
                        pekanu_write(bytes, 201);
                        memset(bytes + 128, 0, 73);
                    }
                }
            }
            return 0;
        }
        """
    )
    expected = bytearray()
    for to in range(0, 40, 3):
        for start in range(0, 40, 5):
            for size in range(0, 70, 7):
                memory = bytearray((k * 7 + 1) % 256 for k in range(128)) + bytearray(73)
                memory[to : to + size] = memory[start : start + size]
                memory[128 - size : 128 - size + size // 2] = bytes([to] * (size // 2))
                memory[128 : 128 + size] = memory[:size]
                one, other = memory[to : to + size], memory[start : start + size]
                memory[200] = 255 if one < other else int(one > other)
                expected += memory
    done = run(load_elf(compile_program([source])), b"")
    assert (done.exit_code, done.output) == (0, bytes(expected))
