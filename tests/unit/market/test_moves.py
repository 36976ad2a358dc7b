from __future__ import annotations

import pytest

from pekanu.market.moves import Party, get_outlook
from pekanu.market.state import Status
from pekanu.types import Seconds

DEADLINE = Seconds(1000)


@pytest.mark.parametrize(
    ("status", "turn", "move"),
    [
        (Status.ACCEPTED, Party.WORKER, "expire"),
        (Status.DELIVERED, Party.CLIENT, "finalize"),
        (Status.DEMANDED, Party.WORKER, "forfeit"),
    ],
)
def test_outlook__at_the_deadline_and_a_second_later__changes_whose_move_it_is(
    status: Status, turn: Party, move: str
) -> None:
    in_time = get_outlook(status, DEADLINE, DEADLINE)
    assert (in_time.turn, in_time.moves) == (turn, ())
    late = get_outlook(status, DEADLINE, Seconds(DEADLINE + 1))
    assert (late.turn, late.moves) == (Party.ANYONE, ((move, Party.ANYONE),))


def test_outlook__of_an_offer__lets_the_client_take_it_back_at_any_time() -> None:
    for now in (DEADLINE, Seconds(DEADLINE + 1)):
        assert get_outlook(Status.OPEN, DEADLINE, now).moves == (("cancel", Party.CLIENT),)


def test_outlook__while_a_challenge_is_open__offers_no_finalize() -> None:
    late = Seconds(DEADLINE + 1)
    assert get_outlook(Status.DELIVERED, DEADLINE, late, is_challenged=True).moves == ()


@pytest.mark.parametrize("status", [status for status in Status if status.is_terminal])
def test_outlook__of_a_task_that_has_ended__waits_for_nobody(status: Status) -> None:
    outlook = get_outlook(status, DEADLINE, Seconds(0))
    assert (outlook.turn, outlook.deadline, outlook.moves) == (None, None, ())
