"""Sizes and spans as people write them: ``10 GiB``, ``30d``.

Not here: money (`pekanu.types`), spans as they are shown (`output`).
"""

from __future__ import annotations

import re
from typing import Final

from pekanu.errors import UsageError

_SIZES: Final = {
    "": 1, "b": 1, "k": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mib": 1 << 20,
    "g": 1 << 30, "gib": 1 << 30, "t": 1 << 40, "tib": 1 << 40,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
}  # fmt: skip
_SPANS: Final = {"": 1, "s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_NUMBER: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")
_STEPS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")
_STEP: Final = 1024


def parse_size(text: str) -> int:
    """Return bytes from text such as ``10 GiB``, ``500MB`` or ``4096``.

    Raises:
        UsageError: It cannot be read.
    """
    return _parse(text, _SIZES, 'write a size like "10 GiB" or "4096"')


def parse_span(text: str) -> int:
    """Return seconds from text such as ``30d``, ``12h``, ``1y`` or ``3600``.

    Raises:
        UsageError: It cannot be read.
    """
    return _parse(text, _SPANS, 'write a span like "30d", "12h" or "3600"')


def _parse(text: str, units: dict[str, int], hint: str) -> int:
    match = _NUMBER.fullmatch(text)
    unit = match.group(2).lower() if match else ""
    if match is None or unit not in units:
        raise UsageError(f"{text!r} cannot be read", hint=hint)
    return round(float(match.group(1)) * units[unit])


def format_size(size: int) -> str:
    """Return a size for people, such as ``1.5 GiB``."""
    value, step = float(size), 0
    while value >= _STEP and step < len(_STEPS) - 1:
        value /= _STEP
        step += 1
    return f"{size} bytes" if step == 0 else f"{value:.1f} {_STEPS[step]}"
