"""Runs a short program on one input after another, each from the beginning, for its output alone.

A run costs some ten microseconds beside its steps, and none of the interpreter's lock while it is
executed, so threads may run one each. Not here: states and roots (`executor`).
"""

from __future__ import annotations

import mmap
from typing import Final

import numpy as np

from pekanu.machine.guest_memory import GuestMemory
from pekanu.machine.isa import CONTENT_OFFSET, MAX_CONTENT_SIZE, MEMORY_SIZE, OUTPUT_BASE
from pekanu.machine.program import Program

#: Wiping a private mapping gives its pages back; where the system has no such call, it is made
#: anew.
_WIPE: Final = getattr(mmap, "MADV_DONTNEED", None)


class Evaluator:
    """A program to be run again and again; for one thread.

    Args:
        program: What is run.
        max_steps: After which a run that has not halted counts for nothing.
    """

    def __init__(self, program: Program, max_steps: int) -> None:
        """Decode the program."""
        # Loading numba takes long.
        from pekanu.machine import exact  # noqa: PLC0415

        self._exact = exact
        self._program, self._max_steps = program, max_steps
        words = program.get_text_words()
        self._code = np.zeros(len(words), dtype=np.uint64)
        exact.decode(words, self._code)
        self._none = words[:0]
        self._map: mmap.mmap | None = None
        self._memory = GuestMemory()

    def run(self, content: bytes) -> bytes | None:
        """Return the output of a run that halts with exit code 0 in time; of others, None.

        The bytes are those that the output's length says, whatever else its region holds.

        Raises:
            InputTooLong: The input does not fit the machine's memory.
        """
        self._wipe()
        self._memory.load(self._program, content)
        exact, data = self._exact, self._memory.bytes
        state = np.zeros(exact.STATE_WORDS, dtype=np.uint32)
        state[exact.PC] = self._program.entry
        memory = (data, self._memory.halves, self._memory.words)
        exact.execute(self._code, memory, state, self._none, self._max_steps, False)
        if state[exact.STATUS] != exact.HALTED or state[exact.EXIT_CODE] != 0:
            return None
        size = int(self._memory.words[OUTPUT_BASE >> 2])
        start = OUTPUT_BASE + CONTENT_OFFSET
        return None if size > MAX_CONTENT_SIZE else data[start : start + size].tobytes()

    def _wipe(self) -> None:
        """Make memory zero."""
        if self._map is None or _WIPE is None:
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            self._map = mmap.mmap(-1, MEMORY_SIZE, flags=flags)
            self._memory = GuestMemory(np.frombuffer(self._map, dtype=np.uint8))
        else:
            self._map.madvise(_WIPE)
