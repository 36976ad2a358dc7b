"""The hashes that are looked for: whole ones, and beginnings or ends of them.

Not here: which candidates there are (`space`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidInput

#: Bytes of a hash by algorithm.
DIGEST_SIZES: Final = {"sha256": 32, "keccak256": 32, "md5": 16}
MAX_TARGETS: Final = 100_000
MAX_PATTERNS: Final = 64
_IMAGE: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{64})|=((?:[0-9a-fA-F]{2}){0,992})")
_LINE: Final = re.compile(r"(?:0x)?(\*?)([0-9a-fA-F]+)(\*?)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Which hexadecimal digits of a hash matter; the function that is searched gives these alone.

    They are given as a number, big endian, of whole bytes.
    """

    #: Bytes of the hash.
    size: int
    first: int
    digits: int

    def take(self, digest: bytes) -> bytes:
        """Return what matters of a hash."""
        shift = 4 * (2 * self.size - self.first - self.digits)
        number = int.from_bytes(digest, "big") >> shift & ((1 << 4 * self.digits) - 1)
        return number.to_bytes(self.length, "big")

    @property
    def length(self) -> int:
        """Bytes of what matters."""
        return (self.digits + 1) // 2

    def draw(self, rng: Callable[[int], bytes]) -> bytes:
        """Return what a hash could have there, each as likely."""
        return self.take(rng(self.size))

    def write(self, kept: bytes) -> str:
        """Return the line that asks for it."""
        digits = f"{int.from_bytes(kept, 'big'):0{self.digits}x}"
        if self.digits == 2 * self.size:
            return digits
        return f"*{digits}" if self.first else f"{digits}*"


@dataclass(frozen=True, slots=True)
class Targets:
    """What a hash is held against."""

    size: int
    exact: frozenset[bytes]
    #: Mask and value, as integers of the hash's size: a hash fits if its masked bits are these.
    patterns: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, algorithm: str, text: bytes) -> Targets:
        """Return the targets in some lines: hex digits, with * for what does not matter.

        Raises:
            InvalidInput: A line is no target, or there are none or too many.
        """
        size = DIGEST_SIZES[algorithm]
        exact: set[bytes] = set()
        patterns: list[tuple[int, int]] = []
        for line in text.decode("ascii", "replace").split():
            match = _LINE.fullmatch(line)
            if match is None:
                raise InvalidInput(
                    f"{line[:80]!r} is no target", hint="such as 00ab…, 00ab*, *beef"
                )
            before, digits, after = match.groups()
            if len(digits) > 2 * size or (before and after):
                raise InvalidInput(f"{line[:80]!r} does not fit a hash of {size} bytes")
            if not before and not after:
                if len(digits) != 2 * size:
                    raise InvalidInput(
                        f"{line[:80]!r} is not a whole hash of {size} bytes",
                        hint="a * before or after it stands for the rest",
                    )
                exact.add(bytes.fromhex(digits))
            else:
                mask = (1 << 4 * len(digits)) - 1
                shift = 8 * size - 4 * len(digits) if after else 0
                patterns.append((mask << shift, int(digits, 16) << shift))
        if not exact and not patterns:
            raise InvalidInput("no hash is looked for")
        if len(exact) > MAX_TARGETS or len(patterns) > MAX_PATTERNS:
            raise InvalidInput(
                f"there are more than {MAX_TARGETS} hashes or {MAX_PATTERNS} parts of hashes"
            )
        return cls(size=size, exact=frozenset(exact), patterns=tuple(dict.fromkeys(patterns)))

    def get_kept(self) -> Kept:
        """Return the digits that all targets are about.

        Raises:
            InvalidInput: They are about different ones, so that no single function is searched.
        """
        masks = {mask for mask, _ in self.patterns}
        whole = (1 << 8 * self.size) - 1
        if self.exact:
            masks.add(whole)
        if len(masks) != 1:
            raise InvalidInput(
                "the targets are not of one form",
                hint="buy whole hashes, or beginnings or ends of one length, in one search",
            )
        mask = masks.pop()
        digits = mask.bit_count() // 4
        is_end = mask & 1 and mask != whole
        return Kept(size=self.size, first=2 * self.size - digits if is_end else 0, digits=digits)

    def list_kept(self) -> list[bytes]:
        """Return what each target asks of the digits that all are about."""
        kept = self.get_kept()
        values = (value.to_bytes(self.size, "big") for _, value in self.patterns)
        return [kept.take(digest) for digest in (*self.exact, *values)]

    def fit(self, digest: bytes) -> bool:
        """Return whether a hash is looked for."""
        number = int.from_bytes(digest, "big")
        return digest in self.exact or any(number & mask == value for mask, value in self.patterns)


def parse_images(text: bytes) -> tuple[bytes, ...]:
    """Return the images in some words: in hex, or outputs as = and hex; each once, rising.

    Raises:
        InvalidInput: A word is neither, or there are none or too many.
    """
    images: set[bytes] = set()
    for word in text.decode("ascii", "replace").split():
        match = _IMAGE.fullmatch(word)
        if match is None:
            raise InvalidInput(
                f"input targets: {word[:80]!r} is no target of a program",
                hint="such as =beef for an output, or the 64 digits of its Keccak-256",
            )
        image, output = match.groups()
        images.add(bytes.fromhex(image) if image else keccak256(bytes.fromhex(output)))
    if not 0 < len(images) <= MAX_TARGETS:
        raise InvalidInput(f"input targets: there are {len(images)}, not 1 to {MAX_TARGETS}")
    return tuple(sorted(images))
