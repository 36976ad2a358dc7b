"""A program that never ends and whose every state is known at once, however far away.

It writes an output, then counts in memory for ever: three instructions a turn. Text and memory are
as full as those of a program of some size, so that its proofs are as long.
Not here: the dispute that is played over it (`dispute`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pekanu.crypto.keccak import keccak256
from pekanu.machine.program import Program, get_initial_state
from pekanu.machine.state import MachineState
from pekanu.machine.step import step
from pekanu.types import Hash32

#: Where text begins and how much there is: 64 KiB.
_TEXT: Final = 0x10000
_TEXT_SIZE: Final = 1 << 16
#: Where the image begins and how much there is, the counter's leaf at its beginning: 2 MiB.
_IMAGE: Final = 0x20_0000
_IMAGE_SIZE: Final = 1 << 21
_START: Final = (
    0x0C00_02B7,  # lui x5, 0xc000: the output
    0x0200_0313,  # addi x6, x0, 32
    0x0062_A023,  # sw x6, 0(x5)
    0x0262_A023,  # sw x6, 32(x5)
    0x0020_0137,  # lui x2, 0x200: the image
)
_LOOP: Final = (
    0x0010_8093,  # addi x1, x1, 1
    0x0011_2023,  # sw x1, 0(x2)
    0xFF9F_F06F,  # jal x0, -8
)
_COUNTER, _MARK = 1, 7


class EndlessRun:
    """The states of the program by step; of a false run, from some step on, with another register.

    Args:
        departs: The step of the first false state, or None.
    """

    def __init__(self, departs: int | None = None) -> None:
        """Run up to the loop."""
        self.program = _build_program()
        self._departs = departs
        self._early = [get_initial_state(self.program, b"")]
        for _ in _START:
            state = self._early[-1].copy()
            step(self.program, state)
            self._early.append(state)

    def get_state(self, place: int) -> MachineState:
        """Return the state at a step."""
        past = place - len(_START)
        if past <= 0:
            state = self._early[place].copy()
        else:
            state = self._early[-1]
            turns, rest = divmod(past, len(_LOOP))
            state.registers[_COUNTER] = (turns + (rest > 0)) & 0xFFFF_FFFF
            state.pc = _TEXT + 4 * (len(_START) + rest)
            stored = (turns + (rest > 1)) & 0xFFFF_FFFF
            if stored:
                state.memory.write(_IMAGE, stored.to_bytes(4, "little"))
        if self._departs is not None:
            state.registers[_MARK] = 0x55 if place >= self._departs else 0
        return state

    def get_roots(self, steps: Sequence[int]) -> list[Hash32]:
        """Return the roots of the states at some steps."""
        return [self.get_state(place).root for place in steps]


def _build_program() -> Program:
    words = b"".join(word.to_bytes(4, "little") for word in (*_START, *_LOOP))
    return Program(
        text=((_TEXT, words + _fill(_TEXT_SIZE - len(words))),),
        image=((_IMAGE, _fill(_IMAGE_SIZE)),),
        entry=_TEXT,
    )


def _fill(size: int) -> bytes:
    """Return bytes that look random, always the same ones."""
    count = -(-size // 32)
    return b"".join(keccak256(place.to_bytes(4, "big")) for place in range(count))[:size]
