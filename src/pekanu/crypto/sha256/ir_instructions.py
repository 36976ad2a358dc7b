"""The LLVM IR of SHA-256 of rows by the SHA instructions of x86 processors.

Two rows at once, since the instruction for two rounds takes four cycles and a second one can
begin after two. The state is kept as the instructions want it: (F, E, B, A) and (H, G, D, C) from
the lowest word up. Not here: the loops (`ir_writer`). Source: Intel's manual, SHA256RNDS2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from pekanu.crypto.sha256.ir_writer import CONSTANTS, INITIAL, PAD, ROUNDS, Writer

#: Rows hashed at once.
STREAMS: Final = 2
_V: Final = "<4 x i32>"
_SWAP: Final = "@llvm.bswap.v4i32"
_ROUNDS2: Final = "@llvm.x86.sha256rnds2"
_SCHEDULE1: Final = "@llvm.x86.sha256msg1"
_SCHEDULE2: Final = "@llvm.x86.sha256msg2"
#: The bytes of a row's first words behind the prefix: of (prefix, 15 bytes), each word swapped.
_FIRST_BYTES: Final = (3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)
_State: TypeAlias = tuple[str, str]


def build_module() -> str:
    """Return the IR of a module with the kernel."""
    return _Writer(STREAMS).build()


def _vector(words: Sequence[int]) -> str:
    return "<" + ", ".join(f"i32 {word}" for word in words) + ">"


class _Writer(Writer):
    def build(self) -> str:
        """Return the kernel and what it declares."""
        rows = self.open_groups([])
        a, b, c, d, e, f, g, h = INITIAL
        start = (_vector((f, e, b, a)), _vector((h, g, d, c)))
        first = self._compress([start] * self.group, [self._load_first(row) for row in rows])
        place = self.open_blocks()
        states = [(f"%abef{row}", f"%cdgh{row}") for row in range(self.group)]
        blocks = [self._load_block(self.at(row, "%offset")) for row in rows]
        after = self._compress(states, blocks)
        self.lines[place:place] = [
            f"  {name} = phi {_V} [{before}, %first], [{later}, %middle]"
            for names, starts, laters in zip(states, first, after, strict=True)
            for name, before, later in zip(names, starts, laters, strict=True)
        ]
        self.open_last()
        ends = self._compress(states, [self._load_last(row) for row in rows])
        for row, state in enumerate(ends):
            self._store(row, state)
        self.close_groups()
        self.lines += [
            f"declare {_V} {_ROUNDS2}({_V}, {_V}, {_V})",
            f"declare {_V} {_SCHEDULE1}({_V}, {_V})",
            f"declare {_V} {_SCHEDULE2}({_V}, {_V})",
            f"declare {_V} {_SWAP}({_V})",
        ]
        return "\n".join(self.lines)

    def _add(self, one: str, other: str) -> str:
        return self.set(f"add {_V} {one}, {other}")

    def _shuffle(self, one: str, other: str, order: Sequence[int]) -> str:
        return self.set(f"shufflevector {_V} {one}, {_V} {other}, {_V} {_vector(order)}")

    def _call(self, name: str, *values: str) -> str:
        arguments = ", ".join(f"{_V} {value}" for value in values)
        return self.set(f"call {_V} {name}({arguments})")

    def _load(self, address: str) -> str:
        return self._call(_SWAP, self.set(f"load {_V}, ptr {address}, align 1"))

    def _load_first(self, row: str) -> list[str]:
        """Return the words of the first block: nothing before the row is read."""
        loaded = self.set(f"load <16 x i8>, ptr {row}, align 1")
        prefix = self.set("trunc i32 %prefix to i8")
        lone = self.set(f"insertelement <16 x i8> zeroinitializer, i8 {prefix}, i64 0")
        order = ", ".join(f"i32 {byte + 15 if byte else 0}" for byte in _FIRST_BYTES)
        mixed = self.set(
            f"shufflevector <16 x i8> {lone}, <16 x i8> {loaded}, <16 x i32> <{order}>"
        )
        words = self.set(f"bitcast <16 x i8> {mixed} to {_V}")
        return [words, *(self._load(self.at(row, 16 * quarter - 1)) for quarter in range(1, 4))]

    def _load_block(self, block: str) -> list[str]:
        return [self._load(self.at(block, 16 * quarter - 1)) for quarter in range(4)]

    def _load_last(self, row: str) -> list[str]:
        byte = self.set(f"load i8, ptr {self.at(row, '%end')}")
        high = self.set(f"shl i32 {self.set(f'zext i8 {byte} to i32')}, 24")
        word = self.set(f"or i32 {high}, {PAD}")
        head = self.set(f"insertelement {_V} zeroinitializer, i32 {word}, i64 0")
        tail = self.set(f"insertelement {_V} zeroinitializer, i32 %bits, i64 3")
        return [head, "zeroinitializer", "zeroinitializer", tail]

    def _compress(self, states: list[_State], blocks: list[list[str]]) -> list[_State]:
        """Write the 64 rounds of each row's block, four at a time, row beside row."""
        words = [list(block) for block in blocks]
        abef, cdgh = [state[0] for state in states], [state[1] for state in states]
        for step in range(ROUNDS // 4):
            constants = _vector(CONSTANTS[4 * step : 4 * step + 4])
            for row, block in enumerate(words):
                one, two, three, four = (block[(step + ahead) % 4] for ahead in range(4))
                low = self._add(one, constants)
                cdgh[row] = self._call(_ROUNDS2, cdgh[row], abef[row], low)
                high = self._shuffle(low, "poison", (2, 3, 0, 0))
                abef[row] = self._call(_ROUNDS2, abef[row], cdgh[row], high)
                if step < (ROUNDS - 16) // 4:
                    sums = self._add(
                        self._call(_SCHEDULE1, one, two), self._shuffle(three, four, (1, 2, 3, 4))
                    )
                    block[step % 4] = self._call(_SCHEDULE2, sums, four)
        return [
            (self._add(abef[row], state[0]), self._add(cdgh[row], state[1]))
            for row, state in enumerate(states)
        ]

    def _store(self, row: int, state: _State) -> None:
        place = self.set(f"shl i64 {self.set(f'add i64 %row, {row}')}, 5")
        target = self.at("%target", place)
        for half, order in enumerate(((3, 2, 7, 6), (1, 0, 5, 4))):
            words = self._call(_SWAP, self._shuffle(*state, order))
            self.lines.append(f"  store {_V} {words}, ptr {self.at(target, 16 * half)}, align 1")
