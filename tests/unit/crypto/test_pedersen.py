"""Commitments agree with another implementation of the curve."""

from __future__ import annotations

import json
from pathlib import Path

import py_ecc  # noqa: F401 - it raises the recursion limit, which must not happen within a test
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pekanu.crypto.pedersen import (
    FIELD,
    GENERATOR,
    INFINITY,
    ORDER,
    SECOND_GENERATOR,
    SECOND_TAG,
    add,
    commit,
    derive_generator,
    is_on_curve,
    is_opening,
    multiply,
)
from support import reference_seal

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "pedersen.json").read_text())
scalars = st.sampled_from([0, 1, 2, ORDER - 1, ORDER - 2, ORDER // 2]) | st.integers(0, ORDER - 1)


def test_second_generator__when_derived_again__then_the_same() -> None:
    assert derive_generator(SECOND_TAG) == SECOND_GENERATOR
    assert reference_seal.derive_generator() == SECOND_GENERATOR


def test_generators__by_definition__then_on_the_curve_and_of_its_order() -> None:
    for point in (GENERATOR, SECOND_GENERATOR):
        assert is_on_curve(point)
        assert multiply(point, ORDER) == INFINITY


def test_second_generator__by_definition__then_the_smaller_root() -> None:
    assert SECOND_GENERATOR[1] <= (FIELD - 1) // 2


@settings(max_examples=15, deadline=None)
@given(scalars, scalars)
def test_commit__to_any_key__then_as_another_implementation(key: int, blinding: int) -> None:
    if key or blinding:
        assert commit(key, blinding) == reference_seal.commit(key, blinding)


@pytest.mark.parametrize(("key", "blinding"), [(ORDER, 1), (1, ORDER), (-1, 1), (1, -1)])
def test_commit__to_a_scalar_out_of_range__then_refused(key: int, blinding: int) -> None:
    with pytest.raises(ValueError, match="below the curve's order"):
        commit(key, blinding)


def test_is_opening__by_what_was_committed__then_it_holds() -> None:
    assert is_opening(commit(5, 7), 5, 7)


@pytest.mark.parametrize(
    ("key", "blinding"),
    [(5 + ORDER, 7), (5, 7 + ORDER), (ORDER - 5, ORDER - 7), (7, 5), (6, 7), (5, 8), (-5, 7)],
)
def test_is_opening__by_a_shifted_negated_or_other_key__then_refused(
    key: int, blinding: int
) -> None:
    assert not is_opening(commit(5, 7), key, blinding)


@pytest.mark.parametrize("point", [INFINITY, (1, 3), (1 + FIELD, 2), (1, 2 - FIELD)])
def test_is_on_curve__of_another_point__then_refused(point: tuple[int, int]) -> None:
    assert not is_on_curve(point)


def test_add__of_a_point_and_its_negative__then_infinity() -> None:
    assert add(GENERATOR, (1, FIELD - 2)) == INFINITY


@pytest.mark.parametrize("case", VECTORS["commitments"])
def test_commit__of_a_vector__then_its_point(case: dict[str, str]) -> None:
    key, blinding = int(case["key"], 16), int(case["blinding"], 16)
    assert commit(key, blinding) == (int(case["x"], 16), int(case["y"], 16))
