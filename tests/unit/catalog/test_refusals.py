"""What a function refuses, its program refuses: it ends with a code and gives nothing.

The code that computes here and the one that a referee rules on must agree on every input that
a stranger can send, good or bad.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

from pekanu import catalog
from pekanu.catalog.framing import MAX_REGION_BYTES, Value, frame
from pekanu.errors import InvalidInput
from pekanu.machine.executor import Run, run
from pekanu.machine.state import Status
from support.functions import MAKERS

#: What `pekanu.h` calls PEKANU_BAD_INPUT and PEKANU_LONG_OUTPUT.
REFUSALS = {100, 102}
#: Inputs of more work are only begun.
MOST_STEPS = 3 * 10**6


def integer(number: int) -> Value:
    return np.array(number, dtype=np.int64)


def array(*shape: int, dtype: str = "int64") -> Value:
    return np.ones(shape, dtype=dtype)


def change(values: list[int], place: int, number: int) -> list[Value]:
    return [integer(number if at == place else old) for at, old in enumerate(values)]


TILE = [0, 0, 3 << 28, 8, 8, 9]
NO_TILES = [
    *((0, 5 << 28), (0, -(4 << 28) - 1), (1, 4 << 28), (2, 0), (2, 7), (2, 9 << 28), (2, -1)),
    *((2, -(1 << 63)), (3, 0), (3, 8193), (3, 1 << 32), (4, 0), (4, -1), (4, 8193), (4, 40)),
    *((5, 0), (5, 65536), (5, (1 << 32) + 1)),
]
OPTION = [100 << 24, 100 << 24, 0, 0, 1 << 22, 1 << 24, 0, 4, 9, 1]
NO_OPTIONS = [
    *((0, 0), (0, (1 << 44) + 1), (1, -1), (1, (1 << 44) + 1), (2, -(1 << 21) - 1)),
    *((2, (1 << 24) + 1), (3, -1), (3, (1 << 24) + 1), (4, -1), (4, (1 << 25) + 1), (5, 0)),
    *((5, (1 << 29) + 1), (6, -1), (6, 4), (7, 0), (7, 366), (8, 0), (8, (1 << 22) + 1)),
    *((8, 1 << 32), (6, 1 << 32), (7, (1 << 32) + 1)),
]
#: Not DIMACS.
NO_FORMULAS = [
    *(b"", b"1 0\n", b"p cnf 1\n", b"p cnf 1 1", b"p cnf 1 1\n1\n", b"p cnf 1 1\n1 0\n1 0\n"),
    *(b"p cnf 1 1\n2 0\n", b"p cnf 1 1\n-2 0\n", b"p cnf 1 1\n1 -0\n", b"p cnf 1 1\n+1 0\n"),
    *(b"p cnf 1 1\n01 0\n", b"p cnf 1 1\n1 00\n", b"p cnf 1 1\n1 x\n", b"p cnf 1 1\n1-1 0\n"),
    *(b"p cnf 1 1 1\n1 0\n", b"p cnf -1 1\n1 0\n", b"p  dnf 1 1\n1 0\n", b"pcnf 1 1\n1 0\n"),
    *(b"p cnf 1 1\np cnf 1 1\n1 0\n", b"p cnf 1000001 1\n1 0\n", b"p cnf 1 1000001\n1 0\n"),
    *(
        b"p cnf 1 1\n1 0\n\0",
        b"p cnf 1 1\n1\0000\n",
        b"p cnf 10000000 1\n1 0\n",
        b"p cnf 1 1\n%1 0",
    ),
    *(b"p cnf 99999999999 1\n1 0\n", b"p cnf 1 1\n99999999999 0\n", b"p cnf 1 1\n- 1 0\n", b"c\n%"),
]
NO_PRIMES = [-7, 0, 1, 4, 9, 91, 2047, 1 << 31, (1 << 31) + 11, (1 << 61) - 3, 1 << 62]
NO_SYSTEMS = [((2, 2), (3,)), ((2, 2), (1, 2)), ((2, 2), (2, 2)), ((2,), (2,)), ((0, 3), (1,))]

#: Values that are well framed, and that a function does not take.
REFUSED: dict[str, list[list[Value]]] = {
    "matmul": [
        [array(2, 3), array(2, 3)],
        [array(2), array(2, 2)],
        [array(2, 1), b"x"],
        [array(2, 1, 1), array(1, 1)],
        [array(1 << 14, 0), array(0, 1 << 14)],
        [array(2, 2)],
        [array(1, 1)] * 3,
    ],
    "mandelbrot": [
        *(change(TILE, place, number) for place, number in NO_TILES),
        [array(1), *map(integer, TILE[1:])],
        [np.array(0, np.int32), *map(integer, TILE[1:])],
        [b"12345678", *map(integer, TILE[1:])],
        [*map(integer, (0, 0, 1 << 30, 8192, 8192, 1))],
    ],
    "wordcount": [[array(3, dtype="uint8")], [bytes((MAX_REGION_BYTES - 8) // 2)]],
    "sort": [
        *([b"b\na\n", integer(column)] for column in (1, -1, 1 << 32)),
        *([array(3), integer(column)] for column in (1, -1, 1 << 32)),
        [array(3, 2), integer(2)],
        [array(3, 0), integer(0)],
        [array(3, 2, 2), integer(0)],
        [array(), integer(0)],
        [array(3), array(1)],
        [b"\n" * 16_000_000, integer(0)],
    ],
    "linsolve": [
        *([array(2, 2), array(2), integer(p)] for p in NO_PRIMES),
        *([array(*a), array(*b), integer(7)] for a, b in NO_SYSTEMS),
        [array(2, 2), b"ab", integer(7)],
        [array(1, 1 << 23, dtype="int8"), array(1), integer(7)],
        [array(0, 1 << 24), array(0), integer(7)],
    ],
    "factor": [
        [array(2, 2)],
        [array(2, dtype="uint64")],
        [array(2, 3, dtype="uint64")],
        [np.array([[12, 0], [0, 0]], np.uint64)],
        [array(225_956, 2, dtype="uint64")],
        [b"12"],
    ],
    "montecarlo": [
        *(change(OPTION, place, number) for place, number in NO_OPTIONS),
        [*map(integer, OPTION[:-1])],
        [*map(integer, OPTION[:-1]), np.array(1, np.uint64)],
        [b"12345678", *map(integer, OPTION[1:])],
    ],
    "inference": [
        *([array(*shape)] for shape in ((64,), (1, 63), (1, 65), (1, 64, 1), (1, 4, 16), (0, 8))),
        [np.full((2, 64), 17)],
        [np.full((2, 64), -1, dtype=np.int8)],
        [np.full((2, 64), 1 << 32, dtype=np.uint64)],
        [bytes(64)],
        [array(1, 64), array(1, 64)],
    ],
    "sat": [
        *([formula, integer(9)] for formula in NO_FORMULAS),
        *([b"p cnf 1 1\n1 0\n", integer(limit)] for limit in (0, -1, 4 * 10**9 + 1, 1 << 32)),
        [array(9, dtype="uint8"), integer(9)],
        [b"p cnf 9 9999\n" + b"1 " * 2_000_001, integer(9)],
    ],
    "sha256-chain": [
        *([b"seed", integer(n)] for n in (0, -1, 10**9 + 1, 1 << 32, (1 << 32) + 1)),
        [bytes(65_537), integer(1)],
        [array(4, dtype="uint8"), integer(1)],
    ],
}


def assert_refused(done: Run) -> None:
    assert done.status is Status.HALTED
    assert done.exit_code in REFUSALS
    assert done.output == b""


@pytest.mark.parametrize("name", MAKERS)
def test_program__on_values_that_do_not_fit__then_refuses_as_the_function_does(name: str) -> None:
    function = catalog.get(name)
    for values in REFUSED[name]:
        data = frame(values)
        with pytest.raises(InvalidInput):
            function.parse_frame(data)
        assert_refused(run(function.program, data, max_steps=10**9))


@pytest.mark.parametrize("name", MAKERS)
def test_program__on_damaged_bytes__then_refuses_exactly_when_the_function_does(name: str) -> None:
    function, rng = catalog.get(name), random.Random(f"damaged {name}")
    refused = taken = 0
    while refused < 30 or taken < 10:
        data = bytearray(function.parse_inputs(MAKERS[name](rng)))
        for _ in range(rng.randrange(1, 3)):
            place = rng.randrange(len(data) if rng.random() < 0.5 else min(len(data), 24))
            data[place] = rng.choice((0, 1, 2, 255, rng.randrange(256)))
        try:
            steps = function.estimate_steps(bytes(data))
        except InvalidInput:
            refused += 1
            assert_refused(run(function.program, bytes(data), max_steps=10**9))
            continue
        taken += 1
        done = run(function.program, bytes(data), max_steps=MOST_STEPS)
        if done.status is Status.HALTED:
            assert done.exit_code == 0
            assert done.output == function.execute(bytes(data))
        else:
            assert done.status is Status.RUNNING
            assert steps > MOST_STEPS // 3
