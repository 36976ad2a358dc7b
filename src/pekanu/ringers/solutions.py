"""The output of a search: the solutions, strictly ascending, 32 bytes each, big endian.

Not here: whether they are solutions (`audit`).
Source: design/referees.md, "RingerReferee", terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pekanu.errors import InvalidInput

POINT_SIZE: Final = 32


def encode_solutions(points: Sequence[int]) -> bytes:
    """Return the output that lists some points.

    Raises:
        InvalidInput: They do not strictly rise, or one has more than 256 bits.
    """
    if list(points) != sorted(set(points)):
        raise InvalidInput("solutions are listed strictly rising")
    if points and not 0 <= points[0] <= points[-1] < 1 << 256:
        raise InvalidInput("a solution has at most 256 bits and no sign")
    return b"".join(point.to_bytes(POINT_SIZE, "big") for point in points)


def decode_solutions(output: bytes) -> list[int]:
    """Return the points that an output lists, in any order: it is a stranger's.

    Raises:
        InvalidInput: It is no whole number of points.
    """
    if len(output) % POINT_SIZE:
        raise InvalidInput(f"{len(output)} bytes are no list of points")
    return [
        int.from_bytes(output[start : start + POINT_SIZE], "big")
        for start in range(0, len(output), POINT_SIZE)
    ]
