"""The machine's program of one search: the guest, with the search's own tables in its image.

A search's terms name this program, so that a point's image can be disputed down to an instruction:
on a point, 32 bytes big endian, it writes the candidate of that number, hashes it, and gives the
digits that matter. Not here: the guest (guests/hash-search.c), the compiled search (`kernels`).
"""

from __future__ import annotations

from dataclasses import replace
from struct import Struct
from typing import Final

from pekanu.catalog.hash_search.space import Choices, Counter, Numbers, Part, Space
from pekanu.catalog.hash_search.targets import Kept
from pekanu.errors import InvalidInput
from pekanu.machine.program import Program

#: Where the guest looks for its tables, and what they begin with.
TABLES: Final = 0x0010_0000
_MAGIC: Final = 0x53484B50
#: The guest's stack lies above.
MAX_TABLES: Final = 32 << 20
#: Steps of the guest on any point are fewer: three blocks of a hash, and a division for each of
#: 128 parts, which a test tries.
MAX_STEPS: Final = 1 << 19
_ALGORITHMS: Final = {"sha256": 0, "keccak256": 1, "md5": 2}
_HEAD: Final = Struct("<8I")
_SHAPE: Final = Struct("<QII")
_PART: Final = Struct("<IIQQ")
_CHOICE: Final = Struct("<II")


def build_program(guest: Program, algorithm: str, space: Space, kept: Kept) -> Program:
    """Return the program that a search evaluates.

    Args:
        guest: Without tables.
        algorithm: Which hash.
        space: The candidates.
        kept: Which digits of the hash are the output.

    Raises:
        InvalidInput: The candidates' tables do not fit the machine's memory.
    """
    tables = _build_tables(algorithm, space, kept)
    if len(tables) > MAX_TABLES:
        raise InvalidInput(
            f"the word list makes tables of {len(tables)} bytes, more than {MAX_TABLES}",
            hint="search it in parts",
        )
    image = (*guest.image, (TABLES, tables))
    return replace(guest, image=image)


def _build_tables(algorithm: str, space: Space, kept: Kept) -> bytes:
    parts = [part for shape in space.shapes for part in shape]
    body = _HEAD.size + _SHAPE.size * len(space.shapes) + _PART.size * len(parts)
    data = bytearray()
    known: dict[Part, int] = {}
    packed = [_pack_part(part, body, data, known) for part in parts]
    head = (_MAGIC, _ALGORITHMS[algorithm], kept.first, kept.digits, len(space.shapes), 0, 0, 0)
    shapes, first = [], 0
    for shape, end in zip(space.shapes, space.ends, strict=True):
        shapes.append(_SHAPE.pack(end, first, len(shape)))
        first += len(shape)
    return b"".join((_HEAD.pack(*head), *shapes, *packed, data))


def _pack_part(part: Part, body: int, data: bytearray, known: dict[Part, int]) -> bytes:
    """Return a part's record; the options of choices go behind the others', once."""
    kind, base = 0, 0
    match part:
        case Choices():
            if part not in known:
                known[part] = _write_choices(part, body, data)
            base = known[part]
        case Numbers(low=low):
            kind, base = 1, low
        case Counter(width=width):
            kind, base = 2, width
    return _PART.pack(kind, 0, part.size, base)


def _write_choices(part: Choices, body: int, data: bytearray) -> int:
    table = bytearray()
    for option in part.options:
        table += _CHOICE.pack(body + len(data), len(option))
        data += option
    data += bytes(-(body + len(data)) % 8)
    place = body + len(data)
    data += table
    return place
