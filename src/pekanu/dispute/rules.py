"""What a challenge costs and grants, and which terms can be disputed under.

Twins: contracts/referees/terms.vy, contracts/BisectionReferee.vy (`challenge`).
Source: design/referees.md, "BisectionReferee", step 1.
"""

from __future__ import annotations

from typing import Final

from pekanu.dispute.clock import MAX_CLOCKS, start_turn
from pekanu.dispute.dissection import PARTS
from pekanu.dispute.errors import require
from pekanu.dispute.place import Place, Turn
from pekanu.market.state import TaskState
from pekanu.market.task import Task, Terms
from pekanu.types import ZERO_ADDRESS, Address, Seconds, Wei

#: Shortest clock, and longest clock and extension, in seconds: a minute; thirty days.
MIN_CLOCK: Final = 60
MAX_CLOCK: Final = 30 * 24 * 3600
MAX_BOND: Final = (1 << 80) - 1


def are_sound(terms: Terms) -> bool:
    """Say whether a dispute under these terms can be played; nobody signs others."""
    extensions = (terms.extension, terms.first_extension, terms.last_extension)
    return (
        terms.max_steps > 0
        and terms.bond <= MAX_BOND
        and terms.clock >= MIN_CLOCK
        and max(terms.clock, *extensions) <= MAX_CLOCK
    )


def speaks_for_client(task: Task, who: Address) -> bool:
    """Say whether a challenge by somebody counts as the client's."""
    return who != ZERO_ADDRESS and who in {task.client, task.agent}


def get_bond(state: TaskState, terms: Terms, *, for_client: bool) -> Wei:
    """Return the least bond of a challenge now.

    The base for the client's first, always; for others as many times that as there would then be
    challenges open, which pay for a worker that must defend itself in many places at once.
    """
    if for_client and state.client_challenges == 0:
        return terms.bond
    return Wei(terms.bond * (1 + count_open(state)))


def count_open(state: TaskState) -> int:
    """Return how many challenges are open on a task."""
    return state.client_challenges + state.other_challenges


def begin(
    terms: Terms,
    state: TaskState,
    challenger: Address,
    number: int,
    now: Seconds,
    most: int = PARTS,
) -> Place:
    """Return where a dispute begins, with the worker to open its claim.

    Args:
        terms: The task's.
        state: The task's in the market, before the challenge is counted.
        challenger: Who challenges.
        number: Its own, once against the same worker.
        now: Chain time.
        most: Parts of a dissection; others than the contract's in tests alone.

    Raises:
        Refused: The terms are not sound.
    """
    require(are_sound(terms), "unsound terms")
    place = Place(
        number=number,
        worker=state.worker,
        challenger=challenger,
        turn=Turn.OPENING,
        first=0,
        last=terms.max_steps,
        deadline=Seconds(0),
        worker_left=Seconds(terms.clock * min(1 + count_open(state), MAX_CLOCKS)),
        challenger_left=terms.clock,
        extension=terms.extension,
        last_extension=terms.last_extension,
    )
    return start_turn(place, Turn.OPENING, now, terms.first_extension, most)
