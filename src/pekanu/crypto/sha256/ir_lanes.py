"""The LLVM IR of SHA-256 of rows by vectors: one row in each lane.

For processors of any make; quicker than the SHA instructions of some. Not here: the loops
(`ir_writer`).
Source: FIPS 180-4, sections 4.1.2 and 6.2.2.
"""

from __future__ import annotations

from typing import Final

from pekanu.crypto.sha256.ir_writer import CONSTANTS, INITIAL, PAD, ROUNDS, Writer

_WORDS: Final = 16


def build_module(width: int) -> str:
    """Return the IR of a module with the kernel for vectors of some lanes."""
    return _Writer(width).build()


class _Writer(Writer):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.type = f"<{width} x i32>"
        self.align = 4 * width
        self.suffix = f"v{width}i32"

    def build(self) -> str:
        """Return the rounds, the kernel and what they declare."""
        constants = ", ".join(f"i32 {value}" for value in CONSTANTS)
        self.lines.append(
            f"@rounds = private unnamed_addr constant [{ROUNDS} x i32] [{constants}], align 64"
        )
        self._write_rounds()
        rows = self.open_groups(
            [
                f"  %state = alloca [8 x {self.type}], align 64",
                f"  %block_words = alloca [{_WORDS} x {self.type}], align 64",
            ]
        )
        for index, word in enumerate(INITIAL):
            self._put("%state", index, self._constant(word))
        # Nothing before a row's first byte may be read: its words are put behind the prefix here.
        before = self._splat("%prefix")
        for index, words in enumerate(self._load_block(rows)):
            self._put_word(index, self._funnel(before, words, 24))
            before = words
        self._compress()
        self.open_blocks()
        place = self.set("sub i64 %offset, 1")
        for index, words in enumerate(self._load_block([self.at(row, place) for row in rows])):
            self._put_word(index, words)
        self._compress()
        self.open_last()
        self._put_word(0, self._load_end(rows))
        for index in range(1, _WORDS - 1):
            self._put_word(index, "zeroinitializer")
        self._put_word(_WORDS - 1, self._splat("%bits"))
        self._compress()
        for index in range(len(INITIAL)):
            self._scatter(index)
        self.close_groups()
        kind = self.type
        self.lines += [
            f"declare {kind} @llvm.fshl.{self.suffix}({kind}, {kind}, {kind})",
            f"declare {kind} @llvm.bswap.{self.suffix}({kind})",
        ]
        return "\n".join(self.lines)

    def _constant(self, value: int) -> str:
        return "<" + ", ".join([f"i32 {value}"] * self.group) + ">"

    def _splat(self, word: str) -> str:
        first = self.set(f"insertelement {self.type} poison, i32 {word}, i64 0")
        mask = f"<{self.group} x i32> zeroinitializer"
        return self.set(f"shufflevector {self.type} {first}, {self.type} poison, {mask}")

    def _two(self, operation: str, one: str, other: str) -> str:
        return self.set(f"{operation} {self.type} {one}, {other}")

    def _add(self, *values: str) -> str:
        result = values[0]
        for value in values[1:]:
            result = self._two("add", result, value)
        return result

    def _xor(self, *values: str) -> str:
        result = values[0]
        for value in values[1:]:
            result = self._two("xor", result, value)
        return result

    def _or(self, one: str, other: str) -> str:
        return self._two("or", one, other)

    def _shift(self, value: str, count: int) -> str:
        return self._two("lshr", value, self._constant(count))

    def _rotate(self, value: str, count: int) -> str:
        return self._funnel(value, value, 32 - count)

    def _funnel(self, high: str, low: str, count: int) -> str:
        """Write the upper half of two words, one behind the other, shifted to the left."""
        amount = self._constant(count)
        arguments = f"{self.type} {high}, {self.type} {low}, {self.type} {amount}"
        return self.set(f"call {self.type} @llvm.fshl.{self.suffix}({arguments})")

    def _swap(self, value: str) -> str:
        return self.set(f"call {self.type} @llvm.bswap.{self.suffix}({self.type} {value})")

    def _get(self, base: str, index: int) -> str:
        slot = self.at(base, index * self.align)
        return self.set(f"load {self.type}, ptr {slot}, align {self.align}")

    def _put(self, base: str, index: int, value: str) -> None:
        slot = self.at(base, index * self.align)
        self.lines.append(f"  store {self.type} {value}, ptr {slot}, align {self.align}")

    def _put_word(self, index: int, value: str) -> None:
        self._put("%block_words", index, value)

    def _compress(self) -> None:
        self.lines.append("  call void @compress(ptr %state, ptr %block_words)")

    def _load_block(self, rows: list[str]) -> list[str]:
        """Write the loads of 64 bytes of each row; return their big-endian words, lane by lane."""
        words = []
        for first in range(0, _WORDS, self.group):
            addresses = [self.at(row, 4 * first) for row in rows]
            loads = [f"load {self.type}, ptr {address}, align 1" for address in addresses]
            words += self._transpose([self.set(load) for load in loads])
        return [self._swap(word) for word in words]

    def _transpose(self, vectors: list[str]) -> list[str]:
        """Write the exchange of rows and lanes: of blocks half as large in each step."""
        width, step = self.group, self.group // 2
        vectors = list(vectors)
        while step:
            uppers = [lane + (width - step if lane & step else 0) for lane in range(width)]
            lowers = [lane + (width if lane & step else step) for lane in range(width)]
            for place in range(width):
                if not place & step:
                    pair = vectors[place], vectors[place + step]
                    vectors[place] = self._shuffle(*pair, uppers)
                    vectors[place + step] = self._shuffle(*pair, lowers)
            step //= 2
        return vectors

    def _shuffle(self, one: str, other: str, lanes: list[int]) -> str:
        mask = ", ".join(f"i32 {lane}" for lane in lanes)
        kind = self.type
        return self.set(
            f"shufflevector {kind} {one}, {kind} {other}, <{self.group} x i32> <{mask}>"
        )

    def _load_end(self, rows: list[str]) -> str:
        value = "poison"
        for lane, row in enumerate(rows):
            byte = self.set(f"load i8, ptr {self.at(row, '%end')}")
            word = self.set(f"zext i8 {byte} to i32")
            value = self.set(f"insertelement {self.type} {value}, i32 {word}, i64 {lane}")
        return self._or(self._two("shl", value, self._constant(24)), self._constant(PAD))

    def _scatter(self, index: int) -> None:
        """Write the stores of one word of each digest."""
        value = self._swap(self._get("%state", index))
        for lane in range(self.group):
            word = self.set(f"extractelement {self.type} {value}, i64 {lane}")
            place = self.set(f"shl i64 {self.set(f'add i64 %row, {lane}')}, 5")
            address = self.at(self.at("%target", place), 4 * index)
            self.lines.append(f"  store i32 {word}, ptr {address}, align 1")

    def _write_rounds(self) -> None:
        """Write the compression of one block of each lane: sixteen rounds in a loop, and the last.

        Those need no words of later rounds, which are a third of the work.
        """
        self.lines += [
            "define internal void @compress(ptr %state, ptr %words) noinline alignstack(64) {",
            "entry:",
        ]
        starts = [self._get("%state", index) for index in range(len(INITIAL))]
        loaded = [self._get("%words", index) for index in range(_WORDS)]
        self.lines += ["  br label %sixteen", "sixteen:"]
        place = len(self.lines)
        names = [f"%s{index}" for index in range(len(INITIAL))]
        names += [f"%w{index}" for index in range(_WORDS)]
        state, words = names[: len(INITIAL)], names[len(INITIAL) :]
        for index in range(_WORDS):
            number = self.set(f"add i64 %round, {index}")
            address = self.set(f"getelementptr i32, ptr @rounds, i64 {number}")
            constant = self._splat(self.set(f"load i32, ptr {address}"))
            state = self._round(state, self._add(words[index], constant))
            words[index] = self._schedule(words, index)
        afters = state + words
        self.lines[place:place] = ["  %round = phi i64 [0, %entry], [%next, %sixteen]"] + [
            f"  {name} = phi {self.type} [{before}, %entry], [{after}, %sixteen]"
            for name, before, after in zip(names, starts + loaded, afters, strict=True)
        ]
        self.lines += [
            f"  %next = add i64 %round, {_WORDS}",
            f"  %over = icmp eq i64 %next, {ROUNDS - _WORDS}",
            "  br i1 %over, label %done, label %sixteen",
            "done:",
        ]
        for index, word in enumerate(words):
            constant = self._constant(CONSTANTS[ROUNDS - _WORDS + index])
            state = self._round(state, self._add(word, constant))
        for index, before in enumerate(starts):
            self._put("%state", index, self._add(state[index], before))
        self.lines += ["  ret void", "}"]

    def _round(self, state: list[str], word: str) -> list[str]:
        a, b, c, d, e, f, g, h = state
        sum1 = self._xor(self._rotate(e, 6), self._rotate(e, 11), self._rotate(e, 25))
        choice = self._xor(self._two("and", self._xor(f, g), e), g)
        first = self._add(h, word, sum1, choice)
        sum0 = self._xor(self._rotate(a, 2), self._rotate(a, 13), self._rotate(a, 22))
        majority = self._xor(self._two("and", self._xor(a, b), self._xor(b, c)), b)
        return [self._add(first, sum0, majority), a, b, c, self._add(d, first), e, f, g]

    def _schedule(self, words: list[str], index: int) -> str:
        """Return the word sixteen rounds later."""
        early, late = words[(index + 1) % _WORDS], words[(index + 14) % _WORDS]
        small0 = self._xor(self._rotate(early, 7), self._rotate(early, 18), self._shift(early, 3))
        small1 = self._xor(self._rotate(late, 17), self._rotate(late, 19), self._shift(late, 10))
        return self._add(words[index], small0, words[(index + 9) % _WORDS], small1)
