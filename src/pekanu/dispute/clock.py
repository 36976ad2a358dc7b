"""The two clocks of a dispute, and how long it can take at most.

A side's clock runs only while it owes the move, and only beyond the move's extension, of which
nothing is saved: so a dispute is bounded by both clocks and the moves' extensions.
Twin: contracts/referees/disputes.vy, "CLOCKS". Source: design/referees.md, "BisectionReferee".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pekanu.dispute.dissection import PARTS, count_parts
from pekanu.dispute.place import Place, Side, Turn
from pekanu.market.task import Terms
from pekanu.types import Seconds

#: The worker's clock is at most so many times the terms', however many dispute with it at once.
MAX_CLOCKS: Final = 16


def get_extension(place: Place, extension: Seconds, most: int = PARTS) -> Seconds:
    """Return the seconds of a move beside the clock: more where a step may have to be proved."""
    if place.last - place.first < 2 * most:
        return max(extension, place.last_extension)
    return extension


def start_turn(
    place: Place, turn: Turn, now: Seconds, extension: Seconds, most: int = PARTS
) -> Place:
    """Return the place with the move given to somebody, from now on."""
    left = place.get_left(turn.side)
    deadline = Seconds(now + left + get_extension(place, extension, most))
    return replace(place, turn=turn, deadline=deadline)


def end_turn(place: Place, now: Seconds) -> Place:
    """Return the place with the mover's clock stopped; `now` is at most the deadline."""
    unused = Seconds(place.deadline - now)
    if place.turn.side is Side.CHALLENGER:
        return replace(place, challenger_left=min(place.challenger_left, unused))
    return replace(place, worker_left=min(place.worker_left, unused))


def is_over(place: Place, now: Seconds) -> bool:
    """Say whether the party that owes the move has lost by its clock."""
    return now > place.deadline


def count_moves(max_steps: int, most: int = PARTS) -> int:
    """Return how many moves a dispute has at most: opening, dissections, proof."""
    moves, longest = 2, -(-max_steps // count_parts(0, max_steps, most))
    while longest > 1:
        moves += 1
        longest = -(-longest // count_parts(0, longest, most))
    return moves


def get_longest_seconds(terms: Terms, *, share: int = MAX_CLOCKS) -> Seconds:
    """Return how long a dispute under some terms can take, from challenge to time-out.

    Args:
        terms: The task's.
        share: Disputes at once, at most MAX_CLOCKS: what the worker's clock is multiplied by.
    """
    moves = count_moves(terms.max_steps)
    longest = max(terms.extension, terms.last_extension)
    both_first = 2 * max(terms.first_extension, terms.last_extension)
    return Seconds((share + 1) * terms.clock + both_first + (moves - 2) * longest)
