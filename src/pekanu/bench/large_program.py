"""A C program of any size for benchmarks: many functions that differ, written from a seed.

Functions come in three layers; those of a layer call a few of the layer below, so that the whole
program is run and takes time in proportion to its size.
"""

from __future__ import annotations

import random
from typing import Final

_SEED: Final = 20
_LAYERS: Final = 3
_HEAD: Final = """\
/* Written by a generator: many functions, each run often. */
#include <stdint.h>

#define WORDS 4096

static uint32_t words[WORDS];

"""
_OPERATORS: Final = ("+", "-", "*", "^", "|", "&")


def write_large_program(functions: int, rounds: int) -> str:
    """Return a program's source.

    Args:
        functions: How many it has, at least 3.
        rounds: How often all of them are run.
    """
    rng = random.Random(_SEED)
    parts = [_HEAD]
    size = functions // _LAYERS
    for number in range(functions):
        layer = min(number // size, _LAYERS - 1)
        callees = range((layer - 1) * size, layer * size) if layer else range(0)
        parts.append(_write_function(rng, number, callees))
    names = ", ".join(f"function{number}" for number in range((_LAYERS - 1) * size, functions))
    parts.append(f"static uint32_t (*const table[])(uint32_t, uint32_t) = {{{names}}};\n\n")
    parts.append(
        "static unsigned compute(void) {\n"
        "    uint32_t sum = 1;\n"
        f"    for (uint32_t round = 0; round < {rounds}; round++)\n"
        "        for (uint32_t i = 0; i < sizeof table / sizeof *table; i++)\n"
        "            sum = sum * 31 + table[i](sum, round);\n"
        "    return sum;\n"
        "}\n\n"
        '#include "finish.h"\n'
    )
    return "".join(parts)


def _write_function(rng: random.Random, number: int, callees: range) -> str:
    lines = [
        f"static __attribute__((noinline)) uint32_t function{number}(uint32_t a, uint32_t b) {{",
        f"    uint32_t c = a ^ {rng.getrandbits(32)}u, d = b + {rng.getrandbits(16)}u;",
    ]
    for _ in range(rng.randrange(4, 8)):
        kind = rng.randrange(4)
        if kind == 0:
            lines += _write_loop(rng)
        elif kind == 1:
            lines += _write_switch(rng)
        elif kind == 2:
            lines += _write_choice(rng)
        else:
            lines += [f"    {_write_statement(rng)}" for _ in range(3)]
    if callees:
        lines += [f"    {_pick(rng)} += function{rng.choice(callees)}(c, d);" for _ in range(2)]
    lines += ["    return a + b + c + d;", "}", "", ""]
    return "\n".join(lines)


def _write_loop(rng: random.Random) -> list[str]:
    turns = rng.randrange(2, 10)
    inner = [f"        {_write_statement(rng)}" for _ in range(rng.randrange(1, 4))]
    return [f"    for (uint32_t i = 0; i < {turns}; i++) {{", *inner, "        a += i;", "    }"]


def _write_switch(rng: random.Random) -> list[str]:
    cases = [
        f"    case {case}: {_write_statement(rng)} break;" for case in range(rng.randrange(4, 9))
    ]
    return [f"    switch ({_pick(rng)} & 7) {{", *cases, "    }"]


def _write_choice(rng: random.Random) -> list[str]:
    condition = f"({_pick(rng)} & {1 << rng.randrange(8)}u) != 0"
    one, other = _write_statement(rng), _write_statement(rng)
    return [
        f"    if ({condition}) {{",
        f"        {one}",
        "    } else {",
        f"        {other}",
        "    }",
    ]


def _write_statement(rng: random.Random) -> str:
    kind = rng.randrange(8)
    target, left, right = _pick(rng), _pick(rng), _pick(rng)
    if kind == 0:
        return f"words[({left} + {rng.randrange(4096)}u) % WORDS] += {right};"
    if kind in (1, 2):
        return f"{target} += words[({left} ^ {rng.randrange(4096)}u) % WORDS];"
    if kind == 3:
        by = rng.randrange(1, 31)
        return f"{target} = {left} << {by} | {left} >> {32 - by};"
    if kind == 4:
        return f"{target} = {left} * {rng.getrandbits(32) | 1}u + {right};"
    operator = rng.choice(_OPERATORS)
    return f"{target} = ({left} {operator} {right}) + {rng.getrandbits(12)}u;"


def _pick(rng: random.Random) -> str:
    return rng.choice("abcd")
