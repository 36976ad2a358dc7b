"""The graph of a function that is translated: its blocks, and nodes that lead in and out.

Not here: making loops have one way in (`loops`), order and dominators (`order`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from pekanu.machine.translate.functions import Block, Ending, Function, Partition

#: Ways into a function at most; the map has 14 bits for them. The exact tier serves the rest.
MOST_ENTRIES: Final = 1 << 14


class Kind(Enum):
    """What a node does."""

    #: Runs a block's instructions.
    BLOCK = auto()
    #: Goes to where the function is entered; the root.
    ENTRY = auto()
    #: Goes to where the selector says, or on to the loop's header if it is 0.
    SELECTOR = auto()
    #: Sets the selector.
    LANDING = auto()
    #: Goes on in another function.
    LEAVE = auto()
    #: Leaves a branch that may trap to the exact tier.
    TRAP = auto()


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """A node of the graph; compared by identity, and not shown, for it leads to all others."""

    kind: Kind
    #: Where the exact tier would go on instead.
    pc: int
    block: Block | None = None
    successors: list[Node] = field(default_factory=list)
    predecessors: list[Node] = field(default_factory=list)
    #: Of LANDING: the selector's value. Of others: their value for the selector, if they need one.
    select: int = 0
    #: Of LANDING after SELECTOR: the value with which it is gone to.
    case: int = 0
    #: Steps that it takes.
    cost: int = 0
    #: Whether the steps that are left are compared here with what follows.
    check: bool = False
    #: Whether it begins a loop.
    header: bool = False
    #: Whether it is the target of a switch, so that it needs a label.
    labelled: bool = False
    #: The position in reverse postorder.
    order: int = -1
    dominator: Node | None = None
    #: Nodes that it dominates at once.
    children: list[Node] = field(default_factory=list)
    #: Steps from its beginning to the next check, at most.
    reach: int = 0
    #: Steps that were taken before it and are not yet counted.
    owed: int = 0
    #: Registers, as bits: in locals at its beginning and end; changed since stored, likewise.
    held: int = 0
    held_after: int = 0
    changed: int = 0
    changed_after: int = 0
    #: What is known of registers' low bits: at its beginning, None before anything is; at its end.
    aligned: dict[int, tuple[int, int]] | None = None
    aligned_after: dict[int, tuple[int, int]] = field(default_factory=dict)
    #: Addresses of instructions that need a test of alignment; False where it would always fail.
    tests: dict[int, bool] = field(default_factory=dict)

    def is_switch(self) -> bool:
        """Return whether it goes on by a table of branches to labels."""
        return self.block is not None and self.block.ending is Ending.SWITCH

    def is_call(self) -> bool:
        """Return whether it ends in a call that comes back."""
        return self.block is not None and self.block.ending in (Ending.CALL, Ending.CALL_REGISTER)

    def is_merge(self) -> bool:
        """Return whether branches to it need a label of their own."""
        forward = sum(one.order < self.order for one in self.predecessors)
        return forward > 1 or self.labelled


@dataclass(slots=True)
class Graph:
    """A function's graph."""

    root: Node
    nodes: list[Node]
    #: Where it can be entered, the start first.
    entries: list[Node]
    by_address: dict[int, Node]
    #: Of each loop's header, the loop's nodes.
    loops: dict[Node, set[Node]] = field(default_factory=dict)


def build_graph(function: Function, partition: Partition) -> Graph:
    """Return the graph of a function, its predecessors not yet set."""
    root = Node(Kind.ENTRY, function.start)
    by_address = {
        address: Node(Kind.BLOCK, address, block, cost=len(block.instructions))
        for address, block in function.blocks.items()
    }
    graph = Graph(root, [root, *by_address.values()], [by_address[function.start]], by_address)
    leaves: dict[int, Node] = {}

    def find(address: int) -> Node:
        """Return the node to go to for an address."""
        if partition.owners.get(address) == function.start:
            return by_address[address]
        if address not in leaves:
            leaves[address] = Node(Kind.LEAVE, address)
        return leaves[address]

    for node in by_address.values():
        block = node.block
        if block is None:
            continue
        node.successors = [find(address) for address in block.get_successors()]
        if block.ending is Ending.BRANCH and block.target is None:
            trap = Node(Kind.TRAP, block.end - 4, cost=-1)
            graph.nodes.append(trap)
            node.successors.insert(0, trap)
    graph.nodes += leaves.values()
    return graph


def set_predecessors(graph: Graph) -> None:
    """Drop nodes that are not reached and set all predecessors."""
    reached = {graph.root}
    pending = [graph.root]
    while pending:
        for successor in pending.pop().successors:
            if successor not in reached:
                reached.add(successor)
                pending.append(successor)
    graph.nodes = [node for node in graph.nodes if node in reached]
    for node in graph.nodes:
        node.predecessors = []
    for node in graph.nodes:
        for successor in dict.fromkeys(node.successors):
            successor.predecessors.append(node)


def get_continuations(graph: Graph) -> list[Node]:
    """Return the nodes where the function goes on after calls."""
    calls = (Ending.CALL, Ending.CALL_REGISTER)
    return [
        node.successors[0]
        for node in graph.by_address.values()
        if node.block is not None and node.block.ending in calls
    ]
