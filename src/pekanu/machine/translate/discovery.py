"""Finds what of a text is code: where blocks begin, where functions begin, tables of jumps.

The walk follows branches, calls and tables from the entry, then from addresses that the image
mentions, then over what is left. What it finds are guesses that decide speed alone: whatever was
not foreseen is run by the exact tier. Not here: cutting the text into functions (`functions`).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from pekanu.machine.isa import Instruction, Op
from pekanu.machine.translate.listing import Listing
from pekanu.machine.translate.values import Constant, Entry, Values

BRANCHES: Final = frozenset((Op.BEQ, Op.BNE, Op.BLT, Op.BGE, Op.BLTU, Op.BGEU))
#: After which execution goes on elsewhere, or not at all.
ENDING: Final = BRANCHES | {Op.JAL, Op.JALR, Op.ECALL, Op.EBREAK}
#: Registers that hold a return address by convention.
LINKS: Final = (1, 5)
_MASK: Final = 0xFFFFFFFF
#: Entries of a table whose limit is not known, at most.
_LONGEST_TABLE: Final = 1024
#: Instructions that are translated at most; a text beyond that is run by the exact tier.
MOST_INSTRUCTIONS: Final = 1 << 18
#: Functions that are translated at most: each takes time and memory, however small it is.
MOST_FUNCTIONS: Final = 1 << 14


@dataclass(slots=True)
class Discovery:
    """What was found; addresses are of instructions that can be fetched."""

    listing: Listing
    #: Where blocks begin.
    leaders: set[int] = field(default_factory=set)
    #: Where functions begin.
    starts: set[int] = field(default_factory=set)
    #: The targets of computed jumps, by the jump's address.
    tables: dict[int, list[int]] = field(default_factory=dict)
    #: Addresses that may be jumped to from anywhere.
    mentioned: set[int] = field(default_factory=set)
    #: A mark for each word that was reached.
    visited: bytearray = field(default_factory=bytearray)
    #: Instructions that may still be walked over.
    _left: int = 0
    #: Leaders that are still to be walked from, as a heap: ways in mostly come from lower
    #: addresses, and what all of them bring is put together.
    _order: list[int] = field(default_factory=list)
    _pending: dict[int, Values] = field(default_factory=dict)
    #: The computed jumps by each table's base.
    _bases: dict[int, list[int]] = field(default_factory=dict)
    _rising_bases: list[int] = field(default_factory=list)
    #: Tables whose end is not known, with the jumps' addresses.
    _deferred: list[tuple[Entry, int, Values]] = field(default_factory=list)
    _constants: set[int] = field(default_factory=set)

    def run(self) -> None:
        """Find everything."""
        self.visited = bytearray(self.listing.end >> 2)
        self._left = MOST_INSTRUCTIONS
        self._start(self.listing.entry)
        self._walk_all()
        candidates = self.listing.find_addresses(MOST_INSTRUCTIONS)
        fresh = [*candidates, *sorted(self._constants)]
        while fresh and not self._is_full():
            self._constants.clear()
            for address in fresh:
                # What the walk from a lower address has reached is no function of its own.
                if self._is_new(address) and not self._is_full():
                    self.mentioned.add(address)
                    self._start(address)
                    self._walk_all()
            fresh = sorted(self._constants)
        self._complete_tables()
        claimed = {target for targets in self.tables.values() for target in targets}
        self.mentioned.update((self.leaders - claimed).intersection(candidates))
        self._sweep()

    def _complete_tables(self) -> None:
        """Give jumps by the same table the same targets: those of the one that may go furthest."""
        for jumps in self._bases.values():
            longest = max((self.tables[pc] for pc in jumps), key=len, default=[])
            for pc in jumps:
                self.tables[pc] = longest

    def _is_new(self, address: int) -> bool:
        return self.listing.is_code(address) and not self.visited[address >> 2]

    def _is_full(self) -> bool:
        """Return whether no further function is taken in; what is left is the exact tier's."""
        return self._left <= 0 or len(self.starts) >= MOST_FUNCTIONS

    def _start(self, address: int) -> None:
        """Note that a function begins at an address."""
        if address not in self.starts and not self._is_full() and self.listing.is_code(address):
            self.starts.add(address)
            self._lead(address, Values())

    def _lead(self, address: int, values: Values) -> None:
        """Note that a block begins at an address."""
        pending = self._pending.get(address)
        if pending is not None:
            pending.meet(values)
        elif address not in self.leaders and self.listing.is_code(address):
            self.leaders.add(address)
            self._pending[address] = values
            heappush(self._order, address)

    def _walk_all(self) -> None:
        while (self._order or self._deferred) and self._left > 0:
            if not self._order:
                self._follow_deferred()
                continue
            address = heappop(self._order)
            self._walk(address, self._pending.pop(address))

    def _sweep(self) -> None:
        """Take what nobody mentioned for functions too, where it reads like code."""
        for pc in range(0, self.listing.end, 4):
            if self._is_full():
                break
            if not self.visited[pc >> 2] and self.listing.get(pc) is not None:
                self._start(pc)
                self._walk_all()

    def _walk(self, pc: int, values: Values) -> None:
        """Follow the instructions from a block's first one to where another was followed."""
        listing, visited, pending = self.listing, self.visited, self._pending
        first, end = pc, min(listing.end, pc + 4 * self._left)
        while pc < end and not visited[pc >> 2]:
            if pc in pending:
                pending[pc].meet(values)
                break
            instruction = listing.get(pc)
            if instruction is None:
                break
            visited[pc >> 2] = 1
            op = instruction.op
            if op in ENDING:
                self._follow_ending(instruction, pc, values)
                pc += 4
                break
            made = values.follow(instruction, pc)
            if made is not None and op == Op.ADDI and instruction.rs1 and listing.is_code(made):
                self._constants.add(made)
            pc += 4
        self._left -= (pc - first) >> 2

    def _follow_ending(self, instruction: Instruction, pc: int, values: Values) -> None:
        """Go on from where a block's last instruction may lead."""
        op = instruction.op
        if op in BRANCHES:
            taken = values.copy()
            taken.follow_branch(instruction, taken=True)
            values.follow_branch(instruction, taken=False)
            self._lead((pc + instruction.imm) & _MASK, taken)
            self._lead(pc + 4, values)
        elif op in (Op.JAL, Op.JALR):
            self._follow_jump(instruction, pc, values)

    def _follow_jump(self, instruction: Instruction, pc: int, values: Values) -> None:
        """Go on from a jump's targets, and from behind a call."""
        target = None
        if instruction.op == Op.JAL:
            target = (pc + instruction.imm) & _MASK
        else:
            held = values.known.get(instruction.rs1)
            if isinstance(held, Constant):
                target = (held.value + instruction.imm) & _MASK & ~1
            elif isinstance(held, Entry) and not instruction.imm and not instruction.rd:
                self._follow_table(held, pc, values)
        if instruction.rd == 0:
            if target is not None:
                self._lead(target, values)
            return
        if target is not None:
            self._start(target)
        after = values.copy()
        after.forget_call()
        self._lead(pc + 4, after)

    def _follow_table(self, entry: Entry, pc: int, values: Values) -> None:
        """Go on from a table of jumps, at once if its end is known, else when all else is."""
        if entry.base not in self._bases:
            self._bases[entry.base] = []
            insort(self._rising_bases, entry.base)
        if entry.limit is None:
            self._deferred.append((entry, pc, values.copy()))
        else:
            self._take_table(entry, pc, values, entry.limit)

    def _follow_deferred(self) -> None:
        """Go on from a table that ends nobody knows where: where the next one begins."""
        entry, pc, values = self._deferred.pop()
        place = bisect_right(self._rising_bases, entry.base)
        following = self._rising_bases[place : place + 1] or [1 << 32]
        self._take_table(entry, pc, values, (following[0] - entry.base) >> 2)

    def _take_table(self, entry: Entry, pc: int, values: Values, limit: int) -> None:
        """Go on from each target of a table of jumps."""
        targets: list[int] = []
        for word in self.listing.get_words(entry.base, min(limit, _LONGEST_TABLE)):
            target = (word + entry.added) & _MASK
            if not self.listing.is_code(target):
                break
            targets.append(target)
        if targets:
            self.tables[pc] = list(dict.fromkeys(targets))
            self._bases[entry.base].append(pc)
        for target in targets:
            self._lead(target, values.copy())
