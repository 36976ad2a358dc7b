"""ELF files, good and bad, written from the ABI's tables."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from pekanu.machine.program import Program


@dataclass(kw_only=True)
class Segment:
    address: int
    content: bytes
    flags: int = 4
    size: int | None = None
    kind: int = 1


@dataclass(kw_only=True)
class Elf:
    """An ELF file, written from the ABI's tables."""

    segments: list[Segment] = field(default_factory=list)
    entry: int = 0x10000
    kind: int = 2
    machine: int = 243
    identity: bytes = b"\x7fELF\1\1\1" + bytes(9)
    header_size: int = 32
    count: int | None = None
    offset: int = 52

    def pack(self) -> bytes:
        count = len(self.segments) if self.count is None else self.count
        header = struct.pack(
            "<16sHHIIIIIHHHHHH",
            *(self.identity, self.kind, self.machine, 1, self.entry, self.offset, 0, 0),
            *(52, self.header_size, count, 0, 0, 0),
        )
        place = 52 + 32 * len(self.segments)
        table, contents = bytearray(), bytearray()
        for one in self.segments:
            size = len(one.content) if one.size is None else one.size
            table += struct.pack(
                "<8I",
                *(one.kind, place + len(contents), one.address, one.address),
                *(len(one.content), size, one.flags, 4096),
            )
            contents += one.content
        return bytes(header + table + contents)


def pack_program(program: Program) -> bytes:
    """Return the file of a program; text among its image must not overlap it."""
    segments = [Segment(address=at, content=part, flags=5) for at, part in program.text]
    segments += [Segment(address=at, content=part) for at, part in program.image]
    return Elf(segments=segments, entry=program.entry).pack()
