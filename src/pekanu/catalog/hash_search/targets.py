"""The hashes that are looked for: whole ones, and beginnings or ends of them.

Not here: which candidates there are (`space`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pekanu.errors import InvalidInput

#: Bytes of a hash by algorithm.
DIGEST_SIZES: Final = {"sha256": 32, "keccak256": 32, "md5": 16}
MAX_TARGETS: Final = 100_000
MAX_PATTERNS: Final = 64
_LINE: Final = re.compile(r"(?:0x)?(\*?)([0-9a-fA-F]+)(\*?)")


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

    def fit(self, digest: bytes) -> bool:
        """Return whether a hash is looked for."""
        number = int.from_bytes(digest, "big")
        return digest in self.exact or any(number & mask == value for mask, value in self.patterns)
