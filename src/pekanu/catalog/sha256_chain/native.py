"""The chain by the standard library, a stretch at a time.

What is not here: a cheap check; only computing it again tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, cast

from pekanu.catalog.framing import Value
from pekanu.catalog.function import Progress
from pekanu.catalog.values import get_integer
from pekanu.errors import InvalidInput

MAX_SEED_BYTES: Final = 1 << 16
#: Links between two tellings of the progress.
_STRETCH: Final = 1 << 16
#: What the guest takes for a link, and for 64 bytes of the seed, which it has to gather.
_STEPS_PER_LINK: Final = 4245
_STEPS_PER_BLOCK: Final = 5050


def validate(values: Sequence[Value]) -> None:
    """Refuse a seed that is long: the work is in the links."""
    if len(values[0]) > MAX_SEED_BYTES:
        raise InvalidInput(
            f"input seed: {len(values[0])} bytes are more than the {MAX_SEED_BYTES} allowed",
            hint="give the hash of the long text as seed",
        )


def execute(values: Sequence[Value], progress: Progress) -> Value:
    """Return the last link in hexadecimal digits."""
    length = get_integer(values[1])
    link = sha256(cast("bytes", values[0])).digest()
    for start in range(1, length, _STRETCH):
        for _ in range(min(_STRETCH, length - start)):
            link = sha256(link).digest()
        progress(min(1.0, (start + _STRETCH) / length))
    return link.hex().encode()


def estimate_steps(values: Sequence[Value]) -> int:
    """Return the manifest's model."""
    blocks = (len(values[0]) + 8) // 64 + 1
    return _STEPS_PER_LINK * (get_integer(values[1]) - 1) + _STEPS_PER_BLOCK * blocks + 1000


def estimate_output_size(_values: Sequence[Value]) -> int:
    """Return the output's exact size."""
    return 8 + 64
