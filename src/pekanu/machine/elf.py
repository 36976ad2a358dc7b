"""Programs from ELF files: static executables for 32-bit little-endian RISC-V.

Any bytes can be given; what is no program gets one sentence that says why. Sections, symbols and
everything else that is not loaded is left alone.
Source: System V ABI, "Object files"; design/machine.md, "Memory".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pekanu.machine.isa import REGION_SIZE, TEXT_SIZE
from pekanu.machine.program import InvalidProgram, Program

_MAGIC: Final = b"\x7fELF"
_HEADER: Final = struct.Struct("<16sHHIIIIIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIIIIIII")
_EXECUTABLE: Final = 2
_RISCV: Final = 243
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_MAY_EXECUTE: Final = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class _Segment:
    address: int
    #: Where the file holds its content, and of how many bytes.
    offset: int
    file_size: int
    #: Bytes in memory, the content and zeros.
    size: int
    is_text: bool


def load_elf(data: bytes) -> Program:
    """Return the program that an ELF file holds.

    Segments that may be executed become text, and data as well, so that constants among the code
    can be read.

    Raises:
        InvalidProgram: The file is none that this machine can run.
    """
    entry, offset, count = _read_header(data)
    segments = [
        found
        for number in range(count)
        if (found := _read_segment(data, offset + number * _SEGMENT.size)) is not None
    ]
    segments.sort(key=lambda segment: segment.address)
    for lower, upper in pairwise(segments):
        if lower.address + lower.size > upper.address:
            raise InvalidProgram(f"the file's segments overlap at {upper.address:#x}")
    # Copied only now that they are known to fit into memory side by side.
    contents = [(one, data[one.offset : one.offset + one.file_size]) for one in segments]
    return Program(
        text=tuple((one.address, content) for one, content in contents if one.is_text),
        image=tuple((one.address, content) for one, content in contents if content),
        entry=entry,
    )


def _read_header(data: bytes) -> tuple[int, int, int]:
    """Return the entry, and place and number of the segments' headers."""
    if data[:4] != _MAGIC:
        raise InvalidProgram("the file is no ELF file", hint="`pekanu build` makes one from C")
    if len(data) < _HEADER.size:
        raise InvalidProgram("the ELF file ends within its header")
    fields = _HEADER.unpack_from(data)
    identity, kind, machine, _, entry, offset, _, _, _, size, count, *_ = fields
    if identity[4:6] != b"\x01\x01" or machine != _RISCV:
        raise InvalidProgram(
            "the ELF file is not for 32-bit little-endian RISC-V",
            hint="compile for rv32im, without other extensions",
        )
    if kind != _EXECUTABLE:
        raise InvalidProgram(
            "the ELF file is no executable at a fixed address", hint="link it with -static -no-pie"
        )
    if size != _SEGMENT.size and count:
        raise InvalidProgram(f"the ELF file's segment headers have {size} bytes, not 32")
    if offset + count * _SEGMENT.size > len(data):
        raise InvalidProgram("the ELF file ends within its segment headers")
    return entry, offset, count


def _read_segment(data: bytes, place: int) -> _Segment | None:
    """Return what a segment's header says to load, or None if that is nothing."""
    kind, offset, address, _, file_size, size, flags, _ = _SEGMENT.unpack_from(data, place)
    if kind in (_DYNAMIC, _INTERPRETER):
        raise InvalidProgram("the ELF file is linked dynamically", hint="link it with -static")
    if kind != _LOAD or size == 0:
        return None
    if file_size > size:
        raise InvalidProgram(f"a segment has {file_size} bytes for {size} in memory")
    if offset + file_size > len(data):
        raise InvalidProgram("the ELF file ends within a segment")
    is_text = bool(flags & _MAY_EXECUTE)
    if address + size > REGION_SIZE:
        raise InvalidProgram(
            f"a segment goes to {address + size:#x}, beyond the image's end at {REGION_SIZE:#x}"
        )
    if is_text and address + file_size > TEXT_SIZE:
        raise InvalidProgram(
            f"executable code goes to {address + file_size:#x}, beyond text's end at {TEXT_SIZE:#x}"
        )
    return _Segment(address=address, offset=offset, file_size=file_size, size=size, is_text=is_text)
