"""An encoder of WebAssembly: instructions into a body, bodies into a module.

Only what the translator writes is here. Not here: what it writes and why (`function`, `module`).
Source: WebAssembly core specification 3.0, chapter 5, "Binary format".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Final

I32: Final = 0x7F
I64: Final = 0x7E
FUNCREF: Final = 0x70
#: The type of a block without parameters and results.
EMPTY: Final = 0x40

_MEMARG_WITH_MEMORY: Final = 0x40


class Do(IntEnum):
    """Instructions without immediate operands."""

    UNREACHABLE = 0x00
    ELSE = 0x05
    END = 0x0B
    RETURN = 0x0F
    DROP = 0x1A
    SELECT = 0x1B
    I32_EQZ = 0x45
    I32_EQ = 0x46
    I32_NE = 0x47
    I32_LT_S = 0x48
    I32_LT_U = 0x49
    I32_GT_S = 0x4A
    I32_GT_U = 0x4B
    I32_GE_S = 0x4E
    I32_GE_U = 0x4F
    I64_LT_S = 0x53
    I32_ADD = 0x6A
    I32_SUB = 0x6B
    I32_MUL = 0x6C
    I32_DIV_S = 0x6D
    I32_DIV_U = 0x6E
    I32_REM_S = 0x6F
    I32_REM_U = 0x70
    I32_AND = 0x71
    I32_OR = 0x72
    I32_XOR = 0x73
    I32_SHL = 0x74
    I32_SHR_S = 0x75
    I32_SHR_U = 0x76
    I32_ROTR = 0x78
    I64_ADD = 0x7C
    I64_SUB = 0x7D
    I64_MUL = 0x7E
    I64_SHR_U = 0x88
    I32_WRAP = 0xA7
    I64_EXTEND_S = 0xAC
    I64_EXTEND_U = 0xAD


class Access(IntEnum):
    """Loads and stores of memory."""

    I32_LOAD = 0x28
    I64_LOAD = 0x29
    I32_LOAD8_S = 0x2C
    I32_LOAD8_U = 0x2D
    I32_LOAD16_S = 0x2E
    I32_LOAD16_U = 0x2F
    I32_STORE = 0x36
    I64_STORE = 0x37
    I32_STORE8 = 0x3A
    I32_STORE16 = 0x3B


def unsigned(value: int) -> bytes:
    """Return a number of at least 0 as LEB128."""
    if value < 0x80:
        return bytes((value,))
    result = bytearray()
    while value >= 0x80:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value)
    return bytes(result)


def signed(value: int) -> bytes:
    """Return a number as signed LEB128."""
    result = bytearray()
    while not -0x40 <= value < 0x40:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    result.append(value & 0x7F)
    return bytes(result)


def to_signed(value: int) -> int:
    """Return 32 bits as the signed number that they mean."""
    return ((value & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


#: What most operands are, encoded once.
_SMALL: Final = tuple(unsigned(value) for value in range(1024))
#: Whole instructions, by the local.
_LOCAL_GET: Final = tuple(b"\x20" + unsigned(local) for local in range(64))
_LOCAL_SET: Final = tuple(b"\x21" + unsigned(local) for local in range(64))
_LOCAL_TEE: Final = tuple(b"\x22" + unsigned(local) for local in range(64))


@lru_cache(maxsize=1 << 14)
def _encode_i32(value: int) -> bytes:
    """Return the instruction that pushes a constant of 32 bits."""
    return b"\x41" + signed(to_signed(value))


class Body:
    """The instructions of a function, in the order in which they are written."""

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        """Begin without instructions."""
        self.bytes = bytearray()

    def do(self, *instructions: int) -> None:
        """Append instructions without operands."""
        self.bytes += bytes(instructions)

    def i32(self, value: int) -> None:
        """Push a constant of 32 bits."""
        self.bytes += _encode_i32(value)

    def i64(self, value: int) -> None:
        """Push a constant of 64 bits."""
        self.bytes.append(0x42)
        self.bytes += signed(value)

    def get(self, local: int) -> None:
        """Push a local."""
        self.bytes += _LOCAL_GET[local]

    def set(self, local: int) -> None:
        """Pop into a local."""
        self.bytes += _LOCAL_SET[local]

    def tee(self, local: int) -> None:
        """Copy the top of the stack into a local."""
        self.bytes += _LOCAL_TEE[local]

    def global_get(self, index: int) -> None:
        """Push a global."""
        self.bytes.append(0x23)
        self.bytes += _SMALL[index]

    def global_set(self, index: int) -> None:
        """Pop into a global."""
        self.bytes.append(0x24)
        self.bytes += _SMALL[index]

    def access(self, access: Access, *, memory: int = 0, offset: int = 0) -> None:
        """Load or store at the address on the stack plus an offset, assuming no alignment."""
        self.bytes.append(access)
        if memory:
            self.bytes.append(_MEMARG_WITH_MEMORY)
            self.bytes += unsigned(memory)
        else:
            self.bytes.append(0)
        self.bytes += unsigned(offset)

    def block(self) -> None:
        """Open a block; a branch to it goes to its end."""
        self.bytes += b"\x02\x40"

    def loop(self) -> None:
        """Open a loop; a branch to it goes to its beginning."""
        self.bytes += b"\x03\x40"

    def if_(self) -> None:
        """Open the part that runs if the top of the stack is not 0."""
        self.bytes += b"\x04\x40"

    def if_i32(self) -> None:
        """Open the part of a choice that leaves 32 bits on the stack."""
        self.bytes += b"\x04\x7f"

    def br(self, depth: int) -> None:
        """Branch to the label that encloses this place at a depth."""
        self.bytes.append(0x0C)
        self.bytes += unsigned(depth)

    def br_if(self, depth: int) -> None:
        """Branch if the top of the stack is not 0."""
        self.bytes.append(0x0D)
        self.bytes += unsigned(depth)

    def br_table(self, depths: Sequence[int], default: int) -> None:
        """Branch to the label whose place is on the stack, or else to the default."""
        self.bytes.append(0x0E)
        self.bytes += unsigned(len(depths))
        for depth in depths:
            self.bytes += unsigned(depth)
        self.bytes += unsigned(default)

    def call(self, function: int) -> None:
        """Call a function of the module."""
        self.bytes.append(0x10)
        self.bytes += unsigned(function)

    def tail_call(self, function: int) -> None:
        """Return what a function of the module returns."""
        self.bytes.append(0x12)
        self.bytes += unsigned(function)

    def call_indirect(self, signature: int) -> None:
        """Call the function at the place on the stack of the module's table."""
        self.bytes.append(0x11)
        self.bytes += unsigned(signature) + b"\x00"

    def tail_call_indirect(self, signature: int) -> None:
        """Return what the function at the place on the stack of the table returns."""
        self.bytes.append(0x13)
        self.bytes += unsigned(signature) + b"\x00"


@dataclass(slots=True)
class Module:
    """A module under construction, in the order of its sections."""

    #: Parameters and results of each signature.
    signatures: list[tuple[Sequence[int], Sequence[int]]] = field(default_factory=list)
    #: Of each function: signature, further locals as (count, type), body.
    functions: list[tuple[int, Sequence[tuple[int, int]], Body]] = field(default_factory=list)
    #: Size of the table, whose places are functions in order from some first one.
    table: tuple[int, int] = (0, 0)
    #: Pages of each memory, fixed.
    memories: list[int] = field(default_factory=list)
    #: Types of mutable globals, zero at first.
    globals: list[int] = field(default_factory=list)
    #: Name, kind (0 function, 2 memory) and index.
    exports: list[tuple[str, int, int]] = field(default_factory=list)
    #: Memory, offset and content.
    data: list[tuple[int, int, bytes]] = field(default_factory=list)

    def encode(self) -> bytes:
        """Return the module as bytes."""
        parts = [
            b"\0asm\1\0\0\0",
            _section(1, (_signature(*one) for one in self.signatures)),
            _section(3, (unsigned(one[0]) for one in self.functions)),
            _section(4, [bytes((FUNCREF, 1)) + unsigned(self.table[0]) * 2]),
            _section(5, (b"\x01" + unsigned(pages) * 2 for pages in self.memories)),
            _section(6, (bytes((one, 1)) + _zero(one) for one in self.globals)),
            _section(7, (_export(*one) for one in self.exports)),
            _section(9, [self._elements()]),
            _section(10, (_code(one[1], one[2]) for one in self.functions)),
            _section(11, (_data(*one) for one in self.data)),
        ]
        return b"".join(parts)

    def _elements(self) -> bytes:
        """Return the segment that fills the table."""
        size, first = self.table
        functions = b"".join(unsigned(first + index) for index in range(size))
        return b"\x00\x41\x00\x0b" + unsigned(size) + functions


def _sized(content: bytes | bytearray) -> bytes:
    return unsigned(len(content)) + content


def _section(number: int, items: Iterable[bytes]) -> bytes:
    found = list(items)
    return bytes((number,)) + _sized(unsigned(len(found)) + b"".join(found))


def _signature(parameters: Sequence[int], results: Sequence[int]) -> bytes:
    return b"\x60" + _sized(bytes(parameters)) + _sized(bytes(results))


def _zero(kind: int) -> bytes:
    return b"\x41\x00\x0b" if kind == I32 else b"\x42\x00\x0b"


def _export(name: str, kind: int, index: int) -> bytes:
    return _sized(name.encode()) + bytes((kind,)) + unsigned(index)


def _code(locals_: Sequence[tuple[int, int]], body: Body) -> bytes:
    declared = b"".join(unsigned(count) + bytes((kind,)) for count, kind in locals_)
    return _sized(unsigned(len(locals_)) + declared + body.bytes + b"\x0b")


def _data(memory: int, offset: int, content: bytes) -> bytes:
    place = b"\x41" + signed(to_signed(offset)) + b"\x0b"
    return b"\x02" + unsigned(memory) + place + _sized(content)
