"""What is known of alignment at each node, and which accesses need a test: a flow over the graph.

Between functions sp is a multiple of 4: who calls, returns or leaves makes sure, or leaves to the
exact tier. A loop may count on what its first accesses need; then the ways into it test that, once
instead of in each turn. Ways in that are rarely taken test what the usual ones bring.

Not here: what single instructions tell (`alignment`), the tests' code (`node`).
"""

from __future__ import annotations

from typing import Final

from pekanu.machine.isa import Op
from pekanu.machine.translate.alignment import ALIGNED, Alignment, Known
from pekanu.machine.translate.functions import Block, Ending
from pekanu.machine.translate.graph import Graph, Kind, Node
from pekanu.machine.translate.instructions import LOADS, STORES
from pekanu.machine.translate.registers import RA, SP

#: What holds wherever a function is entered.
_AT_BORDER: Final = {SP: ALIGNED}
_AFTER_CALL: Final = {SP: ALIGNED, RA: ALIGNED}
#: Rounds before all is given up: loops of compilers take two or three.
_MOST_ROUNDS: Final = 12
#: Endings that pass sp on to other functions.
_PASSING: Final = frozenset((Ending.CALL, Ending.CALL_REGISTER, Ending.RETURN, Ending.SWITCH))


def set_alignments(graph: Graph) -> None:
    """Set what each node may count on, and its tests; the order and registers must be set."""
    bases = _get_bases(graph)
    guesses = {header: _guess(header.block) for header in graph.loops if header.block is not None}
    for _ in range(_MOST_ROUNDS):
        again = False
        for node in graph.nodes:
            known = _get_known(graph, node, guesses.get(node), bases)
            if known is not None and node.aligned is not None:
                # What was given up once stays so, or this might go on forever.
                known = _meet(node.aligned, known)
            if known is not None and known != node.aligned:
                again = again or any(one.order <= node.order for one in node.successors)
                node.aligned = known
                _follow(node, known)
        if not again:
            return
    for node in graph.nodes:
        node.aligned = _AT_BORDER
        _follow(node, _AT_BORDER)


def get_missing(node: Node, target: Node) -> list[tuple[int, Known]]:
    """Return what a target counts on that is not known where a node goes on to it."""
    if not target.aligned:
        return []
    after = node.aligned_after
    return [
        (register, known)
        for register, known in target.aligned.items()
        if not _implies(after.get(register), known)
    ]


def _implies(left: Known | None, right: Known) -> bool:
    return left is not None and left[0] & right[0] == right[0] and left[1] & right[0] == right[1]


def _get_bases(graph: Graph) -> int:
    """Return, as bits, the registers that addresses are made of."""
    bases = 0
    for node in graph.nodes:
        for instruction in node.block.instructions if node.block else ():
            if instruction.op in LOADS or instruction.op in STORES:
                bases |= 1 << instruction.rs1
    for node in graph.nodes:
        for instruction in node.block.instructions if node.block else ():
            if instruction.op in (Op.ADDI, Op.ADD) and bases >> instruction.rd & 1:
                bases |= 1 << instruction.rs1
    return bases & ~1


def _guess(block: Block) -> dict[int, Known]:
    """Return what the accesses of a block need of registers as they are at its beginning."""
    needed: dict[int, Known] = {}
    written = 0
    for instruction in block.instructions:
        op, base = instruction.op, instruction.rs1
        access = LOADS.get(op) or STORES.get(op)
        if access is not None and base and not written >> base & 1:
            mask = access[1] - 1
            if mask > needed.get(base, (0, 0))[0]:
                needed[base] = (mask, -instruction.imm & mask)
        if op not in STORES:
            written |= 1 << instruction.rd
    return needed


def _get_known(
    graph: Graph, node: Node, guess: dict[int, Known] | None, bases: int
) -> dict[int, Known] | None:
    """Return what is known at a node's beginning; None if no way into it was followed yet."""
    if node is graph.root or node.kind in (Kind.SELECTOR, Kind.LANDING):
        return _AT_BORDER
    usual = [one for one in node.predecessors if not _is_rare(graph, one, node)]
    if not usual:
        return _AT_BORDER
    known: dict[int, Known] | None = None
    for one in usual:
        if one.aligned is None:
            continue
        theirs = one.aligned_after
        if guess and one.order < node.order and not one.is_switch():
            theirs = {**guess, **{k: v for k, v in theirs.items() if _is_wider(v, guess.get(k))}}
        known = theirs if known is None else _meet(known, theirs)
    if known is None or len(node.predecessors) == 1:
        return known
    kept = bases & node.held | 1 << SP | 1 << RA
    return {register: value for register, value in known.items() if kept >> register & 1}


def _is_rare(graph: Graph, source: Node, node: Node) -> bool:
    """Return whether a way into a node is rarely taken: it tests what the others bring."""
    return source.kind is Kind.LANDING or (source is graph.root and node is not graph.entries[0])


def _is_wider(known: Known, guess: Known | None) -> bool:
    """Return whether what is known says as much as a guess, or contradicts it."""
    return guess is None or known[0] >= guess[0] or known[1] != guess[1] & known[0]


def _meet(left: dict[int, Known], right: dict[int, Known]) -> dict[int, Known]:
    """Return what both say."""
    both: dict[int, Known] = {}
    for register, (mask, value) in left.items():
        if register not in right:
            continue
        other, theirs = right[register]
        same = mask & other & ~(value ^ theirs)
        if same == 3:
            both[register] = (3, value)
        elif same & 1:
            both[register] = (1, value & 1)
    return both


def _follow(node: Node, known: dict[int, Known]) -> None:
    """Set a node's tests, and what is known at its end."""
    node.tests = {}
    block = node.block
    if block is None:
        node.aligned_after = known
        if node.kind is Kind.LEAVE:
            _test_stack(node, node.pc, known)
        return
    here = Alignment(known)
    pc = block.start
    for instruction in block.instructions:
        if instruction is block.last:
            break
        op = instruction.op
        access = LOADS.get(op) or STORES.get(op)
        if access is not None and access[1] > 1:
            certain = here.is_certain(instruction, access[1])
            if not certain:
                node.tests[pc] = certain is None
                here.learn(instruction, access[1])
        if instruction.rd and op not in STORES:
            here.follow(instruction, pc)
        pc += 4
    if block.ending in _PASSING:
        _test_stack(node, block.end - 4, here.known)
    is_call = block.ending in (Ending.CALL, Ending.CALL_REGISTER)
    node.aligned_after = _AFTER_CALL if is_call else here.known


def _test_stack(node: Node, pc: int, known: dict[int, Known]) -> None:
    if known.get(SP) != ALIGNED:
        node.tests[pc] = True
