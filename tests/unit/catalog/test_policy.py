"""Policies, samples and their odds."""

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pekanu import catalog
from pekanu.catalog import PolicyKind, choose_items, get_miss_probability, parse_policy, verify
from pekanu.catalog.policy import InvalidPolicy, draw_below
from pekanu.catalog.verdict import format_probability

Rng = Callable[[int], bytes]


@pytest.mark.parametrize(
    ("text", "kind", "share"),
    [
        ("check", PolicyKind.CHECK, Fraction(1)),
        ("recompute", PolicyKind.RECOMPUTE, Fraction(1)),
        ("none", PolicyKind.NONE, Fraction(0)),
        ("sample:0.05", PolicyKind.SAMPLE, Fraction(1, 20)),
        ("sample:1", PolicyKind.SAMPLE, Fraction(1)),
        ("sample:.5", PolicyKind.SAMPLE, Fraction(1, 2)),
    ],
)
def test_parse_policy__when_well_formed__then_gives_kind_and_share(
    text: str, kind: PolicyKind, share: Fraction
) -> None:
    policy = parse_policy(text)
    assert (policy.kind, policy.share) == (kind, share)
    assert parse_policy(str(policy)) == policy


@pytest.mark.parametrize(
    "text", ["", "sample", "sample:", "sample:0", "sample:1.1", "sample:-1", "sample:nan", "Check"]
)
def test_parse_policy__when_malformed__then_refuses(text: str) -> None:
    with pytest.raises(InvalidPolicy):
        parse_policy(text)


def test_verify__when_check_is_asked_of_a_function_without__then_refuses(rng: Rng) -> None:
    wordcount = catalog.get("wordcount")
    data = wordcount.parse_inputs(wordcount.example())
    with pytest.raises(InvalidPolicy, match="wordcount has no cheap check"):
        verify(wordcount, data, wordcount.execute(data), parse_policy("check"), rng)


def test_verify__when_the_output_is_wrong__then_only_none_accepts(rng: Rng) -> None:
    matmul = catalog.get("matmul")
    data = matmul.parse_inputs(matmul.example())
    wrong = matmul.execute(data)[:-8] + b"\1" * 8
    for text in ("check", "recompute", "sample:0.01"):
        assert not verify(matmul, data, wrong, parse_policy(text), rng).ok
    verdict = verify(matmul, data, wrong, parse_policy("none"), rng)
    assert verdict.ok
    assert verdict.error_probability == 1


@given(st.integers(1, 300), st.integers(1, 100), st.randoms(use_true_random=False))
def test_choose_items__when_a_share_is_asked__then_gives_that_many_rounded_up(
    count: int, percent: int, random: st.random_module
) -> None:
    policy = parse_policy(f"sample:{percent / 100}")
    chosen = choose_items(count, policy, random.randbytes)
    assert len(chosen) == -(-count * percent // 100)
    assert chosen == sorted(set(chosen))
    assert all(0 <= item < count for item in chosen)


def test_choose_items__when_check_or_none__then_gives_all_or_no_items(rng: Rng) -> None:
    assert choose_items(4, parse_policy("check"), rng) == [0, 1, 2, 3]
    assert choose_items(4, parse_policy("none"), rng) == []


def test_choose_items__when_drawn_often__then_each_subset_is_as_likely(rng: Rng) -> None:
    policy = parse_policy("sample:0.4")
    tally = Counter(tuple(choose_items(5, policy, rng)) for _ in range(10_000))
    assert set(tally) == set(combinations(range(5), 2))
    # Ten subsets of mean 1,000 and standard deviation 30; six of them either way.
    assert all(820 < seen < 1180 for seen in tally.values())


def test_draw_below__when_the_bound_is_no_power_of_two__then_has_no_bias(rng: Rng) -> None:
    tally = Counter(draw_below(3, rng) for _ in range(9000))
    assert set(tally) == {0, 1, 2}
    assert all(2730 < seen < 3270 for seen in tally.values())


def test_get_miss_probability__when_compared_with_enumeration__then_agrees() -> None:
    policy = parse_policy("sample:0.3")
    for wrong in range(11):
        samples = list(combinations(range(10), 3))
        missed = sum(all(item >= wrong for item in sample) for sample in samples)
        assert get_miss_probability(10, wrong, policy) == Fraction(missed, len(samples))


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(1), "1"),
        (Fraction(1, 4), "0.25"),
        (Fraction(1, 1 << 65), "2^-65"),
        (Fraction(3, 1 << 66), "2^-64"),
    ],
)
def test_format_probability__when_given__then_never_understates(
    probability: Fraction, text: str
) -> None:
    assert format_probability(probability) == text
