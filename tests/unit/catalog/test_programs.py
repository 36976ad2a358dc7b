"""The catalog's programs on the machine against their native twins: the same bytes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pekanu import catalog
from pekanu.catalog.framing import DTYPES, frame
from pekanu.errors import InvalidInput
from pekanu.machine.executor import run
from pekanu.machine.state import Status

Inputs = dict[str, Any]
ARRAYS = [DTYPES[code] for code in range(1, 9)]
#: What `pekanu.h` calls PEKANU_BAD_INPUT.
BAD_INPUT = 100
#: Below so many steps the constant terms of the models outweigh.
SMALL = 10**6


def make_array(rng: random.Random, *shape: int, most: int | None = None) -> Any:
    dtype = rng.choice(ARRAYS)
    limits = np.iinfo(dtype)
    generator = np.random.default_rng(rng.getrandbits(32))
    low, high = limits.min, limits.max
    if most is not None:
        low, high = max(low, -most), min(high, most)
    return generator.integers(low, high, size=shape, dtype=dtype, endpoint=True)


def make_words(rng: random.Random, count: int) -> str:
    letters = "abcdefgXYZ019ä-,. \n\t"
    words = ["".join(rng.choices(letters, k=rng.randrange(1, 9))) for _ in range(count // 4 + 1)]
    return " ".join(rng.choices(words, k=count))


def matmul(rng: random.Random) -> Inputs:
    m, k, n = (rng.choice((0, 1, 2, 7, 65, 90)) for _ in range(3))
    return {"a": make_array(rng, m, k), "b": make_array(rng, k, n)}


def mandelbrot(rng: random.Random) -> Inputs:
    return {
        "center_x": rng.choice(("-0.5", "0.25", "-1.75")),
        "center_y": rng.choice(("0", "0.1", "-0.6")),
        "span": rng.choice(("3", "0.5", "0.001")),
        "width": rng.randrange(20, 40),
        "height": rng.randrange(1, 40),
        "max_iterations": rng.choice((1, 50, 900)),
    }


def wordcount(rng: random.Random) -> Inputs:
    if rng.random() < 0.3:
        return {"text": rng.randbytes(rng.randrange(2000))}
    return {"text": make_words(rng, rng.choice((0, 1, 50, 4000)))}


def sort(rng: random.Random) -> Inputs:
    if rng.random() < 0.4:
        text = make_words(rng, rng.choice((0, 1, 300, 3000)))
        return {"records": text.replace(" ", rng.choice((" ", "\n"))), "column": 0}
    rows, columns = rng.choice((0, 1, 300, 3000)), rng.randrange(1, 7)
    most = rng.choice((None, 3))
    if rng.random() < 0.3:
        return {"records": make_array(rng, rows, most=most), "column": 0}
    return {
        "records": make_array(rng, rows, columns, most=most),
        "column": rng.randrange(columns),
    }


def linsolve(rng: random.Random) -> Inputs:
    n, m = (rng.choice((0, 1, 2, 9, 40)) for _ in range(2))
    p = rng.choice((2, 3, 5, 65537, 2**31 - 1, 2**61 - 1))
    most = rng.choice((None, None, 1))
    a = make_array(rng, n, m, most=most)
    if n > 2 and rng.random() < 0.3:
        a[-1] = a[0]
    return {"a": a, "b": make_array(rng, n, most=most), "p": p}


def factor(rng: random.Random) -> Inputs:
    numbers = [
        rng.getrandbits(rng.choice((4, 20, 50, 64, 80))) + 1 for _ in range(rng.randrange(4))
    ]
    primes = [1009, 10007, 2147483647, 4294967291, 1000000007, 2**61 - 1]
    numbers.append(rng.choice(primes) * rng.choice(primes))
    numbers.append(rng.choice(primes[:3]) ** rng.choice((1, 2, 3, 4)))
    return {"numbers": numbers}


def sha256_chain(rng: random.Random) -> Inputs:
    size = rng.choice((0, 1, 55, 56, 63, 64, 65, 119, 120, 1000))
    return {"seed": rng.randbytes(size), "length": rng.choice((1, 2, 50))}


MAKERS: dict[str, Callable[[random.Random], Inputs]] = {
    each.__name__.replace("_", "-"): each
    for each in (matmul, mandelbrot, wordcount, sort, linsolve, factor, sha256_chain)
}


def test_makers__of_this_file__then_one_for_each_function() -> None:
    assert set(MAKERS) == set(catalog.names())


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("seed", range(3))
def test_program__on_random_inputs__then_the_bytes_of_the_native_one(name: str, seed: int) -> None:
    function, rng = catalog.get(name), random.Random(f"{name} {seed}")
    for _ in range(8):
        data = function.parse_inputs(MAKERS[name](rng))
        done = run(function.program, data, max_steps=10**10)
        assert (done.status, done.exit_code) == (Status.HALTED, 0)
        assert done.output == function.execute(data)


@pytest.mark.parametrize("name", MAKERS)
def test_program__on_the_example__then_the_bytes_of_the_native_one(name: str) -> None:
    function = catalog.get(name)
    data = function.parse_inputs(function.example())
    assert run(function.program, data).output == function.execute(data)


def list_large() -> Iterator[tuple[str, Inputs]]:
    rng = random.Random(9)
    yield "matmul", {"a": make_array(rng, 90, 70), "b": make_array(rng, 70, 80)}
    yield "matmul", {"a": make_array(rng, 3, 500), "b": make_array(rng, 500, 200)}
    yield (
        "mandelbrot",
        {
            "center_x": "-0.5",
            "center_y": "0",
            "span": "3",
            "width": 96,
            "height": 64,
            "max_iterations": 200,
        },
    )
    yield "wordcount", {"text": make_words(rng, 20_000)}
    yield "wordcount", {"text": " ".join(str(rng.getrandbits(30)) for _ in range(9_000))}
    yield "sort", {"records": make_words(rng, 20_000).replace(" ", "\n"), "column": 0}
    yield "sort", {"records": np.arange(60_000)[::-1].copy(), "column": 0}
    yield "sort", {"records": make_array(rng, 30_000, 5), "column": 2}
    yield "sha256-chain", {"seed": "", "length": 3000}
    yield "sha256-chain", {"seed": b"x" * 65536, "length": 1}
    for p in (2, 65537, 2**61 - 1):
        yield "linsolve", {"a": make_array(rng, 90, 90), "b": make_array(rng, 90), "p": p}


@pytest.mark.parametrize(("name", "inputs"), list(list_large()))
def test_estimate_steps__of_a_large_input__then_near_what_the_program_takes(
    name: str, inputs: Inputs
) -> None:
    function = catalog.get(name)
    data = function.parse_inputs(inputs)
    steps = run(function.program, data, max_steps=10**10).steps
    assert steps > SMALL
    assert 0.75 < function.estimate_steps(data) / steps < 1.25


@pytest.mark.parametrize("name", MAKERS)
def test_program__on_malformed_bytes__then_it_says_so_and_gives_nothing(name: str) -> None:
    function, rng = catalog.get(name), random.Random(name)
    good = function.parse_inputs(MAKERS[name](rng))
    wrong = [b"", b"\0" * 4, good + b"\0" * 8, good[:-8], frame([np.zeros((1, 1), np.int8)] * 7)]
    for data in wrong:
        with pytest.raises(InvalidInput):
            function.parse_frame(data)
        done = run(function.program, data, max_steps=10**8)
        assert (done.status, done.exit_code, done.output) == (Status.HALTED, BAD_INPUT, b"")


def test_program__on_mutated_bytes__then_it_ends_or_goes_on_but_never_differs() -> None:
    """A stranger's bytes decide nothing but the program's own state."""
    for name, make in MAKERS.items():
        function, rng = catalog.get(name), random.Random(name)
        for _ in range(6):
            data = bytearray(function.parse_inputs(make(rng)))
            for _ in range(rng.randrange(1, 4)):
                data[rng.randrange(min(60, len(data)))] = rng.randrange(256)
            done = run(function.program, bytes(data), max_steps=10**6)
            assert done.status in Status
