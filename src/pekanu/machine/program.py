"""Programs: text, the image that memory begins with, where they start, and their id.

Not here: how they are read from files (`elf`).
Source: design/machine.md, "Memory" and "State commitment".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidInput
from pekanu.machine.isa import (
    CONTENT_OFFSET,
    INPUT_BASE,
    MAX_CONTENT_SIZE,
    REGION_DEPTH,
    REGION_SIZE,
    TEXT_DEPTH,
    TEXT_SIZE,
)
from pekanu.machine.memory import Memory
from pekanu.machine.state import MachineState
from pekanu.types import Hash32

#: The rules that a program is run by; part of its id.
VERSION: Final = keccak256(b"Pekanu machine v1")


def hash_program(text_root: Hash32, image_root: Hash32, entry: int) -> Hash32:
    """Return a program's id: the hash of version, text, image and entry, a word each."""
    return keccak256(VERSION + text_root + image_root + entry.to_bytes(32, "big"))


class InvalidProgram(InvalidInput):
    """A file or its parts are not a program of this machine."""


class InputTooLong(InvalidInput):
    """An input does not fit the machine's memory."""

    def __init__(self, size: int) -> None:
        """Compose the sentence from the size in bytes."""
        super().__init__(f"an input of {size} bytes is longer than {MAX_CONTENT_SIZE}")
        self.size = size


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is run.

    Raises:
        InvalidProgram: Parts overlap or lie outside, or it cannot start where it says.
    """

    #: Instructions: addresses and bytes, rising; zero, which is illegal, elsewhere.
    text: tuple[tuple[int, bytes], ...]
    #: What data memory holds at first: addresses and bytes, rising; zero elsewhere.
    image: tuple[tuple[int, bytes], ...]
    entry: int

    def __post_init__(self) -> None:
        """Check what the machine relies on."""
        _check_segments("text", self.text, TEXT_SIZE)
        _check_segments("the image", self.image, REGION_SIZE)
        if self.entry % 4:
            raise InvalidProgram(f"the program starts at {self.entry:#x}, no multiple of 4")
        if not any(start <= self.entry < start + len(part) for start, part in self.text):
            raise InvalidProgram(f"the program starts at {self.entry:#x}, outside its text")

    @cached_property
    def id(self) -> Hash32:
        """The hash that names the program."""
        return hash_program(self.text_root, self.image_root, self.entry)

    @cached_property
    def text_memory(self) -> Memory:
        """The text as the machine fetches it; not to be written."""
        return Memory.from_segments(self.text, TEXT_DEPTH)

    @property
    def text_root(self) -> Hash32:
        """The root of the text's tree, of depth 19."""
        return self.text_memory.root

    @cached_property
    def image_root(self) -> Hash32:
        """The root of the image's tree, of depth 21."""
        return Memory.from_segments(self.image, REGION_DEPTH).root

    def get_text_words(self) -> NDArray[np.uint32]:
        """Return the words of the text from address 0 to its last segment's end."""
        end = max(start + len(part) for start, part in self.text)
        text = np.zeros(-(-end // 4) * 4, dtype=np.uint8)
        for start, part in self.text:
            text[start : start + len(part)] = np.frombuffer(part, dtype=np.uint8)
        return text.view("<u4").astype(np.uint32, copy=False)

    def get_word(self, pc: int) -> int:
        """Return the word at an aligned address below TEXT_SIZE."""
        return (self.text_memory.get_leaf(pc >> 5) >> ((pc & 31) << 3)) & 0xFFFF_FFFF


def get_initial_state(program: Program, content: bytes) -> MachineState:
    """Return the state at step 0 of a program on an input.

    Raises:
        InputTooLong: The input does not fit.
    """
    if len(content) > MAX_CONTENT_SIZE:
        raise InputTooLong(len(content))
    memory = Memory()
    for address, part in program.image:
        memory.write(address, part)
    if content:
        memory.write(INPUT_BASE, len(content).to_bytes(4, "little"))
        memory.write(INPUT_BASE + CONTENT_OFFSET, content)
    return MachineState(pc=program.entry, memory=memory)


def _check_segments(name: str, segments: tuple[tuple[int, bytes], ...], size: int) -> None:
    end = 0
    for start, part in segments:
        if start < end:
            raise InvalidProgram(f"two segments of {name} hold the byte at {start:#x}")
        end = start + len(part)
        if end > size:
            raise InvalidProgram(f"{name} goes to {end:#x}, beyond {size:#x}")
