"""How long a program may run, and how long a dispute about it: what terms say by default.

The one place where these are computed. A client proposes them, a worker checks them against its
own, and a challenger can see from them whether it has the time:

- `max_steps`, an item: MARGIN times what the step model says of the largest item, and FLOOR. Models
  are estimates; what runs into the limit is paid as the state that it has reached. A user may set
  another limit; a higher one costs more, since the worker may have to go so far.
- replay: the seconds in which any machine runs so many steps, SURE_STEPS of them a second.
- `clock`: the task's response window, for both name how long a party may be away.
- `first_extension`: MOVE_SECONDS and a whole replay, for who has no states yet begins with a run.
- `extension`, `last_extension`: MOVE_SECONDS and an eighth of a replay, for from then on there
  are states to begin from.
- the audit window: the worker's own and a replay of all items, for a client that recomputes.

What is not here: the bond and the prices (`worker_terms`), the clocks' rules (`pekanu.dispute`).
Source: design/referees.md, "BisectionReferee".
"""

from __future__ import annotations

from typing import Final

from pekanu.dispute.rules import MAX_CLOCK, MIN_CLOCK, are_sound
from pekanu.machine.executor import MOST_STEPS
from pekanu.market.lifecycle import MAX_WINDOW
from pekanu.market.task import Terms
from pekanu.types import Hash32, Seconds, Wei

#: Steps that a program may take for one of its step model's, and beside them.
MARGIN: Final = 4
FLOOR: Final = 1_000_000
#: Steps that any machine takes in a second: a tenth of what common ones do.
SURE_STEPS: Final = 2 * 10**8
#: Seconds for a move beside computing it: to notice, to send, to be mined.
MOVE_SECONDS: Final = 60
#: How often a party may be given as much time as usual before a worker finds it too long.
_PATIENCE: Final = 4


def get_max_steps(estimate: int) -> int:
    """Return the steps after which a program is stopped, from its largest item's estimate."""
    return min(MARGIN * estimate + FLOOR, MOST_STEPS)


def get_replay_seconds(steps: int) -> Seconds:
    """Return the seconds in which any machine runs so many steps."""
    return Seconds(-(-steps // SURE_STEPS))


def get_audit_window(usual: Seconds, steps: int) -> Seconds:
    """Return how long a client has to audit items of so many steps together."""
    return Seconds(min(usual + get_replay_seconds(steps), MAX_WINDOW))


def build_terms(
    program_id: Hash32, inputs_root: Hash32, *, max_steps: int, bond: Wei, response_window: Seconds
) -> Terms:
    """Return the terms of a computation."""
    replay = get_replay_seconds(max_steps)
    move = Seconds(min(MOVE_SECONDS + replay // 8, MAX_CLOCK))
    return Terms(
        program_id=program_id,
        inputs_root=inputs_root,
        max_steps=max_steps,
        bond=bond,
        clock=Seconds(min(max(response_window, MIN_CLOCK), MAX_CLOCK)),
        extension=move,
        first_extension=Seconds(min(MOVE_SECONDS + replay, MAX_CLOCK)),
        last_extension=move,
    )


def find_unfit(terms: Terms, *, bond: Wei, response_window: Seconds) -> str | None:
    """Return why a worker could not defend itself under some terms, or None.

    Args:
        terms: What somebody proposes.
        bond: The least that covers a whole dispute.
        response_window: The task's.
    """
    usual = build_terms(
        terms.program_id,
        terms.inputs_root,
        max_steps=terms.max_steps,
        bond=bond,
        response_window=response_window,
    )
    if not are_sound(terms) or terms.max_steps > MOST_STEPS:
        return "no dispute can be played under these terms"
    if terms.bond < bond:
        return f"the bond of a challenge is {bond} wei"
    for name in ("clock", "extension", "first_extension", "last_extension"):
        given, least = getattr(terms, name), getattr(usual, name)
        if not least <= given <= _PATIENCE * least:
            return f"the {name.replace('_', ' ')} of a dispute is {least} seconds"
    return None
