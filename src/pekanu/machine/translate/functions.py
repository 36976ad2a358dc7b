"""Cuts a text into blocks and blocks into functions; every block belongs to one function.

A function is what is reached from a start without passing another one. Not here: the graph that
is translated (`graph`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from pekanu.machine.isa import Instruction, Op
from pekanu.machine.translate.discovery import BRANCHES, ENDING, Discovery
from pekanu.machine.translate.listing import Listing

_MASK: Final = 0xFFFFFFFF
#: Blocks and instructions of a function at most, roughly; the rest becomes functions of its own,
#: so that no function costs more than a fair share of time to compile.
_MOST_BLOCKS: Final = 3000
_MOST_INSTRUCTIONS: Final = 1 << 13
#: Instructions of a block at most; it is cut there.
_LONGEST_BLOCK: Final = 1 << 9
_RETURN_ADDRESS: Final = 1


class Ending(Enum):
    """How a block ends."""

    #: It goes on in the next block, or jumps to one that is known.
    GOTO = auto()
    #: A conditional branch.
    BRANCH = auto()
    #: A call of a known function.
    CALL = auto()
    #: A call through a register.
    CALL_REGISTER = auto()
    #: A jump to what ra holds.
    RETURN = auto()
    #: A jump through a register, perhaps to targets that are known from a table.
    SWITCH = auto()
    #: The exact tier must run what follows.
    STOP = auto()


@dataclass(slots=True)
class Block:
    """Instructions that run one after the other.

    `last` is the one that ends the block; it is among the instructions unless the ending is STOP.
    """

    start: int
    #: After the last instruction that is among the block's.
    end: int
    instructions: list[Instruction]
    ending: Ending
    last: Instruction | None = None
    #: Of GOTO, BRANCH and CALL; None where a branch's target is none that can be fetched.
    target: int | None = None
    #: Of SWITCH.
    targets: list[int] = field(default_factory=list)

    def get_successors(self) -> list[int]:
        """Return where the block may go on within its function."""
        match self.ending:
            case Ending.GOTO:
                return [] if self.target is None else [self.target]
            case Ending.BRANCH:
                return [self.end] if self.target is None else [self.target, self.end]
            case Ending.CALL | Ending.CALL_REGISTER:
                return [self.end]
            case Ending.SWITCH:
                return self.targets
            case Ending.RETURN | Ending.STOP:
                return []


@dataclass(slots=True)
class Function:
    """Blocks that are translated together."""

    start: int
    blocks: dict[int, Block] = field(default_factory=dict)
    #: Where it can be entered, beside its start.
    entries: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Partition:
    """All functions, by their start, and the start of each block's function."""

    functions: dict[int, Function]
    owners: dict[int, int]


def build_partition(discovery: Discovery) -> Partition:
    """Return the functions of a text."""
    functions: dict[int, Function] = {}
    owners: dict[int, int] = {}
    starts = sorted(discovery.starts)
    known = set(starts)
    while starts:
        fresh: list[int] = []
        for start in starts:
            if start not in owners:
                functions[start] = _collect(discovery, start, known, owners, fresh)
        starts = [start for start in fresh if start not in owners]
        known.update(starts)
    for function in functions.values():
        for block in function.blocks.values():
            for target in block.get_successors():
                owner = owners.get(target, function.start)
                if owner not in (function.start, target):
                    functions[owner].entries.add(target)
    for address in discovery.mentioned:
        owner = owners.get(address, address)
        if owner != address:
            functions[owner].entries.add(address)
    return Partition(functions, owners)


def _collect(
    discovery: Discovery, start: int, known: set[int], owners: dict[int, int], fresh: list[int]
) -> Function:
    """Return the function that begins at a start."""
    function = Function(start)
    pending, size = [start], 0
    while pending:
        address = pending.pop()
        if address in owners or (address in known and address != start):
            continue
        if address not in discovery.leaders:
            continue
        if len(function.blocks) >= _MOST_BLOCKS or size >= _MOST_INSTRUCTIONS:
            fresh.append(address)
            continue
        block = function.blocks[address] = _build_block(discovery, address)
        owners[address] = start
        size += len(block.instructions)
        pending += reversed(block.get_successors())
    return function


def _build_block(discovery: Discovery, start: int) -> Block:
    """Return the block that begins at a leader."""
    listing, leaders = discovery.listing, discovery.leaders
    instructions: list[Instruction] = []
    constants: dict[int, int] = {}
    pc = start
    while pc == start or pc not in leaders:
        instruction = listing.get(pc) if pc < listing.end else None
        if instruction is None:
            return Block(start, pc, instructions, Ending.STOP)
        op = instruction.op
        if op in ENDING:
            ending, target = Ending.STOP, None
            if op not in (Op.ECALL, Op.EBREAK):
                ending, target = _get_ending(listing, instruction, pc, constants)
            if ending is Ending.STOP:
                return Block(start, pc, instructions, ending)
            instructions.append(instruction)
            targets = discovery.tables.get(pc, []) if ending is Ending.SWITCH else []
            return Block(start, pc + 4, instructions, ending, instruction, target, targets)
        instructions.append(instruction)
        if op == Op.LUI:
            constants[instruction.rd] = instruction.imm & _MASK
        elif op == Op.AUIPC:
            constants[instruction.rd] = (pc + instruction.imm) & _MASK
        elif constants:
            constants.pop(instruction.rd, None)
        pc += 4
        if len(instructions) == _LONGEST_BLOCK:
            leaders.add(pc)
    return Block(start, pc, instructions, Ending.GOTO, target=pc)


def _get_ending(
    listing: Listing, instruction: Instruction, pc: int, constants: dict[int, int]
) -> tuple[Ending, int | None]:
    """Return how an instruction ends its block, and its target if that is certain."""
    target: int | None
    if instruction.op in BRANCHES:
        target = (pc + instruction.imm) & _MASK
        return Ending.BRANCH, target if listing.is_code(target) else None
    if instruction.op == Op.JAL:
        target = (pc + instruction.imm) & _MASK
    elif instruction.rs1 in constants and instruction.rs1 != 0:
        target = (constants[instruction.rs1] + instruction.imm) & _MASK & ~1
    elif instruction.rd:
        return Ending.CALL_REGISTER, None
    elif instruction.rs1 == _RETURN_ADDRESS and instruction.imm == 0:
        return Ending.RETURN, None
    else:
        return Ending.SWITCH, None
    if not listing.is_code(target):
        return Ending.STOP, None
    return (Ending.CALL if instruction.rd else Ending.GOTO), target
