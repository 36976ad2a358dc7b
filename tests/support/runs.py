"""Runs of small programs, true and false, whose every state is known.

What is not here: who shows them to whom (`referee`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import region_root
from pekanu.dispute.ending import Ending, build_ending, build_result
from pekanu.machine.isa import OUTPUT_BASE
from pekanu.machine.program import Program, get_initial_state
from pekanu.machine.state import MachineState
from pekanu.machine.step import step
from pekanu.machine.witness import StepProof, build_proof
from pekanu.market.claim import Result
from pekanu.types import Hash32
from support.machine import assemble, make_program

Change = Callable[[MachineState], None]
#: Registers of the programs below.
OUT, LENGTH, VALUE, COUNT, UNUSED = 5, 6, 7, 8, 20


class KnownRun:
    """States by step; `change` makes a false one of the state at `departs`, and goes on from it."""

    def __init__(
        self,
        program: Program,
        content: bytes,
        max_steps: int,
        *,
        departs: int | None = None,
        change: Change | None = None,
    ) -> None:
        self.program, self.content, self.max_steps = program, content, max_steps
        state = get_initial_state(program, content)
        self.states = [state.copy()]
        for place in range(1, max_steps + 1):
            step(program, state)
            if place == departs:
                assert change is not None
                change(state)
            self.states.append(state.copy())
        self.roots = [one.root for one in self.states]

    def get_roots(self, steps: Sequence[int]) -> list[Hash32]:
        return [self.roots[one] for one in steps]

    def build_proof(self, place: int) -> StepProof:
        return build_proof(self.program, self.states[place])

    @property
    def input_root(self) -> Hash32:
        return region_root(self.content) if self.content else build_empty_region()

    @property
    def result(self) -> Result:
        return build_result(self.states[-1])

    @property
    def ending(self) -> Ending:
        return build_ending(self.states[-1])


def build_empty_region() -> Hash32:
    return region_root(b"")


def scramble(state: MachineState) -> None:
    """Make a state another one that a machine could have."""
    state.registers[UNUSED] ^= 0x55


def lie_about(tag: str, place: int) -> Hash32:
    """Return what is no state at all."""
    return keccak256(f"no state {tag} {place}".encode())


def make_counter(turns: int, *, output: int | None = 7) -> Program:
    """Return a program that counts down, stores a number, and halts with it.

    Its steps: five of preparation, two a turn, then as many as it takes to store and halt.
    """
    words = [
        assemble("lui", rd=OUT, imm=OUTPUT_BASE),
        assemble("addi", rd=LENGTH, imm=4),
        assemble("addi", rd=VALUE, imm=output or 0),
        assemble("addi", rd=COUNT, imm=turns),
        assemble("addi", rd=17, imm=93),
        assemble("addi", rd=COUNT, rs1=COUNT, imm=-1 & 0xFFFFFFFF),
        assemble("bne", rs1=COUNT, rs2=0, imm=-4 & 0xFFFFFFFF),
        *(store_output() if output is not None else ()),
        assemble("addi", rd=10, rs1=VALUE),
        assemble("ecall"),
    ]
    return make_program(words)


def store_output() -> Iterable[int]:
    return (
        assemble("sw", rs1=OUT, rs2=LENGTH, imm=0),
        assemble("sw", rs1=OUT, rs2=VALUE, imm=32),
    )


@cache
def get_counter_steps(turns: int) -> int:
    """Return the step at which such a program halts, if it has output."""
    return 5 + 2 * turns + 4
