"""A slow model of the hashes and words of a dispute, from the design and the contract."""

from __future__ import annotations

from pekanu.crypto.keccak import keccak256

POINTS = 16


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def get_ends(first: int, last: int) -> list[int]:
    parts = min(POINTS, last - first)
    return [first + (last - first) * (index + 1) // parts for index in range(parts)]


def get_root(before: bytes, part: int, start: bytes, points: list[bytes]) -> bytes:
    """Return what stands for a dissection."""
    states = [start, *points, *[bytes(32)] * (POINTS - len(points))]
    return keccak256(before + word(part) + b"".join(states))


def get_place_words(fields: dict[str, int | str]) -> tuple[int, int, int]:
    """Return a place's words, from its fields."""
    turn = int(fields["turn"])
    waiting = fields["worker"] if turn == 2 else fields["challenger"]
    clocks = 0
    widths = (("last_extension", 32), ("extension", 32), ("challenger_left", 40))
    length = int(fields["last"]) - int(fields["first"])
    clocks = length
    for name, bits in (*widths, ("worker_left", 40), ("deadline", 40)):
        clocks = clocks << bits | int(fields[name])
    packed = (int(fields["first"]) << 8 | turn) << 160 | int(str(waiting), 16)
    return int(fields["number"]), packed, clocks


def get_id(fields: dict[str, int | str]) -> bytes:
    parties = (int(str(fields[side]), 16) for side in ("worker", "challenger"))
    return keccak256(b"".join(map(word, (*parties, int(fields["number"])))))


def get_commitment(fields: dict[str, int | str], root: bytes) -> bytes:
    return keccak256(b"".join(map(word, get_place_words(fields))) + root)


def get_terms_hash(values: list[bytes | int]) -> bytes:
    kind = (
        b"Terms(bytes32 programId,bytes32 inputsRoot,uint64 maxSteps,uint256 bond,uint32 clock,"
        b"uint32 extension,uint32 firstExtension,uint32 lastExtension)"
    )
    words = [value if isinstance(value, bytes) else word(value) for value in values]
    return keccak256(keccak256(kind) + b"".join(words))
