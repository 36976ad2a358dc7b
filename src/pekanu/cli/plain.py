"""Protocol values as JSON: bytes as 0x-hex, large numbers as text, structs as objects.

Money and curve scalars are decimal text, since many readers of JSON round numbers above 2^53.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, Final

_AS_TEXT: Final = frozenset(
    {
        "amount",
        "blinding",
        "bond",
        "chunk_fee",
        "key",
        "key_x",
        "key_y",
        "price",
        "stake",
        "to_client",
    }
)


def to_plain(value: Any, name: str = "") -> Any:
    """Return a protocol value as JSON has it.

    Args:
        value: A dataclass, bytes, number, text, or a list of such.
        name: The field that holds it.
    """
    if is_dataclass(value):
        return {part.name: to_plain(getattr(value, part.name), part.name) for part in fields(value)}
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, list | tuple):
        return [to_plain(item, name) for item in value]
    if name in _AS_TEXT and isinstance(value, int):
        return str(value)
    return value
