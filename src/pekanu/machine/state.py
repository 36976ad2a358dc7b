"""The state of the machine: registers, program counter, status, memory; and its commitment.

Register 0 is always 0. A state whose status is not RUNNING is its own successor.
Twin: contracts/machine/state.vy, whose functions return the state that these change in place.
Source: design/machine.md, "State commitment".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from pekanu.crypto.keccak import keccak256
from pekanu.machine.isa import WORD_MASK
from pekanu.machine.memory import Memory
from pekanu.types import Hash32

REGISTERS: Final = 32


class Status(IntEnum):
    """Whether the machine runs, has halted, or has trapped and why."""

    #: It goes on.
    RUNNING = 0
    #: The program ended by itself, with an exit code.
    HALTED = 1
    #: The word at pc is no instruction.
    ILLEGAL = 2
    #: `ebreak`.
    BREAKPOINT = 3
    #: An `ecall` other than exit.
    ECALL = 4
    #: A jump, or a branch taken, to an address that is no multiple of 4.
    MISALIGNED_JUMP = 5
    #: A load from an address that is no multiple of its size.
    MISALIGNED_LOAD = 6
    #: A store to an address that is no multiple of its size.
    MISALIGNED_STORE = 7
    #: A load outside memory.
    LOAD_FAULT = 8
    #: A store outside memory.
    STORE_FAULT = 9
    #: pc is outside text.
    FETCH_FAULT = 10

    @property
    def text(self) -> str:
        """`running`, `halted` or `trapped:<cause>`."""
        name = self.name.lower()
        return name if self <= Status.HALTED else f"trapped:{name}"


@dataclass(kw_only=True, slots=True)
class MachineState:
    """Everything that decides how a program goes on; changed in place by each step."""

    pc: int
    #: x0 to x31, unsigned.
    registers: list[int] = field(default_factory=lambda: [0] * REGISTERS)
    status: Status = Status.RUNNING
    #: Of a halted machine; else 0.
    exit_code: int = 0
    memory: Memory = field(default_factory=Memory)

    def copy(self) -> MachineState:
        """Return a state that goes its own way."""
        return MachineState(
            pc=self.pc,
            registers=list(self.registers),
            status=self.status,
            exit_code=self.exit_code,
            memory=self.memory.copy(),
        )

    @property
    def root(self) -> Hash32:
        """The commitment to the whole state."""
        return get_root(self)


def read(state: MachineState, index: int) -> int:
    """Return a register; register 0 is 0."""
    return state.registers[index]


def write(state: MachineState, index: int, number: int) -> None:
    """Set a register to the lower 32 bits of a value; register 0 stays 0."""
    if index != 0:
        state.registers[index] = number & WORD_MASK


def get_pc(state: MachineState) -> int:
    """Return the program counter."""
    return state.pc


def set_pc(state: MachineState, number: int) -> None:
    """Set the program counter to the lower 32 bits of a number."""
    state.pc = number & WORD_MASK


def advance(state: MachineState) -> None:
    """Go to the next instruction."""
    state.pc = (state.pc + 4) & WORD_MASK


def halt(state: MachineState, exit_code: int) -> None:
    """End the program; pc stays."""
    state.status = Status.HALTED
    state.exit_code = exit_code


def trap(state: MachineState, cause: int) -> None:
    """End the program for a cause; pc and registers stay."""
    state.status = Status(cause)
    state.exit_code = 0


def get_root(state: MachineState) -> Hash32:
    """Return the commitment to a state: the hash of its six words.

    They are the root of memory, four words of registers, and the status.
    """
    words = (*pack_registers(state), pack_status(state))
    return keccak256(state.memory.root + b"".join(word.to_bytes(32, "big") for word in words))


def pack_registers(state: MachineState) -> tuple[int, int, int, int]:
    """Return x1 to x31 and pc, eight a word, big-endian: the first is highest."""
    values = (*state.registers[1:], state.pc)
    packed = b"".join(value.to_bytes(4, "big") for value in values)
    a, b, c, d = (int.from_bytes(packed[i : i + 32], "big") for i in range(0, 128, 32))
    return a, b, c, d


def pack_status(state: MachineState) -> int:
    """Return the status, times 2^32, and the exit code in one word."""
    return state.status << 32 | state.exit_code
