"""Formulas: the first model against enumeration, claims of every kind, and files of all sorts."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pekanu import catalog
from pekanu.catalog.framing import encode_value
from pekanu.catalog.sat import check as check_module
from pekanu.errors import InvalidInput
from support.functions import make_formula

Rng = Callable[[int], bytes]
Clauses = list[list[int]]


def write(variables: int, clauses: Clauses) -> str:
    lines = "".join(" ".join(map(str, [*clause, 0])) + "\n" for clause in clauses)
    return f"p cnf {variables} {len(clauses)}\n{lines}"


def ask(formula: str, limit: int = 10**9) -> dict[str, Any]:
    sat = catalog.get("sat")
    answer: Any = sat.decode_output(
        sat.execute(sat.parse_inputs({"formula": formula, "limit": limit}))
    )
    return answer


def find_first(variables: int, clauses: Clauses) -> list[int] | None:
    """Return the first model, by trying all in order."""
    for bits in product((False, True), repeat=variables):
        if all(any((lit > 0) == bits[abs(lit) - 1] for lit in clause) for clause in clauses):
            return [place if bit else -place for place, bit in enumerate(bits, start=1)]
    return None


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_execute__of_any_small_formula__then_the_first_model_or_none(data: st.DataObject) -> None:
    variables = data.draw(st.integers(1, 8))
    literal = st.integers(1, variables).flatmap(lambda v: st.sampled_from((v, -v)))
    clauses = data.draw(st.lists(st.lists(literal, max_size=4), max_size=30))
    model = find_first(variables, clauses)
    expected = {"answer": "satisfiable" if model else "unsatisfiable", "model": model}
    assert ask(write(variables, clauses)) == expected


def make_pigeons(pigeons: int, holes: int) -> str:
    """Return that each pigeon has a hole, and none two."""
    places = [[holes * pigeon + hole + 1 for hole in range(holes)] for pigeon in range(pigeons)]
    clauses = list(places)
    for hole in range(holes):
        for one in range(pigeons):
            clauses += [[-places[one][hole], -places[two][hole]] for two in range(one)]
    return write(pigeons * holes, clauses)


def test_execute__of_too_many_pigeons__then_there_is_no_model() -> None:
    assert ask(make_pigeons(7, 6)) == {"answer": "unsatisfiable", "model": None}
    assert ask(make_pigeons(6, 6))["answer"] == "satisfiable"


def test_execute__of_hard_formulas__then_models_hold_and_each_variable_is_needed() -> None:
    """The first model: with a variable of it made false and those before kept, there is none."""
    rng = random.Random(6)
    seen = set()
    for _ in range(4):
        text = make_formula(rng, 90, 375)
        clauses = [list(map(int, line.split()[:-1])) for line in text.splitlines()[2:]]
        answer = ask(text)
        seen.add(answer["answer"])
        if answer["model"] is None:
            continue
        held = set(answer["model"])
        assert all(held & set(clause) for clause in clauses)
        for place in [literal for literal in answer["model"] if literal > 0][:6]:
            units = [[literal] for literal in answer["model"][: place - 1]]
            assert ask(write(90, [*clauses, *units, [-place]]))["answer"] == "unsatisfiable"
    assert seen == {"satisfiable", "unsatisfiable"}


@pytest.mark.parametrize(
    ("formula", "model"),
    [
        ("p cnf 0 0\n", []),
        ("p cnf 2 0\n", [-1, -2]),
        ("p cnf 2 1\n1 1 1\n1 0", [1, -2]),
        ("p cnf 2 1\n1 -1 0\n", [-1, -2]),
        ("c x\n\n  p cnf 2 2 \r\n 1\t2 0 -1 0\r\n", [-1, 2]),
        ("p cnf 1 1\n1 0\n%\n0\n\n", [1]),
        ("p cnf 1 1\nc between\n1\nc within\n0\nc end", [1]),
    ],
)
def test_execute__of_what_dimacs_allows__then_it_is_read(formula: str, model: list[int]) -> None:
    assert ask(formula) == {"answer": "satisfiable", "model": model}


@pytest.mark.parametrize("formula", ["p cnf 0 1\n0\n", "p cnf 1 2\n1 0 -1 0\n", "p cnf 3 1\n0\n"])
def test_execute__of_a_contradiction__then_there_is_no_model(formula: str) -> None:
    assert ask(formula)["answer"] == "unsatisfiable"


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("", "there is no header"),
        ("p cnf 1 1\n\n1 x 0\n", "line 3: something else stands where numbers"),
        ("p cnf 1 1\n2 0\n", "variable 2 is beyond the 1 of the header"),
        ("p cnf 1 1\n1 0\n-1 0\n", "it has 2 clauses where its header says 1"),
        ("p cnf 1 2\n1 0\n", "it has 1 clauses"),
        ("p cnf 1 1\n1", "does not end in 0"),
        ("p dnf 1 1\n", "line 1: the header is not"),
        ("p cnf 1 1\np cnf 1 1\n", "second header"),
        ("1 0\n", "before the header"),
        ("p cnf 1000001 0\n", "more than 1000000 variables"),
    ],
)
def test_parse_inputs__of_no_formula__is_refused_with_its_line(formula: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        catalog.get("sat").parse_inputs({"formula": formula})


def test_execute__with_a_small_limit__then_unknown_and_the_same_each_time() -> None:
    text = make_formula(random.Random(2), 250, 1065)
    assert ask(text, 10**5) == {"answer": "unknown", "model": None}


def test_execute__of_the_most_variables__then_memory_holds_them() -> None:
    variables = 1_000_000
    chain = "".join(f"-{v} {v + 1} 0\n" for v in range(1, variables))
    text = f"p cnf {variables} {variables}\n{chain}1 0\n"
    sat = catalog.get("sat")
    output = sat.execute(sat.parse_inputs({"formula": text, "limit": 10**7}))
    assert output.endswith(b" 999999 1000000 0\n")
    assert b"-" not in output


CLAIMED = write(4, [[1, 2], [-1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("claim", "is_right"),
    [
        (b"s SATISFIABLE\nv -1 2 -3 4 0\n", True),
        (b"s SATISFIABLE\nv -1 2 3 4 0\n", False),  # a model, and not the first
        (b"s SATISFIABLE\nv -1 -2 -3 4 0\n", False),
        (b"s SATISFIABLE\nv -1 2 -3 4 0", False),
        (b"s SATISFIABLE\nv -1 2 -3 0\n", False),
        (b"s SATISFIABLE\nv -1 2 -3 4 -5 0\n", False),
        (b"s SATISFIABLE\nv -1 2 -3 04 0\n", False),
        (b"s SATISFIABLE\nv -1 2 -3\nv 4 0\n", False),
        (b"s SATISFIABLE\nv 0\n", False),
        (b"s UNSATISFIABLE\n", False),
        (b"s UNKNOWN\n", False),
        (b"", False),
    ],
)
def test_check__of_a_short_search__then_only_the_answer_passes(
    claim: bytes, *, is_right: bool, rng: Rng
) -> None:
    sat = catalog.get("sat")
    verdict = sat.check(sat.parse_inputs({"formula": CLAIMED}), encode_value(claim), rng)
    assert verdict is not None
    assert verdict.ok is is_right
    assert verdict.error_probability == 0


def test_check__of_a_long_search__then_a_model_is_evaluated_and_its_place_left_open(
    monkeypatch: pytest.MonkeyPatch, rng: Rng
) -> None:
    monkeypatch.setattr(check_module, "_SHORT_STEPS", 3)
    sat = catalog.get("sat")
    data = sat.parse_inputs({"formula": CLAIMED})

    def rule(claim: bytes) -> tuple[bool, int]:
        verdict = sat.check(data, encode_value(claim), rng)
        assert verdict is not None
        return verdict.ok, int(verdict.error_probability)

    assert rule(b"s SATISFIABLE\nv -1 2 -3 4 0\n") == (True, 1)
    assert rule(b"s SATISFIABLE\nv -1 2 3 4 0\n") == (True, 1)
    assert rule(b"s SATISFIABLE\nv -1 -2 -3 4 0\n") == (False, 0)
    assert rule(b"s UNSATISFIABLE\n") == (False, 0)
    assert rule(b"s UNKNOWN\n") == (False, 0)
