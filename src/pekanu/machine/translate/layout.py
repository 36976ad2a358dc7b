"""What the translated module and its host agree on: exports, the state's memory, encodings.

Not here: the code that follows it (`module`, `function`; on the host's side `executor`).
"""

from __future__ import annotations

from typing import Final

#: Raised whenever the translation changes, so that nothing older is taken from the cache.
VERSION: Final = 7

RUN: Final = "run"
MEMORY: Final = "memory"
STATE: Final = "state"

PAGE_SIZE: Final = 1 << 16
#: Pages of the guest's memory: 256 MiB.
MEMORY_PAGES: Final = 4096
#: The second memory: the hart's state, then the map from text to ways in, for a text of 16 MiB.
STATE_PAGES: Final = 1 + 256
MAP_OFFSET: Final = PAGE_SIZE
#: The third memory: the map from text to cases of switches, for a text of 16 MiB and not a byte
#: more, so that a jump to elsewhere traps.
CASE_PAGES: Final = 256
TEXT_SIZE: Final = 1 << 24

#: In the state's memory: x0 to x31 at 0, then these.
PC_OFFSET: Final = 128
REASON_OFFSET: Final = 132
BUDGET_OFFSET: Final = 136

#: A way in, as the map gives it: the function's place in the table, and the number of the way.
ENTRY_BITS: Final = 14
#: A function's first parameter is the stack that is left, in units of 16 bytes; or, negative, both
#: that and the number of a way in.
DEPTH_BITS: Final = 17
DEPTH_UNIT: Final = 16
#: The native stack that the translated code may use, and what it is limited to.
STACK_SIZE: Final = 1 << 20
NATIVE_STACK_SIZE: Final = 3 << 19
#: Subtracted from the budget by whoever leaves other than by returning to ra.
LEAVING: Final = 1 << 62
#: Steps that may be asked for at once.
MOST_STEPS: Final = 1 << 60

#: Why a function left: so that execution is dispatched anew, or for the exact tier to go on, which
#: is what holds unless a function says otherwise.
REASON_DISPATCH: Final = 0
REASON_EXACT: Final = 1
