"""Where a client takes what is wrong: the port behind which its two referees differ.

What is not here: the disputes of programs (`client_challenge`), the cases of searches
(`client_searches`), when either is begun (`client_machine`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from pekanu.types import Wei

TaskT_contra = TypeVar("TaskT_contra", contravariant=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """How a challenge of a client's stands."""

    is_live: bool
    is_won: bool
    #: Why it ended otherwise.
    why: str = ""
    #: The bond, where it went to the worker.
    lost_wei: Wei = Wei(0)


class Court(Protocol[TaskT_contra]):
    """Where a client takes wrong results."""

    async def find_culprit(self, task: TaskT_contra) -> int | None:
        """Return an item that a referee would rule on, or None."""
        ...

    def begin(self, task: TaskT_contra) -> None:
        """Challenge what was found; a challenge begun before is left alone."""
        ...

    def get_trial(self, task: TaskT_contra) -> Trial | None:
        """Return how the challenge of a try stands, if it was begun."""
        ...

    async def wait_over(self, task: TaskT_contra) -> None:
        """Return once nothing is done about a try any more, and all that was sent is mined."""
        ...
