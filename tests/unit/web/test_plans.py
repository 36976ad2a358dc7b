"""A plan is confirmed once, by the browser and at the address that it was shown for, in time."""

from __future__ import annotations

import pytest

from pekanu.errors import UsageError
from pekanu.web.plans import Plan, ReviewedPlans

PLAN = Plan(title="Put it there", sentences=(), at_most="nothing", path="/there")
MINUTE = 60.0


class Clock:
    """Stands still unless it is told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def plans(clock: Clock) -> ReviewedPlans:
    return ReviewedPlans(clock)


def test_take__as_it_was_shown__then_once(plans: ReviewedPlans, clock: Clock) -> None:
    token = plans.keep("me", PLAN)
    clock.seconds = 14 * MINUTE

    assert plans.take("me", token, "/there") is PLAN
    with pytest.raises(UsageError, match="no dialog has shown"):
        plans.take("me", token, "/there")


@pytest.mark.parametrize(
    ("session", "path"), [("other", "/there"), ("me", "/elsewhere"), ("me", "/there/")]
)
def test_take__by_another_or_elsewhere__then_refused_and_still_kept(
    plans: ReviewedPlans, session: str, path: str
) -> None:
    token = plans.keep("me", PLAN)

    for wrong in (token, "", "0" * 32):
        with pytest.raises(UsageError, match="no dialog has shown"):
            plans.take(session, wrong, path)
    assert plans.take("me", token, "/there") is PLAN


def test_take__too_late__then_refused_for_good(plans: ReviewedPlans, clock: Clock) -> None:
    token = plans.keep("me", PLAN)
    clock.seconds = 16 * MINUTE

    with pytest.raises(UsageError, match="too old"):
        plans.take("me", token, "/there")
    clock.seconds = 0
    with pytest.raises(UsageError, match="no dialog has shown"):
        plans.take("me", token, "/there")


def test_keep__of_many__then_the_oldest_goes(plans: ReviewedPlans) -> None:
    tokens = [plans.keep("me", PLAN) for _ in range(40)]

    assert len(set(tokens)) == 40
    with pytest.raises(UsageError):
        plans.take("me", tokens[0], "/there")
    assert plans.take("me", tokens[-1], "/there") is PLAN
