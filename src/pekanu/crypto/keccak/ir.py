"""The LLVM IR of the batched Keccak-256: V independent states, one in each lane of a vector.

Not here: compiling and calling it (`vector`). The 24 rounds are a loop, so that compiling takes
a fraction of a second. Source: FIPS 202, "KECCAK-p"; padding 0x01 as in Ethereum.
"""

from __future__ import annotations

from typing import Final

_CONSTANTS: Final = (
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000,
    0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A,
    0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
)  # fmt: skip
#: The rotation of lane x + 5y. Source: FIPS 202, table 2, modulo 64.
_ROTATIONS: Final = (
    0, 1, 62, 28, 27,
    36, 44, 6, 55, 20,
    3, 10, 43, 25, 39,
    41, 45, 15, 21, 8,
    18, 2, 61, 56, 14,
)  # fmt: skip
#: Rounds in the loop's body: two hide more latency than one, more bring nothing but compile time.
_UNROLLED: Final = 2
_LANES: Final = 25
_DIGEST_LANES: Final = 4
_RATE_LANES: Final = 17
_PAD_FIRST: Final = 1
_PAD_LAST: Final = -(1 << 63)


def get_kernels(width: int) -> tuple[str, str, str]:
    """Return the names of the three entry points for vectors of some lanes."""
    return f"hash_pairs_{width}", f"hash_messages_{width}", f"xor_pads_{width}"


def build_module(widths: tuple[int, ...]) -> str:
    """Return the IR of a module with the kernels for each number of lanes.

    The kernels take a count of groups, a group being one hash in each lane:

        hash_pairs_V(source, target, groups)      64-byte messages to 32-byte digests
        hash_messages_V(source, target, groups)   192-byte messages to 32-byte digests
        xor_pads_V(prefix, level, first, data, groups)
            data[i] ^= digest(prefix of 136 bytes, 16 zero bytes, level, 24 zero bytes, first + i)

    A target may begin where its source begins: each group is read before it is written.
    """
    constants = ", ".join(f"i64 {value}" for value in _CONSTANTS)
    parts = [f"@rounds = private unnamed_addr constant [24 x i64] [{constants}], align 64"]
    parts += [_Writer(width).build() for width in dict.fromkeys(widths)]
    return "\n".join(parts)


class _Writer:
    """Writes the functions for one number of lanes."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.type = f"<{width} x i64>"
        self.state = f"[25 x {self.type}]"
        self.lines: list[str] = []
        self.names = 0

    def build(self) -> str:
        """Return the permutation and the three kernels."""
        pairs, messages, pads = get_kernels(self.width)
        self._permutation()
        self._hash(pairs, words=8)
        self._hash(messages, words=24)
        self._pads(pads)
        suffix = f"v{self.width}i64"
        self.lines += [
            f"declare {self.type} @llvm.fshl.{suffix}({self.type}, {self.type}, {self.type})",
            f"declare {self.type} @llvm.bswap.{suffix}({self.type})",
        ]
        return "\n".join(self.lines)

    def _set(self, expression: str) -> str:
        """Write an assignment to a fresh name and return the name."""
        self.names += 1
        name = f"%t{self.names}"
        self.lines.append(f"  {name} = {expression}")
        return name

    def _xor(self, *values: str) -> str:
        result = values[0]
        for value in values[1:]:
            result = self._set(f"xor {self.type} {result}, {value}")
        return result

    def _constant(self, value: int) -> str:
        return "<" + ", ".join([f"i64 {value}"] * self.width) + ">"

    def _splat(self, word: str) -> str:
        first = self._set(f"insertelement {self.type} poison, i64 {word}, i64 0")
        mask = f"<{self.width} x i32> zeroinitializer"
        return self._set(f"shufflevector {self.type} {first}, {self.type} poison, {mask}")

    def _rotate(self, value: str, count: int) -> str:
        if count == 0:
            return value
        amount = self._constant(count)
        name = f"@llvm.fshl.v{self.width}i64"
        arguments = f"{self.type} {value}, {self.type} {value}, {self.type} {amount}"
        return self._set(f"call {self.type} {name}({arguments})")

    def _slot(self, lane: int) -> str:
        return self._set(f"getelementptr {self.state}, ptr %state, i64 0, i64 {lane}")

    def _load_lane(self, lane: int) -> str:
        return self._set(f"load {self.type}, ptr {self._slot(lane)}, align {8 * self.width}")

    def _store_lane(self, lane: int, value: str) -> None:
        slot = self._slot(lane)
        self.lines.append(f"  store {self.type} {value}, ptr {slot}, align {8 * self.width}")

    def _permutation(self) -> None:
        """Write KECCAK-f[1600] over the state in memory."""
        self.lines += [
            f"define internal void @permute_{self.width}(ptr %state) noinline alignstack(64) {{"
        ]
        self.lines.append("entry:")
        lanes = [self._load_lane(lane) for lane in range(_LANES)]
        self.lines += ["  br label %round", "round:"]
        header = len(self.lines)
        phis = [f"%s{lane}" for lane in range(_LANES)]
        self.lines.append("  %number = phi i64 [0, %entry], [%next, %round]")
        after = phis
        for step in range(_UNROLLED):
            number = self._set(f"add i64 %number, {step}")
            address = self._set(f"getelementptr [24 x i64], ptr @rounds, i64 0, i64 {number}")
            after = self._round(after, self._splat(self._set(f"load i64, ptr {address}")))
        self.lines[header + 1 : header + 1] = [
            f"  {phi} = phi {self.type} [{first}, %entry], [{later}, %round]"
            for phi, first, later in zip(phis, lanes, after, strict=True)
        ]
        self.lines += [
            f"  %next = add i64 %number, {_UNROLLED}",
            "  %over = icmp eq i64 %next, 24",
            "  br i1 %over, label %done, label %round",
            "done:",
        ]
        for lane, value in enumerate(after):
            self._store_lane(lane, value)
        self.lines += ["  ret void", "}"]

    def _round(self, lanes: list[str], constant: str) -> list[str]:
        """Write one round and return its lanes. Source: FIPS 202, sections 3.2.1 to 3.2.5."""
        # theta
        columns = [self._xor(*lanes[x::5]) for x in range(5)]
        mixes = [
            self._xor(columns[(x + 4) % 5], self._rotate(columns[(x + 1) % 5], 1)) for x in range(5)
        ]
        # rho and pi, chi
        result = []
        for row in range(5):
            moved = []
            for column in range(5):
                # Lane (x, y) moves to (y, 2x + 3y): here read backwards.
                x, y = (column + 3 * row) % 5, column
                lane = x + 5 * y
                moved.append(self._rotate(self._xor(lanes[lane], mixes[x]), _ROTATIONS[lane]))
            for x in range(5):
                inverse = self._xor(moved[(x + 1) % 5], self._constant(-1))
                masked = self._set(f"and {self.type} {inverse}, {moved[(x + 2) % 5]}")
                result.append(self._xor(moved[x], masked))
        # iota
        result[0] = self._xor(result[0], constant)
        return result

    def _open_loop(self, signature: str, before: list[str]) -> None:
        """Write a function's head and the head of its loop over groups."""
        self.lines += [f"define void @{signature} {{", "entry:"]
        self.lines.append(f"  %state = alloca {self.state}, align 64")
        self.lines += before

    def _loop_head(self) -> None:
        self.lines += [
            "  br label %check",
            "check:",
            "  %group = phi i64 [0, %entry], [%later, %body]",
            "  %over = icmp eq i64 %group, %groups",
            "  br i1 %over, label %done, label %body",
            "body:",
            "  %later = add i64 %group, 1",
            f"  %first_hash = mul i64 %group, {self.width}",
        ]

    def _close_loop(self) -> None:
        self.lines += ["  br label %check", "done:", "  ret void", "}"]

    def _permute(self) -> None:
        self.lines.append(f"  call void @permute_{self.width}(ptr %state)")

    def _gather(self, pointer: str, stride: int, word: int) -> str:
        """Write the loads of one word of each lane's record of `stride` words."""
        value = "poison"
        for lane in range(self.width):
            base = self._set(f"getelementptr i64, ptr {pointer}, i64 {lane * stride + word}")
            loaded = self._set(f"load i64, ptr {base}, align 1")
            value = self._set(f"insertelement {self.type} {value}, i64 {loaded}, i64 {lane}")
        return value

    def _scatter(self, pointer: str, value: str, word: int) -> None:
        for lane in range(self.width):
            part = self._set(f"extractelement {self.type} {value}, i64 {lane}")
            base = self._set(f"getelementptr i64, ptr {pointer}, i64 {lane * 4 + word}")
            self.lines.append(f"  store i64 {part}, ptr {base}, align 1")

    def _hash(self, name: str, *, words: int) -> None:
        """Write a kernel that hashes messages of a fixed number of 8-byte words."""
        self._open_loop(f"{name}(ptr %source, ptr %target, i64 %groups)", [])
        self._loop_head()
        self.lines += [
            f"  %offset = mul i64 %first_hash, {words}",
            "  %from = getelementptr i64, ptr %source, i64 %offset",
            "  %place = mul i64 %first_hash, 4",
            "  %to = getelementptr i64, ptr %target, i64 %place",
        ]
        start = 0
        while words - start >= _RATE_LANES:
            self._absorb(start, start + _RATE_LANES, words)
            self._permute()
            start += _RATE_LANES
        self._absorb(start, words, words)
        self._permute()
        for lane in range(_DIGEST_LANES):
            self._scatter("%to", self._load_lane(lane), lane)
        self._close_loop()

    def _absorb(self, start: int, stop: int, words: int) -> None:
        """Write the absorption of words [start, stop), with the padding after the last one."""
        last = stop == words
        for lane in range(_LANES):
            value = "zeroinitializer" if start == 0 else self._load_lane(lane)
            if lane < stop - start:
                word = self._gather("%from", words, start + lane)
                value = word if start == 0 else self._xor(value, word)
            if last and lane == stop - start:
                value = self._xor(value, self._constant(_PAD_FIRST))
            if last and lane == _RATE_LANES - 1:
                value = self._xor(value, self._constant(_PAD_LAST))
            self._store_lane(lane, value)

    def _pads(self, name: str) -> None:
        """Write the kernel of the seal's pads: the prefix is absorbed once, in every lane."""
        signature = f"{name}(ptr %prefix, i64 %level, i64 %first, ptr %data, i64 %groups)"
        self._open_loop(signature, [])
        for lane in range(_LANES):
            value = "zeroinitializer"
            if lane < _RATE_LANES:
                address = self._set(f"getelementptr i64, ptr %prefix, i64 {lane}")
                value = self._splat(self._set(f"load i64, ptr {address}, align 1"))
            self._store_lane(lane, value)
        self._permute()
        level = self._swap(self._splat("%level"))
        base = [self._load_lane(lane) for lane in range(_LANES)]
        base[2] = self._xor(base[2], level)
        base[7] = self._xor(base[7], self._constant(_PAD_FIRST))
        base[16] = self._xor(base[16], self._constant(_PAD_LAST))
        steps = "<" + ", ".join(f"i64 {lane}" for lane in range(self.width)) + ">"
        start = self._set(f"add {self.type} {self._splat('%first')}, {steps}")
        self._loop_head()
        offset = self._splat("%first_hash")
        index = self._swap(self._set(f"add {self.type} {start}, {offset}"))
        for lane, value in enumerate(base):
            self._store_lane(lane, self._xor(value, index) if lane == 6 else value)
        self._permute()
        self.lines += [
            "  %place = mul i64 %first_hash, 4",
            "  %to = getelementptr i64, ptr %data, i64 %place",
        ]
        for lane in range(_DIGEST_LANES):
            pad = self._load_lane(lane)
            self._scatter("%to", self._xor(self._gather("%to", 4, lane), pad), lane)
        self._close_loop()

    def _swap(self, value: str) -> str:
        name = f"@llvm.bswap.v{self.width}i64"
        return self._set(f"call {self.type} {name}({self.type} {value})")
