"""Rations give what the rate allows and no more."""

from __future__ import annotations

from pekanu.node.rations import Ration, Rations


def test_take__when_the_burst_is_gone__then_as_the_rate_refills() -> None:
    ration = Ration(2.0, burst=3)
    assert [ration.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert not ration.take(10.4)
    assert ration.take(10.5)
    assert [ration.take(99.0) for _ in range(4)] == [True, True, True, False]


def test_take__when_the_clock_goes_back__then_nothing_is_given_for_it() -> None:
    ration = Ration(1.0, burst=1)
    assert ration.take(10.0)
    assert not ration.take(5.0)


def test_take__when_takers_differ__then_each_has_its_own() -> None:
    rations = Rations(1.0, burst=1)
    assert rations.take("a", 0.0)
    assert not rations.take("a", 0.0)
    assert rations.take("b", 0.0)


def test_take__when_takers_are_many__then_only_so_many_are_remembered() -> None:
    rations = Rations(1.0, burst=1)
    for taker in range(10_000):
        rations.take(taker, 0.0)
    assert len(rations._buckets) == 8192
