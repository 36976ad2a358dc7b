"""Runs a program in two tiers on one memory: translated code, and an interpreter for what is left.

The interpreter begins, since most programs end before their translation would. The translated
code stops where the steps that are left might not suffice for what comes next, at jumps that
nobody foresaw, and before what may trap; the interpreter goes on from there. If the translated
code itself traps, its registers are lost: the machine starts over from where it began, goes to
the last step that it knew, and lets the interpreter find the trap.

Not here: roots, outputs and checkpoints (`executor`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from pekanu.machine.compiled import Compiled, Interrupted
from pekanu.machine.guest_memory import GuestMemory
from pekanu.machine.isa import A0, A7, EXIT_CALL, Op, decode
from pekanu.machine.program import Program
from pekanu.machine.state import REGISTERS, MachineState, Status

#: Steps that the interpreter takes before a program is translated: about 50 ms.
_FIRST: Final = 1 << 24
#: With fewer steps left, the interpreter takes them all at once.
_FEW: Final = 20_000
#: Steps that translated code should make between two calls of the interpreter; if it makes fewer,
#: the interpreter takes ever more at a time.
_WORTH: Final = 5_000
_MOST_PATIENT: Final = 1 << 20
#: Steps and seconds of one uninterrupted stretch.
_FIRST_STRETCH: Final = 1 << 22
_LONGEST_STRETCH: Final = 1 << 34
_STRETCH_SECONDS: Final = 0.2
_INTERPRETED_STRETCH: Final = 1 << 26


class Start(Protocol):
    """Where a machine begins, again and again the same."""

    def load(self, machine: Machine) -> None:
        """Set the hart, and memory, which is zero."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """The start at step 0."""

    program: Program
    content: bytes

    def load(self, machine: Machine) -> None:
        """Load the program and its input.

        Raises:
            InputTooLong: The input does not fit.
        """
        machine.memory.load(self.program, self.content)
        machine.set_hart(pc=self.program.entry, registers=[0] * REGISTERS, steps=0)


class Machine:
    """A program under execution.

    Args:
        program: What is run.
        start: Where it begins.
        instantiate: Translates, and makes an instance with fresh memory, when the program turns
            out to run long; None interprets everything.
        is_ready: Whether that takes no time, so that the interpreter need not begin.
    """

    def __init__(
        self,
        program: Program,
        start: Start,
        instantiate: Callable[[], Compiled] | None,
        *,
        is_ready: bool = False,
    ) -> None:
        """Load the beginning."""
        self._program = program
        self._start = start
        self._instantiate = instantiate
        self._is_ready = is_ready
        self._words = program.get_text_words()
        self._code: NDArray[np.uint64] | None = None
        self.registers = np.zeros(REGISTERS, dtype=np.uint32)
        self.memory = GuestMemory()
        self._stretch = _FIRST_STRETCH
        self._patience = 1
        self._begin()

    def advance(
        self,
        steps: int,
        *,
        progress: Callable[[int], None] | None = None,
        interrupt: Callable[[], bool] | None = None,
    ) -> None:
        """Take steps until so many are taken or the program ends.

        Args:
            steps: To take at most.
            progress: Called now and then with the steps taken since the program began.
            interrupt: Called now and then; the machine stops early if it returns True.
        """
        last = self.steps + steps
        while self.steps < last and self.status == Status.RUNNING:
            if interrupt is not None and interrupt():
                return
            self._take_stretch(min(last - self.steps, self._stretch))
            if progress is not None:
                progress(self.steps)

    def restart(self, start: Start) -> None:
        """Go to where another run of the same program is; commitments then hash what differs."""
        self._start = start
        self._begin()

    def set_hart(self, *, pc: int, registers: Sequence[int], steps: int) -> None:
        """Set all but memory to where a program is running."""
        self.pc = pc
        self.registers[:] = registers
        self.steps = steps
        self.status = Status.RUNNING
        self.exit_code = 0

    def get_state(self, *, with_pages: bool = True) -> MachineState:
        """Return the whole state, for the reference to go on from.

        Args:
            with_pages: Whether its memory has contents; roots it has anyway.
        """
        return MachineState(
            pc=self.pc,
            registers=[int(value) for value in self.registers],
            status=self.status,
            exit_code=self.exit_code,
            memory=self.memory.to_memory() if with_pages else self.memory.commit(),
        )

    def _begin(self) -> None:
        """Start with zero memory from where the machine begins."""
        self._compiled: Compiled | None = None
        self.memory = self.memory.renew()
        self._start.load(self)
        self._first = 0 if self._is_ready else _FIRST

    def _take_stretch(self, steps: int) -> None:
        """Take a stretch of steps, or fewer if the program ends; adapt how long stretches are."""
        started = time.perf_counter()
        last = self.steps + steps
        if self._instantiate is None:
            self._interpret(min(steps, _INTERPRETED_STRETCH), to_entry=False)
        else:
            self._take_both(last)
        seconds = time.perf_counter() - started
        if seconds < _STRETCH_SECONDS / 2:
            self._stretch = min(self._stretch * 2, _LONGEST_STRETCH)
        elif seconds > _STRETCH_SECONDS * 2:
            self._stretch = max(self._stretch // 2, _FIRST_STRETCH)

    def _take_both(self, last: int) -> None:
        """Go to a step, or to the program's end, with both tiers."""
        if self._compiled is None:
            before = self.steps
            self._interpret(min(last - self.steps, self._first), to_entry=False)
            self._first -= self.steps - before
            if self._first > 0 or self.status != Status.RUNNING:
                return
            self._translate()
        while self.steps < last and self.status == Status.RUNNING:
            left = last - self.steps
            if left > _FEW:
                try:
                    made = self._run(left)
                except Interrupted:
                    self._recover(last)
                    return
                self._patience = 1 if made > _WORTH else min(self._patience * 2, _MOST_PATIENT)
                left -= made
            if left <= 0 or self._end_here():
                continue
            if left <= _FEW:
                self._interpret(left, to_entry=False)
            else:
                if self._patience > _FEW:
                    self._interpret(min(left, self._patience), to_entry=False)
                self._interpret(last - self.steps, to_entry=True)

    def _translate(self) -> None:
        """Go on in translated code, on its memory."""
        if self._instantiate is not None:
            self._compiled = self._instantiate()
            self._is_ready = True
            self.memory.move(self._compiled.memory)

    def _run(self, steps: int) -> int:
        """Run translated code and return how many steps it took."""
        if self._compiled is None:
            return 0
        self.pc, left = self._compiled.run(self.registers, self.pc, steps)
        self.steps += steps - left
        return steps - left

    def _recover(self, last: int) -> None:
        """Go to where translated code was last entered, then on with the interpreter."""
        known = self.steps
        self._begin()
        while self.steps < known:
            self._take_both(known)
        self._interpret(last - self.steps, to_entry=False)

    def _end_here(self) -> bool:
        """Halt if the next instruction does, which needs no interpreter; return whether it did."""
        if self.status != Status.RUNNING or self.pc & 3 or self.pc >> 2 >= len(self._words):
            return False
        instruction = decode(int(self._words[self.pc >> 2]))
        if instruction is None or instruction.op != Op.ECALL:
            return False
        if self.registers[A7] != EXIT_CALL:
            return False
        self.status = Status.HALTED
        self.exit_code = int(self.registers[A0])
        self.steps += 1
        return True

    def _interpret(self, steps: int, *, to_entry: bool) -> None:
        """Interpret steps, or fewer: up to where the program ends or translated code begins."""
        # Loading numba takes longer than most programs run.
        from pekanu.machine import exact  # noqa: PLC0415

        if steps <= 0 or self.status != Status.RUNNING:
            return
        if self._code is None:
            self._code = np.zeros(len(self._words), dtype=np.uint64)
            exact.decode(self._words, self._code)
        state = np.zeros(exact.STATE_WORDS, dtype=np.uint32)
        state[:REGISTERS] = self.registers
        state[exact.PC] = self.pc
        entries = self._words[:0] if self._compiled is None else self._compiled.entries
        memory = (self.memory.bytes, self.memory.halves, self.memory.words)
        self.steps += exact.execute(self._code, memory, state, entries, steps, to_entry)
        self.registers[:] = state[:REGISTERS]
        self.pc = int(state[exact.PC])
        self.status = Status(int(state[exact.STATUS]))
        self.exit_code = int(state[exact.EXIT_CODE])
