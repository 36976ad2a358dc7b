"""The catalog's programs on the machine against their native twins: the same bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from pekanu import catalog
from pekanu.catalog.framing import frame
from pekanu.errors import InvalidInput
from pekanu.machine.executor import run
from pekanu.machine.state import Status
from support.functions import MAKERS, Inputs, make_array, make_formula, make_words

#: What `pekanu.h` calls PEKANU_BAD_INPUT.
BAD_INPUT = 100
#: Below so many steps the constant terms of the models outweigh.
SMALL = 10**6


def test_makers__of_inputs__then_one_for_each_function() -> None:
    """Searches run their program on points, not on the input; see test_inversion."""
    sold = {name for name in catalog.names() if not catalog.get(name).is_search}
    assert set(MAKERS) == sold


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
    for option, steps in (("call", 1), ("put", 90), ("average-call", 12), ("average-put", 365)):
        yield "montecarlo", {"option": option, "steps": steps, "paths": 4000 + 40_000 // steps}
    yield "inference", {"images": np.ones((40, 8, 8), np.uint8)}
    for variables, clauses, limit in ((120, 511, 10**8), (200, 852, 10**6), (9000, 20_000, 10**8)):
        yield "sat", {"formula": make_formula(rng, variables, clauses), "limit": limit}
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
