"""Words and their counts, by bytes alone: no locale, no Unicode tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, cast

from pekanu.catalog.framing import MAX_REGION_BYTES, Value
from pekanu.catalog.function import Progress
from pekanu.catalog.strings import count_strings
from pekanu.errors import InvalidInput

#: A word of one byte takes two bytes of the text and four of the output.
MAX_TEXT_BYTES: Final = (MAX_REGION_BYTES - 8) // 2 - 1


def _fold(byte: int) -> int:
    if byte >= 0x80 or chr(byte).isalnum():
        return ord(chr(byte).lower()) if byte < 0x80 else byte
    return ord(" ")


_FOLD: Final = bytes(map(_fold, range(256)))


def validate(values: Sequence[Value]) -> None:
    """Refuse a text so long that its counts might not fit the output region."""
    if len(values[0]) > MAX_TEXT_BYTES:
        raise InvalidInput(
            f"input text: {len(values[0])} bytes are more than the {MAX_TEXT_BYTES} allowed",
            hint="cut it between words, and buy the parts as one batch",
        )


def execute(values: Sequence[Value], progress: Progress) -> Value:
    """Return a line a word, words rising by their bytes."""
    text = cast("bytes", values[0])
    counts = Counter(text.translate(_FOLD).split())
    progress(0.9)
    return b"".join(b"%b\t%d\n" % item for item in sorted(counts.items()))


def estimate_steps(values: Sequence[Value]) -> int:
    """Return the manifest's model."""
    text = cast("bytes", values[0])
    words = count_strings(text, lambda part: part.translate(_FOLD).split())
    return max(0, 36 * len(text) - 20 * words.count + 28 * words.bits) + 6000


def estimate_output_size(values: Sequence[Value]) -> int:
    """Return a bound.

    A word of l bytes that occurs once takes l + 1 bytes of the text and l + 3 of the output, so
    the output is at most twice as long, for words of one byte; repetition only lowers that.
    """
    return 8 + 2 * (len(values[0]) + 1)
