"""Which registers are in locals, and which have changed since they were stored, at each node.

Between functions registers live in globals, but for ra and sp, which are handed over. A register
is loaded where it is first used, or before the loop that uses it, and stored before calls and
exits if it may have changed. Sets of registers are bits of a number.

Not here: the loads and stores themselves (`function`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from pekanu.machine.isa import Instruction, Op
from pekanu.machine.translate.discovery import BRANCHES
from pekanu.machine.translate.graph import Graph, Kind, Node

RA: Final = 1
SP: Final = 2
#: x0, which holds nothing, and the two that are always in locals.
_NEVER_STORED: Final = 1 << 0 | 1 << RA | 1 << SP
_ALL: Final = 0xFFFFFFFF & ~_NEVER_STORED

STORES: Final = frozenset((Op.SB, Op.SH, Op.SW))
_SOURCELESS: Final = frozenset((Op.LUI, Op.AUIPC, Op.JAL, Op.FENCE))
_TWO_SOURCES: Final = (
    BRANCHES
    | STORES
    | frozenset((Op.ADD, Op.SUB, Op.SLL, Op.SLT, Op.SLTU, Op.XOR, Op.SRL, Op.SRA, Op.OR, Op.AND))
    | frozenset((Op.MUL, Op.MULH, Op.MULHSU, Op.MULHU, Op.DIV, Op.DIVU, Op.REM, Op.REMU))
)
_RESULTLESS: Final = BRANCHES | STORES | {Op.FENCE}


def get_reads(instruction: Instruction) -> int:
    """Return the registers, as bits, that an instruction reads; never x0, ra and sp."""
    if instruction.op in _SOURCELESS:
        return 0
    read = 1 << instruction.rs1
    if instruction.op in _TWO_SOURCES:
        read |= 1 << instruction.rs2
    return read & _ALL


def get_writes(instruction: Instruction) -> int:
    """Return the register, as a bit, that an instruction writes; never x0, ra and sp."""
    return 0 if instruction.op in _RESULTLESS else 1 << instruction.rd & _ALL


@lru_cache(maxsize=1 << 14)
def list_registers(bits: int) -> tuple[int, ...]:
    """Return the registers of a set, rising."""
    return tuple(register for register in range(32) if bits >> register & 1)


def set_registers(graph: Graph) -> None:
    """Set what each node holds in locals and has changed; the order must be set."""
    reads, writes = {}, {}
    for node in graph.nodes:
        read = write = 0
        for instruction in node.block.instructions if node.block else ():
            read |= get_reads(instruction)
            write |= get_writes(instruction)
        reads[node], writes[node] = read, write
    _set_changed(graph, writes, _find_kept(graph, writes))
    _set_held(graph, {node: reads[node] | writes[node] for node in graph.nodes})


def _find_kept(graph: Graph, writes: dict[Node, int]) -> dict[Node, int]:
    """Return by header, of the loops that call, what each turn leaves alone.

    It is stored on the ways into the loop rather than before the calls of each turn.
    """
    kept = {}
    for header, nodes in graph.loops.items():
        if any(node.is_call() for node in nodes):
            kept[header] = _ALL
            for node in nodes:
                kept[header] &= ~writes.get(node, 0)
    return kept


def _set_changed(graph: Graph, writes: dict[Node, int], kept: dict[Node, int]) -> None:
    """Set what may have changed: the union over the ways in, but for what they store."""
    again = True
    while again:
        again = False
        for node in graph.nodes:
            changed = 0
            for one in node.predecessors:
                changed |= one.changed_after
            changed &= ~kept.get(node, 0)
            after = 0 if node.is_call() else changed | writes[node]
            if changed != node.changed or after != node.changed_after:
                node.changed, node.changed_after = changed, after
                again = True


def _set_held(graph: Graph, used: dict[Node, int]) -> None:
    """Set what is held: beside what changed, what all ways in hold, or a loop uses and keeps.

    Ways in that are rarely taken count for nothing: what they lack is loaded on them.
    """
    wanted = {}
    for header, nodes in graph.loops.items():
        wanted[header] = 0
        for node in nodes:
            wanted[header] |= used.get(node, 0)
    for node in graph.nodes:
        node.held = node.held_after = _ALL
    again = True
    while again:
        again = False
        for node in graph.nodes:
            held = wanted.get(node, _ALL) & _get_common(graph, node) | node.changed
            after = 0 if node.is_call() else held | used[node]
            if held != node.held or after != node.held_after:
                node.held, node.held_after = held, after
                again = True


def _get_common(graph: Graph, node: Node) -> int:
    """Return what all the usual ways into a node hold."""
    usual = [
        one
        for one in node.predecessors
        if one.kind is not Kind.LANDING
        and not (node.header and one.order < node.order)
        and (one is not graph.root or node is graph.entries[0])
    ]
    common = _ALL if usual or node.header else 0
    for one in usual:
        common &= one.held_after
    return common
