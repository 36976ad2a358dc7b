"""A program that never ends and whose every state is known at once, however far away.

It fills its registers and the largest output, then counts in memory for ever: three instructions a
turn. No sibling on the paths of its loop is a root of zeros, so that its proofs are as long as any.
Not here: the dispute that is played over it (`dispute`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pekanu.bench.step_proof import fill, list_neighbours, read_word
from pekanu.machine.isa import (
    LEAF_SIZE,
    MAX_CONTENT_SIZE,
    OUTPUT_BASE,
    REGION_DEPTH,
    TEXT_DEPTH,
)
from pekanu.machine.program import Program, get_initial_state
from pekanu.machine.state import REGISTERS, MachineState
from pekanu.machine.step import step
from pekanu.types import Hash32

#: Leaves of text and memory, in the midst of others.
_LOOP_LEAF: Final = 0x5_5555
_COUNT_LEAF: Final = 0x5_5555
#: What it is run on, so that the input region is none of zeros.
INPUT: Final = b"Pekanu"
_COUNT, _ADDRESS, _MARK = 1, 2, 7
_FIXED: Final = {_COUNT: 0, _ADDRESS: _COUNT_LEAF * LEAF_SIZE}
_LOOP: Final = (
    0x0010_8093,  # addi x1, x1, 1
    0x0011_2023,  # sw x1, 0(x2)
    0xFF9F_F06F,  # jal x0, -8
)


class EndlessRun:
    """The states of the program by step; of a false run, from some step on, with another register.

    Args:
        departs: The step of the first false state, in the loop; or None.
    """

    def __init__(self, departs: int | None = None) -> None:
        """Run up to the loop."""
        self.program = _build_program()
        self._departs = departs
        self._early = [get_initial_state(self.program, INPUT)]
        for _ in range(LOOP_BEGINS):
            state = self._early[-1].copy()
            step(self.program, state)
            self._early.append(state)
        #: A state of the loop, made another one by each question.
        self._looping = self._early[-1].copy()

    def get_state(self, place: int) -> MachineState:
        """Return the state at a step."""
        past = place - LOOP_BEGINS
        if past <= 0:
            return self._early[place].copy()
        state = self._looping
        turns, rest = divmod(past, len(_LOOP))
        state.registers[_COUNT] = (turns + (rest > 0)) & 0xFFFF_FFFF
        state.registers[_MARK] = read_word(_MARK) ^ self._is_false(place)
        state.pc = _LOOP_LEAF * LEAF_SIZE + 4 * rest
        stored = (turns + (rest > 1)) & 0xFFFF_FFFF
        state.memory.write(_COUNT_LEAF * LEAF_SIZE, stored.to_bytes(4, "little"))
        return state

    def _is_false(self, place: int) -> bool:
        return self._departs is not None and place >= self._departs

    def get_roots(self, steps: Sequence[int]) -> list[Hash32]:
        """Return the roots of the states at some steps."""
        return [self.get_state(place).root for place in steps]


def _write_start() -> Iterator[int]:
    """Yield the instructions before the loop."""
    for leaf in (0, *list_neighbours(0, REGION_DEPTH)):
        yield from _write_load(5, OUTPUT_BASE + leaf * LEAF_SIZE)
        yield from _write_load(6, read_word(leaf) if leaf else MAX_CONTENT_SIZE)
        yield 0x0062_A023  # sw x6, 0(x5)
    for register in range(1, REGISTERS):
        yield from _write_load(register, _FIXED.get(register, read_word(register)))


def _write_load(register: int, number: int) -> Iterator[int]:
    """Yield `lui` and `addi`, which load a number into a register."""
    low = number & 0xFFF
    high = (number + 0x800 & 0xFFFF_FFFF) >> 12
    yield high << 12 | register << 7 | 0x37
    yield low << 20 | register << 15 | register << 7 | 0x13


def _build_program() -> Program:
    words = b"".join(word.to_bytes(4, "little") for word in (*_write_start(), *_LOOP))
    loop = _LOOP_LEAF * LEAF_SIZE
    entry = loop - 4 * LOOP_BEGINS
    code = bytes(entry % LEAF_SIZE) + words
    code += bytes(-len(code) % LEAF_SIZE)
    text = {
        entry // LEAF_SIZE + place // LEAF_SIZE: code[place : place + LEAF_SIZE]
        for place in range(0, len(code), LEAF_SIZE)
    }
    text = {leaf: fill(leaf) for leaf in list_neighbours(_LOOP_LEAF, TEXT_DEPTH)} | text
    image = {leaf: fill(leaf) for leaf in list_neighbours(_COUNT_LEAF, REGION_DEPTH)}
    return Program(text=_list(text), image=_list(image), entry=entry)


def _list(leaves: dict[int, bytes]) -> tuple[tuple[int, bytes], ...]:
    return tuple((leaf * LEAF_SIZE, content) for leaf, content in sorted(leaves.items()))


#: Steps before the loop.
LOOP_BEGINS: Final = len(list(_write_start()))
