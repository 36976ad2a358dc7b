"""A thousand small searches, planted, searched, sealed, opened, audited: how often one is seen."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import pytest

from pekanu.crypto.accumulator import accumulate, hash_accumulator
from pekanu.market import delivery
from pekanu.market.claim import Result
from pekanu.ringers import (
    Audit,
    Domain,
    Finding,
    RingerCount,
    audit,
    encode_solutions,
    plant,
)
from pekanu.types import Hash32

Image = Callable[[int], Hash32]
#: Points of the domain in the order of the search, and the targets, to those that are found.
Worker = Callable[[list[int], frozenset[Hash32], Image], list[int]]

DOMAIN = Domain(low=500, high=560)
COUNT = RingerCount(least=2, most=8)
SKIPPED = Fraction(1, 4)
HONEST, FIXED, ADAPTIVE = 100, 500, 400
TASK_ID = bytes(range(32))


@pytest.fixture(autouse=True)
def quick_accumulators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take each power once, though both parties do."""
    # The package's `audit` is the function; its module has the same name.
    monkeypatch.setattr(sys.modules["pekanu.ringers.audit"], "accumulate", _accumulate)


def _accumulate(points: list[int]) -> int:
    return _accumulate_once(tuple(points))


@cache
def _accumulate_once(points: tuple[int, ...]) -> int:
    return accumulate(points)


def search_all(points: list[int], targets: frozenset[Hash32], image: Image) -> list[int]:
    return [point for point in points if image(point) in targets]


def skip_a_quarter(points: list[int], targets: frozenset[Hash32], image: Image) -> list[int]:
    return search_all(points[: len(points) * 3 // 4], targets, image)


def stop_when_lucky(points: list[int], targets: frozenset[Hash32], image: Image) -> list[int]:
    """Stop, with a quarter left or more, as soon as most of what can be expected is found."""
    last = len(points) * 3 // 4
    found: list[int] = []
    for done, point in enumerate(points):
        if image(point) in targets:
            found.append(point)
        if done + 1 <= last and len(found) >= COUNT.least + 2:
            return found
    return found


def buy(worker: Worker, image: Image, seed: int) -> Audit:
    """Plant, have it searched in an order of the worker's own, seal, open and audit."""
    rng = random.Random(seed)
    planted = plant(DOMAIN, [], COUNT, image, rng.randbytes)
    order = list(range(DOMAIN.low, DOMAIN.high))
    random.Random(-seed).shuffle(order)
    points = sorted(worker(order, frozenset(planted.targets), image))
    output, key = encode_solutions(points), rng.getrandbits(250)
    sealed = delivery.seal(TASK_ID, key, [output])
    result = Result(
        output_root=sealed.output_roots[0],
        output_size=len(output),
        evidence=hash_accumulator(_accumulate(points)),
    )
    opened = delivery.audit(TASK_ID, key, [result], sealed.ciphertext)
    assert isinstance(opened, list)
    evidence = result.evidence
    return audit(opened[0], DOMAIN, planted.targets, planted.ringers, evidence, image)


def count_uncaught(worker: Worker, image: Image, first: int, rounds: int) -> int:
    audits = [buy(worker, image, first + n) for n in range(rounds)]
    assert {one.finding for one in audits} <= {Finding.IN_ORDER, Finding.RINGER_MISSING}
    return sum(one.is_in_order for one in audits)


def test_audit__when_everything_was_searched__then_always_in_order(image: Image) -> None:
    assert count_uncaught(search_all, image, 1, HONEST) == HONEST


def test_audit__when_a_share_was_skipped__then_caught_as_often_as_stated(image: Image) -> None:
    expected = float(COUNT.get_evasion(SKIPPED))
    deviation = (expected * (1 - expected) * FIXED) ** 0.5
    uncaught = count_uncaught(skip_a_quarter, image, 10_000, FIXED)
    # Points are drawn without repetition, which helps the client by less than a deviation.
    assert abs(uncaught - expected * FIXED) < 4 * deviation


def test_audit__when_a_worker_stops_early__then_the_bound_for_adapting_ones_holds(
    image: Image,
) -> None:
    bound = float(COUNT.get_adaptive_evasion(SKIPPED))
    stopped = uncaught = 0
    for seed in range(20_000, 20_000 + ADAPTIVE):
        found = buy(stop_when_lucky, image, seed)
        if len(found.points) == COUNT.least + 2:
            stopped += 1
            uncaught += found.is_in_order
    assert stopped > ADAPTIVE / 4
    assert uncaught / ADAPTIVE < bound
    assert uncaught < stopped
