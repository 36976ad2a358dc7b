"""Words and their counts, by bytes alone: no locale, no Unicode tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, cast

from pekanu.catalog.framing import MAX_REGION_BYTES, Value, get_value_size
from pekanu.catalog.function import Progress


def _fold(byte: int) -> int:
    if byte >= 0x80 or chr(byte).isalnum():
        return ord(chr(byte).lower()) if byte < 0x80 else byte
    return ord(" ")


_FOLD: Final = bytes(map(_fold, range(256)))


def validate(_values: Sequence[Value]) -> None:
    """Refuse nothing: every text has its counts."""


def execute(values: Sequence[Value], progress: Progress) -> Value:
    """Return a line a word, words rising by their bytes."""
    text = cast("bytes", values[0])
    counts = Counter(text.translate(_FOLD).split())
    progress(0.9)
    return b"".join(b"%b\t%d\n" % item for item in sorted(counts.items()))


def estimate_steps(values: Sequence[Value]) -> int:
    """Return the manifest's model."""
    return 60 * len(values[0]) + 2000


def estimate_output_size(values: Sequence[Value]) -> int:
    """Return a bound, or the exact size where the bound would not fit the region.

    A word of l bytes that occurs once takes l + 1 bytes of the text and l + 3 of the output, so
    the output is at most twice as long, for words of one byte; repetition only lowers that.
    """
    bound = 8 + 2 * (len(values[0]) + 1)
    if bound <= MAX_REGION_BYTES:
        return bound
    return get_value_size(execute(values, lambda _share: None))
