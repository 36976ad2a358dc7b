"""Runs a short program on one input after another, each from the beginning, for its output alone.

A run costs some ten microseconds beside its steps, and none of the interpreter's lock while it is
executed, so threads may run one each. Not here: states and roots (`executor`).
"""

from __future__ import annotations

import mmap
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pekanu.machine.isa import (
    CONTENT_OFFSET,
    INPUT_BASE,
    MAX_CONTENT_SIZE,
    MEMORY_SIZE,
    OUTPUT_BASE,
)
from pekanu.machine.program import InputTooLong, Program

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
        self._image = [
            (address, np.frombuffer(part, dtype=np.uint8)) for address, part in program.image
        ]
        self._entry, self._max_steps = program.entry, max_steps
        words = program.get_text_words()
        self._code = np.zeros(len(words), dtype=np.uint64)
        exact.decode(words, self._code)
        self._none = words[:0]
        self._map: mmap.mmap | None = None
        self._bytes = self._halves = self._words = np.zeros(0, dtype=np.uint8)

    def run(self, content: bytes) -> bytes | None:
        """Return the output of a run that halts with exit code 0 in time; of others, None.

        The bytes are those that the output's length says, whatever else its region holds.

        Raises:
            InputTooLong: The input does not fit the machine's memory.
        """
        if len(content) > MAX_CONTENT_SIZE:
            raise InputTooLong(len(content))
        self._wipe()
        for address, part in self._image:
            self._bytes[address : address + len(part)] = part
        if content:
            self._words[INPUT_BASE >> 2] = len(content)
            self._write(INPUT_BASE + CONTENT_OFFSET, content)
        exact = self._exact
        state = np.zeros(exact.STATE_WORDS, dtype=np.uint32)
        state[exact.PC] = self._entry
        memory = (self._bytes, self._halves, self._words)
        exact.execute(self._code, memory, state, self._none, self._max_steps, False)
        if state[exact.STATUS] != exact.HALTED or state[exact.EXIT_CODE] != 0:
            return None
        size = int(self._words[OUTPUT_BASE >> 2])
        start = OUTPUT_BASE + CONTENT_OFFSET
        return None if size > MAX_CONTENT_SIZE else self._bytes[start : start + size].tobytes()

    def _write(self, address: int, content: bytes) -> None:
        self._bytes[address : address + len(content)] = np.frombuffer(content, dtype=np.uint8)

    def _wipe(self) -> None:
        """Make memory zero."""
        if self._map is None or _WIPE is None:
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            self._map = mmap.mmap(-1, MEMORY_SIZE, flags=flags)
            data: NDArray[np.uint8] = np.frombuffer(self._map, dtype=np.uint8)
            self._bytes, self._halves = data, data.view(np.uint16)
            self._words = data.view(np.uint32)
        else:
            self._map.madvise(_WIPE)
