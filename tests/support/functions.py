"""Random inputs for each function of the catalog, edges among them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from pekanu.catalog.framing import DTYPES

Inputs = dict[str, Any]
ARRAYS = [DTYPES[code] for code in range(1, 9)]


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


def montecarlo(rng: random.Random) -> Inputs:
    return {
        "spot": rng.choice(("100", "0.00000006", "1048576", "1.0825")),
        "strike": rng.choice(("100", "0", "1048576", "1.1")),
        "rate": rng.choice(("0.05", "-0.125", "1", "0")),
        "dividend": rng.choice(("0", "1", "0.02")),
        "volatility": rng.choice(("0.2", "0", "2", "0.00000006")),
        "years": rng.choice(("1", "32", "0.00000006", "0.5")),
        "option": rng.choice(("call", "put", "average-call", "average-put")),
        "steps": rng.choice((1, 2, 4, 5, 60, 365)),
        "paths": rng.choice((1, 7, 200)),
        "seed": rng.choice((0, 1, -1, 1 << 62, -(1 << 63))),
    }


def inference(rng: random.Random) -> Inputs:
    count = rng.choice((0, 1, 9))
    shape = rng.choice(((count, 64), (count, 8, 8)))
    shades = rng.choices((0, 16, *range(17)), k=64 * count)
    return {"images": np.array(shades, dtype=rng.choice(ARRAYS)).reshape(shape)}


def make_formula(rng: random.Random, variables: int, clauses: int, size: int = 3) -> str:
    size = min(size, variables)
    lines = [
        " ".join(str(v * rng.choice((1, -1))) for v in rng.sample(range(1, variables + 1), size))
        for _ in range(clauses)
    ]
    return f"c random\np cnf {variables} {clauses}\n" + "".join(f"{line} 0\n" for line in lines)


def sat(rng: random.Random) -> Inputs:
    variables = rng.randrange(1, 60)
    clauses = int(variables * rng.choice((0.5, 3, 4.26, 6)))
    formula = make_formula(rng, variables, clauses, rng.choice((1, 2, 3, 3, 3, 8)))
    if rng.random() < 0.2:
        formula = formula.replace(" 0\n", "\t0 \r\n") + rng.choice(("", "%\n0\n", "\n c end"))
    return {"formula": formula, "limit": rng.choice((1, 200, 5000, 10**9))}


MAKERS: dict[str, Callable[[random.Random], Inputs]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        *(matmul, mandelbrot, wordcount, sort, linsolve, factor),
        *(sha256_chain, montecarlo, inference, sat),
    )
}
