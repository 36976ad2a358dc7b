"""Where the functions of the module are, and by which number each way in and each case is known.

Not here: the map in memory that the module looks jumps up in (`module`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

#: Functions of the module before the guest's.
RUN: Final = 0
JUMP: Final = 1
UNKNOWN: Final = 2
_FIRST: Final = UNKNOWN
#: The memory that maps addresses to cases.
CASES: Final = 2
#: Signatures of the module.
GUEST_SIGNATURE: Final = 0
RUN_SIGNATURE: Final = 1
#: Globals: x1 to x31 at 0 to 30, then why the module comes back, and where a jump goes.
REASON_GLOBAL: Final = 31
TARGET_GLOBAL: Final = 32


def get_global(register: int) -> int:
    """Return the global that holds a register between functions."""
    return register - 1


@dataclass(slots=True)
class Places:
    """The places, from 1, of functions in the table by their start, and their ways in."""

    functions: dict[int, int] = field(default_factory=dict)
    #: By address: the function's start and the number of the way, 0 for the start.
    entries: dict[int, tuple[int, int]] = field(default_factory=dict)
    #: Numbers, from 1, of the targets of switches by their address.
    cases: dict[int, int] = field(default_factory=dict)

    def get_index(self, start: int) -> int:
        """Return the index in the module of the function that begins at a start."""
        return _FIRST + self.functions[start]

    def number_cases(self, targets: Iterable[int]) -> dict[int, int]:
        """Return a switch's targets by their numbers; those without one get the next ones."""
        return {self.cases.setdefault(pc, len(self.cases) + 1): pc for pc in targets}
