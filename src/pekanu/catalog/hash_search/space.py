r"""The candidates of a search, numbered: what a pattern and a word list stand for.

    text            itself; \x and two hex digits is a byte, a backslash before anything is that
    [a-z0-9_]       one of these characters
    {4} or {1,3}    the character or class before, so many times
    <100-99999>     a number in decimal, without leading zeros
    <#4>            so many bytes, as a counter, big endian
    <word>          a line of the word list

Shorter candidates come first where a repetition varies; among those of one shape the last part
varies fastest. Not here: hashes (`kernels`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from math import prod
from typing import Final, TypeAlias

from pekanu.errors import InvalidInput

#: Bounds on what a pattern may stand for.
MAX_POINTS: Final = 1 << 63
MAX_SHAPES: Final = 1024
MAX_PARTS: Final = 128
MAX_CANDIDATE: Final = 128
_PIECE: Final = re.compile(
    rb"""(?P<number><(?P<low>[0-9]{1,19})-(?P<high>[0-9]{1,19})>)
       | (?P<counter><\#(?P<width>[1-8])>)
       | (?P<word><word>)
       | (?P<class>\[(?P<inside>(?:\\x[0-9a-fA-F]{2}|\\[^x]|[^\]\\])+)\])
       | (?P<hex>\\x(?P<byte>[0-9a-fA-F]{2}))
       | (?P<escaped>\\(?P<literal>[^x]))
       | (?P<plain>[^\[\]{}<>\\])""",
    re.VERBOSE | re.DOTALL,
)
_REPEAT: Final = re.compile(rb"\{([0-9]{1,3})(?:,([0-9]{1,3}))?\}")
_ITEM: Final = re.compile(rb"\\x([0-9a-fA-F]{2})|\\(.)|(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Choices:
    """One of some byte strings."""

    options: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.options)

    @property
    def longest(self) -> int:
        """Bytes of the longest."""
        return max(map(len, self.options))

    def get(self, index: int) -> bytes:
        """Return one of them."""
        return self.options[index]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A number in decimal."""

    low: int
    size: int

    @property
    def longest(self) -> int:
        """Digits of the largest."""
        return len(str(self.low + self.size - 1))

    def get(self, index: int) -> bytes:
        """Return one of them."""
        return b"%d" % (self.low + index)


@dataclass(frozen=True, slots=True)
class Counter:
    """Bytes that count, big endian."""

    width: int

    @property
    def size(self) -> int:
        """How many there are."""
        return 1 << 8 * self.width

    @property
    def longest(self) -> int:
        """Bytes of each."""
        return self.width

    def get(self, index: int) -> bytes:
        """Return one of them."""
        return index.to_bytes(self.width, "big")


Part: TypeAlias = Choices | Numbers | Counter
Shape: TypeAlias = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Space:
    """All candidates, numbered from 0 on."""

    shapes: tuple[Shape, ...]
    #: The first number beyond each shape.
    ends: tuple[int, ...]

    @classmethod
    def parse(cls, pattern: bytes, words: bytes) -> Space:
        """Return the candidates of a pattern.

        Raises:
            InvalidInput: It cannot be read, or stands for too much.
        """
        pieces = list(_read(pattern, words))
        count = prod(len(lengths) for _, lengths in pieces)
        if count > MAX_SHAPES:
            raise InvalidInput("its repetitions vary in more than 1,024 ways")
        shapes = []
        for lengths in product(*(lengths for _, lengths in pieces)):
            parts = [
                part
                for (part, _), length in zip(pieces, lengths, strict=True)
                for _ in range(length)
            ]
            shapes.append(_join(parts))
        shapes.sort(key=_get_longest)
        ends = tuple(accumulate(prod(part.size for part in shape) for shape in shapes))
        if ends[-1] >= MAX_POINTS:
            raise InvalidInput("it stands for 2^63 candidates or more")
        if max(map(_get_longest, shapes)) > MAX_CANDIDATE:
            raise InvalidInput(f"its candidates are longer than {MAX_CANDIDATE} bytes")
        return cls(shapes=tuple(shapes), ends=ends)

    @property
    def size(self) -> int:
        """How many candidates there are."""
        return self.ends[-1]

    @property
    def longest(self) -> int:
        """Bytes of the longest."""
        return max(map(_get_longest, self.shapes))

    def split(self, first: int, count: int) -> Iterator[tuple[int, int, int]]:
        """Yield a range of candidates by shapes: the shape, the first within it, how many."""
        start = 0
        for number, end in enumerate(self.ends):
            low, high = max(first, start), min(first + count, end)
            if low < high:
                yield number, low - start, high - low
            start = end

    def get(self, index: int) -> bytes:
        """Return a candidate by its number."""
        number = bisect_right(self.ends, index)
        index -= self.ends[number - 1] if number else 0
        pieces = []
        for part in reversed(self.shapes[number]):
            index, place = divmod(index, part.size)
            pieces.append(part.get(place))
        return b"".join(reversed(pieces))


def _read(pattern: bytes, words: bytes) -> Iterator[tuple[Part, range]]:
    """Yield the parts of a pattern, each with how often it may stand there."""
    at = 0
    while at < len(pattern):
        match = _PIECE.match(pattern, at)
        if match is None:
            raise InvalidInput(f"it cannot be read from {pattern[at : at + 20]!r} on")
        at = match.end()
        part = _build(match, words)
        repeat = _REPEAT.match(pattern, at)
        lengths = range(1, 2)
        if repeat is not None:
            at = repeat.end()
            least = int(repeat.group(1))
            most = int(repeat.group(2) or least)
            if not least <= most <= MAX_PARTS:
                raise InvalidInput(f"a part cannot stand {least} to {most} times")
            lengths = range(least, most + 1)
        yield part, lengths


def _build(match: re.Match[bytes], words: bytes) -> Part:
    if match["number"]:
        low, high = int(match["low"]), int(match["high"])
        if low > high or high >= MAX_POINTS:
            raise InvalidInput(f"{match['number'].decode()} holds no number")
        return Numbers(low, high - low + 1)
    if match["counter"]:
        return Counter(int(match["width"]))
    if match["word"]:
        lines = tuple(dict.fromkeys(line.rstrip(b"\r") for line in words.split(b"\n")))
        options = tuple(line for line in lines if line)
        if not options:
            raise InvalidInput("it names a word, but there is no word list")
        return Choices(options)
    if match["class"]:
        return Choices(_read_class(match["inside"]))
    if match["hex"]:
        return Choices((bytes([int(match["byte"], 16)]),))
    return Choices((match["literal"] or match["plain"],))


def _read_class(inside: bytes) -> tuple[bytes, ...]:
    """Return the characters of a class, each once, in the order in which they are named."""
    named = [
        (int(hexed, 16) if hexed else (escaped or plain)[0], not hexed and plain == b"-")
        for hexed, escaped, plain in _ITEM.findall(inside)
    ]
    found: list[int] = []
    place = 0
    while place < len(named):
        low = named[place][0]
        if place + 2 < len(named) and named[place + 1][1]:
            high = named[place + 2][0]
            if low > high:
                raise InvalidInput(f"[{inside.decode('latin-1')}] has a range that falls")
            found += range(low, high + 1)
            place += 3
        else:
            found.append(low)
            place += 1
    return tuple(bytes([byte]) for byte in dict.fromkeys(found))


def _join(parts: Sequence[Part]) -> Shape:
    """Return parts with constant neighbours joined; at least one."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Choices) and isinstance(last, Choices) and part.size == last.size == 1:
            joined[-1] = Choices((last.options[0] + part.options[0],))
        else:
            joined.append(part)
    if len(joined) > MAX_PARTS:
        raise InvalidInput(f"it has more than {MAX_PARTS} parts")
    return tuple(joined) or (Choices((b"",)),)


def _get_longest(shape: Shape) -> int:
    return sum(part.longest for part in shape)
