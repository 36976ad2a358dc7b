"""The step that ended a dispute, read from what was shown to the contract: no program is needed.

A proof holds the registers and the leaves that the instruction reads; executing it on these alone
gives everything but the memory's root. Not here: fetching it from a chain (`pekanu.chain`).
"""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.machine.disassembly import disassemble
from pekanu.machine.instructions.access import (
    check_access,
    check_fetch,
    get_address,
    is_access,
)
from pekanu.machine.isa import LOADS, STORES, decode
from pekanu.machine.memory import Memory
from pekanu.machine.program import Program
from pekanu.machine.state import REGISTERS, MachineState, Status, get_pc
from pekanu.machine.step import step
from pekanu.machine.witness import StateWords
from pekanu.types import Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Hart:
    """A state without its memory."""

    pc: int
    #: x0 to x31.
    registers: tuple[int, ...]
    #: `running`, `halted` or `trapped:<cause>`.
    status: str
    exit_code: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownStep:
    """An instruction with what it did."""

    #: As the assembler writes it; empty where none was fetched.
    instruction: str
    word: int
    before: Hart
    after: Hart
    #: The address that was loaded from or stored to, and its leaf before and after; None if none.
    address: int | None = None
    leaf_before: Hash32 | None = None
    leaf_after: Hash32 | None = None


def read_step(words: StateWords, text_leaf: Hash32, memory_leaf: Hash32) -> ShownStep:
    """Return what a proof says of its step.

    Args:
        words: The state: memory root, registers and pc, status.
        text_leaf: Of the witness.
        memory_leaf: Likewise.
    """
    state = _build_state(words)
    before = _describe(state)
    if state.status != Status.RUNNING or check_fetch(state) != Status.RUNNING:
        step(_build_program(0, bytes(32)), state)
        return ShownStep(instruction="", word=0, before=before, after=_describe(state))
    program = _build_program(state.pc & ~31, text_leaf)
    word = program.get_word(get_pc(state))
    address = _find_address(state, word)
    if address is not None:
        state.memory.set_leaf(address >> 5, int.from_bytes(memory_leaf, "little"))
    text = disassemble(word, get_pc(state))
    step(program, state)
    leaf_after = None
    if address is not None:
        leaf_after = Hash32(state.memory.get_leaf(address >> 5).to_bytes(32, "little"))
    return ShownStep(
        instruction=text,
        word=word,
        before=before,
        after=_describe(state),
        address=address,
        leaf_before=None if address is None else memory_leaf,
        leaf_after=leaf_after,
    )


def _build_state(words: StateWords) -> MachineState:
    _, packed, status = words
    data = b"".join(word.to_bytes(32, "big") for word in packed)
    values = [int.from_bytes(data[place : place + 4], "big") for place in range(0, len(data), 4)]
    return MachineState(
        pc=values[-1],
        registers=[0, *values[: REGISTERS - 1]],
        status=Status(status >> 32),
        exit_code=status & 0xFFFF_FFFF,
        memory=Memory(),
    )


def _build_program(address: int, leaf: bytes) -> Program:
    return Program(text=((address, leaf),), image=(), entry=address)


def _find_address(state: MachineState, word: int) -> int | None:
    """Return the address that an instruction accesses, if it does."""
    instruction = decode(word)
    if instruction is None or not (is_access(instruction, LOADS) or is_access(instruction, STORES)):
        return None
    if check_access(state, instruction) != Status.RUNNING:
        return None
    return get_address(state, instruction)


def _describe(state: MachineState) -> Hart:
    return Hart(
        pc=state.pc,
        registers=tuple(state.registers),
        status=state.status.text,
        exit_code=state.exit_code,
    )
