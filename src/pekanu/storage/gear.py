"""The rolling hash behind keyed cut points, compiled at run time, with a plain twin beside it.

A gear hash adds a table's entry for each byte to twice what it was, so that it depends on the last
64 bytes. The table derives from a key: with a public one, the lengths of a file's chunks alone
would tell which file it is. Not here: sizes and masks (`chunking`).
Source: Xia et al., "FastCDC", USENIX ATC 2016, section 3; Truong et al., eprint 2025/558.
"""

from __future__ import annotations

import ctypes
import logging
from array import array
from functools import cache
from hashlib import shake_256
from typing import Final, Protocol

from pekanu.crypto.native import Kernels

_log = logging.getLogger(__name__)
_WORD: Final = (1 << 64) - 1
_ENTRIES: Final = 256
_KERNEL: Final = "find_cut"
_C = ctypes.c_uint64
_FIND = ctypes.CFUNCTYPE(_C, ctypes.c_void_p, _C, _C, ctypes.c_void_p, _C, ctypes.c_void_p)

#: Bytes that one turn of the loop takes, and how many of them hang on the chain together.
_TURN: Final = 8
_LINK: Final = 4

#: `find_cut(data, start, end, table, mask, hash)` returns the place behind the first byte at which
#: the masked hash is zero, or 0 for none, and then leaves in `hash` what it has become.
#: A hash waits for the one before it. So the words of a link's bytes are added up first, and the
#: next link waits for two instructions instead of eight: two thirds of the time.
_HEAD: Final = f"""
define i64 @find_cut(ptr %data, i64 %start, i64 %end, ptr %table, i64 %mask, ptr %hash) {{
entry:
  %first = load i64, ptr %hash
  %count = sub i64 %end, %start
  %rest = urem i64 %count, {_TURN}
  %turns_end = sub i64 %end, %rest
  br label %turn
turn:
  %place = phi i64 [%start, %entry], [%next, %try{_TURN - 1}]
  %value = phi i64 [%first, %entry], [%hash{_TURN - 1}, %try{_TURN - 1}]
  %is_over = icmp eq i64 %place, %turns_end
  br i1 %is_over, label %check, label %body
body:
  %next = add i64 %place, {_TURN}
"""
#: The bytes that make no whole turn.
_TAIL: Final = """
check:
  %last_place = phi i64 [%place, %turn], [%last_next, %last]
  %last_value = phi i64 [%value, %turn], [%mixed, %last]
  %over = icmp eq i64 %last_place, %end
  br i1 %over, label %none, label %last
last:
  %last_next = add i64 %last_place, 1
  %address = getelementptr i8, ptr %data, i64 %last_place
  %byte = load i8, ptr %address
  %index = zext i8 %byte to i64
  %entry_address = getelementptr i64, ptr %table, i64 %index
  %word = load i64, ptr %entry_address
  %twice = shl i64 %last_value, 1
  %mixed = add i64 %twice, %word
  %masked = and i64 %mixed, %mask
  %is_cut = icmp eq i64 %masked, 0
  br i1 %is_cut, label %found, label %check
none:
  store i64 %last_value, ptr %hash
  ret i64 0
found:
  ret i64 %last_next
}
"""


def _build_module() -> str:
    lines = [_HEAD]
    for byte in range(_TURN):
        link, depth = divmod(byte, _LINK)
        before = f"%hash{link * _LINK - 1}" if link else "%value"
        added = f"shl i64 %sum{byte - 1}, 1" if depth else "add i64 0, 0"
        lines.append(f"""
  %place{byte} = add i64 %place, {byte}
  %address{byte} = getelementptr i8, ptr %data, i64 %place{byte}
  %byte{byte} = load i8, ptr %address{byte}
  %index{byte} = zext i8 %byte{byte} to i64
  %entry{byte} = getelementptr i64, ptr %table, i64 %index{byte}
  %word{byte} = load i64, ptr %entry{byte}
  %added{byte} = {added}
  %sum{byte} = add i64 %added{byte}, %word{byte}
  %moved{byte} = shl i64 {before}, {depth + 1}
  %hash{byte} = add i64 %moved{byte}, %sum{byte}
  %masked{byte} = and i64 %hash{byte}, %mask
  %is_cut{byte} = icmp eq i64 %masked{byte}, 0""")
    lines.append("  br label %try0")
    for byte in range(_TURN):
        following = f"try{byte + 1}" if byte + 1 < _TURN else "turn"
        lines.append(f"""
try{byte}:
  br i1 %is_cut{byte}, label %found{byte}, label %{following}
found{byte}:
  %behind{byte} = add i64 %place, {byte + 1}
  ret i64 %behind{byte}""")
    return "\n".join([*lines, _TAIL])


class CutFinder(Protocol):
    """Finds cut points with one table; not to be used by two threads at once."""

    def reset(self) -> None:
        """Begin a chunk."""

    def find(self, data: bytearray, start: int, end: int, mask: int) -> int:
        """Return the place behind the first cut in [start, end), or 0 for none.

        After a cut the finder must be reset.
        """


def build_table(key: bytes) -> array[int]:
    """Return a table's 256 words from a key of 32 bytes."""
    table = array("Q")
    table.frombytes(shake_256(b"pekanu gear table" + key).digest(8 * _ENTRIES))
    return table


class PlainFinder:
    """The clear twin, some hundred times slower.

    Args:
        table: As `build_table` gives it.
    """

    def __init__(self, table: array[int]) -> None:
        self._table, self._hash = table, 0

    def reset(self) -> None:
        """Begin a chunk."""
        self._hash = 0

    def find(self, data: bytearray, start: int, end: int, mask: int) -> int:
        """Return the place behind the first cut in [start, end), or 0 for none.

        After a cut the finder must be reset.
        """
        table, value = self._table, self._hash
        for place in range(start, end):
            value = (2 * value + table[data[place]]) & _WORD
            if not value & mask:
                return place + 1
        self._hash = value
        return 0


class CompiledFinder:
    """The same, compiled; calls release the interpreter's lock.

    Args:
        table: As `build_table` gives it.
    """

    def __init__(self, table: array[int]) -> None:
        self._find = _FIND(_compile().get_address(_KERNEL))
        self._table, self._hash = table, _C(0)
        self._table_address, _ = table.buffer_info()
        self._hash_address = ctypes.addressof(self._hash)

    def reset(self) -> None:
        """Begin a chunk."""
        self._hash.value = 0

    def find(self, data: bytearray, start: int, end: int, mask: int) -> int:
        """Return the place behind the first cut in [start, end), or 0 for none.

        After a cut the finder must be reset.
        """
        first = ctypes.c_char.from_buffer(data)  # keeps the buffer where it is
        address = ctypes.addressof(first)
        return int(self._find(address, start, end, self._table_address, mask, self._hash_address))


def build_finder(key: bytes) -> CutFinder:
    """Return a finder for a key of 32 bytes: compiled where this machine can."""
    table = build_table(key)
    try:
        return CompiledFinder(table)
    except (ImportError, RuntimeError, OSError) as error:
        _log.warning("cut points are found uncompiled, a hundred times slower: %s", error)
        return PlainFinder(table)


@cache
def _compile() -> Kernels:
    return Kernels(_build_module())
