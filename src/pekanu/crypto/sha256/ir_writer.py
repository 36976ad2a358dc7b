"""What both SHA-256 kernels share: constants, and the loop over groups of rows and their blocks.

A kernel is `hash_rows(source, target, size, prefix, groups)`: of each row of `size` bytes, a
multiple of 64, it writes SHA-256(prefix || row), 32 bytes. Behind the one byte of the prefix the
words of a message lie one byte before the words of its row; the last block holds the row's last
byte, the padding and the length. Source: FIPS 180-4, sections 5.1.1, 5.3.3 and 6.2.
Not here: the rounds (`ir_instructions`, `ir_lanes`).
"""

from __future__ import annotations

from typing import Final

KERNEL: Final = "hash_rows"
TREE: Final = "hash_tree"
_ARGUMENTS: Final = "ptr %source, ptr %target, i64 %size, i32 %prefix, i64 %groups"
ROUNDS: Final = 64
CONSTANTS: Final = (
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
)  # fmt: skip
INITIAL: Final = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)  # fmt: skip
#: The bit after a message's last byte, in the word that begins with that byte.
PAD: Final = 0x80 << 16
#: `hash_tree(source, nodes, parents, size, groups, count, leaf, node)` hashes groups of rows under
#: the prefix `leaf`; behind them there are more nodes already, `count` in all. Then it hashes level
#: after level under the prefix `node` into one room and the other, and returns the root's address.
#: The last group of a level may read and write beyond its nodes: each room has space for two groups
#: more.
_TREE: Final = """
define ptr @hash_tree(ptr %source, ptr %nodes, ptr %parents,
                      i64 %size, i64 %whole, i64 %count, i32 %leaf, i32 %prefix) {{
entry:
  call void @hash_rows(ptr %source, ptr %nodes, i64 %size, i32 %leaf, i64 %whole)
  br label %level
level:
  %below = phi ptr [%nodes, %entry], [%above, %next]
  %above = phi ptr [%parents, %entry], [%below, %next]
  %left = phi i64 [%count, %entry], [%fewer, %next]
  %is_root = icmp ult i64 %left, 2
  br i1 %is_root, label %done, label %hash
hash:
  %pairs = lshr i64 %left, 1
  %rest = and i64 %left, 1
  %fewer = add i64 %pairs, %rest
  %filled = add i64 %pairs, {last}
  %groups = udiv i64 %filled, {group}
  call void @hash_rows(ptr %below, ptr %above, i64 64, i32 %prefix, i64 %groups)
  %has_rest = icmp eq i64 %rest, 1
  br i1 %has_rest, label %lift, label %next
lift:
  %from_place = shl i64 %pairs, 6
  %to_place = shl i64 %pairs, 5
  %from = getelementptr i8, ptr %below, i64 %from_place
  %to = getelementptr i8, ptr %above, i64 %to_place
  %lone = load i256, ptr %from, align 1
  store i256 %lone, ptr %to, align 1
  br label %next
next:
  br label %level
done:
  ret ptr %below
}}
"""


class Writer:
    """Collects lines of LLVM IR.

    Args:
        group: Rows that the kernel hashes at once.
    """

    def __init__(self, group: int) -> None:
        """Begin with no lines."""
        self.group = group
        self.lines: list[str] = []
        self._names = 0

    def set(self, expression: str) -> str:
        """Write an assignment to a fresh name and return the name."""
        self._names += 1
        name = f"%t{self._names}"
        self.lines.append(f"  {name} = {expression}")
        return name

    def at(self, base: str, offset: int | str) -> str:
        """Return the address some bytes after another."""
        return self.set(f"getelementptr i8, ptr {base}, i64 {offset}")

    def open_groups(self, allocations: list[str]) -> list[str]:
        """Write the kernel's head up to a group's first block; return the addresses of its rows."""
        self.lines += [
            f"define void @{KERNEL}({_ARGUMENTS}) {{",
            "entry:",
            *allocations,
            "  %blocks = lshr i64 %size, 6",
            "  %row_bits = shl i64 %size, 3",
            "  %long_bits = add i64 %row_bits, 8",
            "  %bits = trunc i64 %long_bits to i32",
            "  br label %group",
            "group:",
            "  %number = phi i64 [0, %entry], [%later, %last]",
            "  %over = icmp eq i64 %number, %groups",
            "  br i1 %over, label %done, label %first",
            "first:",
            "  %later = add i64 %number, 1",
            f"  %row = mul i64 %number, {self.group}",
        ]
        rows = []
        for index in range(self.group):
            place = self.set(f"add i64 %row, {index}")
            rows.append(self.at("%source", self.set(f"mul i64 {place}, %size")))
        return rows

    def open_blocks(self) -> int:
        """Write the head of the loop over blocks; return where its phi nodes may be put in."""
        self.lines += [
            "  br label %block",
            "block:",
            "  %index = phi i64 [1, %first], [%next, %middle]",
        ]
        place = len(self.lines)
        self.lines += [
            "  %is_last = icmp eq i64 %index, %blocks",
            "  br i1 %is_last, label %last, label %middle",
            "middle:",
            "  %next = add i64 %index, 1",
            "  %offset = shl i64 %index, 6",
        ]
        return place

    def open_last(self) -> None:
        """Write the end of the loop over blocks; what follows is a group's last block."""
        self.lines += ["  br label %block", "last:", "  %end = sub i64 %size, 1"]

    def close_groups(self) -> None:
        """Write the kernel's end, and behind it the one that hashes a tree by it."""
        self.lines += ["  br label %group", "done:", "  ret void", "}"]
        self.lines.append(_TREE.format(last=self.group - 1, group=self.group))
