"""Gives every loop one way in, so that the graph can be written with structured control flow.

A loop that is entered elsewhere, because the function can be entered there or the program jumps
there, gets a selector before its header: whoever wants to enter elsewhere sets the selector and
goes there. Not here: which nodes are entries (`module`).
Source: Steensgaard, "Sequentializing Program Dependence Graphs for Irreducible Programs".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pekanu.machine.translate.graph import Graph, Kind, Node, set_predecessors

#: The index of nodes whose part is known.
_DONE: Final = 1 << 62
#: How often a node may lie in loops, on average: what compilers make stays far below it.
_DEEPEST: Final = 5


class TooTangled(Exception):
    """The loops lie in each other so deeply that translating them would take too long."""


@dataclass(slots=True, eq=False, repr=False)
class Loop:
    """A strongly connected part of the graph and the node that is its header."""

    main: Node
    nodes: set[Node]


def find_loops(graph: Graph) -> list[Loop]:
    """Return all loops, outer before inner; the graph's predecessors must be set.

    Raises:
        TooTangled: No compiler made this.
    """
    loops = []
    pending = [set(graph.nodes)]
    left = _DEEPEST * (len(graph.nodes) + _DEEPEST)
    while pending:
        for part in _get_parts(pending.pop()):
            left -= len(part)
            if left < 0:
                raise TooTangled
            main = _choose_main(part)
            loops.append(Loop(main, part))
            pending.append(part - {main})
    return loops


def list_turns(loops: Iterable[Loop], others: Collection[Node]) -> list[Node]:
    """Return the headers of the loops that can turn without passing certain other nodes.

    Args:
        loops: As `find_loops` gives them.
        others: The nodes.
    """
    return [
        loop.main
        for loop in loops
        if loop.nodes.isdisjoint(others)
        or any(loop.main in part for part in _get_parts(loop.nodes.difference(others)))
    ]


def add_selectors(graph: Graph, loops: Iterable[Loop]) -> None:
    """Give each loop one header, and set the graph's loops.

    Args:
        graph: With its predecessors set, the root's edges included; they are set again.
        loops: As `find_loops` gives them without the root's further edges.
    """
    number = 0
    for loop in loops:
        inside = loop.nodes
        entered = [
            (source, node)
            for node in sorted(inside, key=lambda one: one.pc)
            for source in node.predecessors
            if source not in inside
        ]
        if all(node is loop.main for _, node in entered):
            loop.main.header = True
            graph.loops[loop.main] = inside
            continue
        selector = Node(Kind.SELECTOR, loop.main.pc, successors=[loop.main], header=True)
        graph.nodes.append(selector)
        graph.loops[selector] = {selector, *inside}
        sources = list(loop.main.predecessors)
        loop.main.predecessors = [selector]
        for source in sources:
            _redirect(source, loop.main, selector)
        inner: set[Node] = set()
        for source, node in entered:
            if node is loop.main:
                continue
            if not node.select:
                number += 1
                node.select = number
            node.predecessors.remove(source)
            if source.kind is Kind.LANDING:
                source.select = node.select
                _redirect(source, node, selector)
            else:
                landing = Node(Kind.LANDING, node.pc, successors=[selector], select=node.select)
                graph.nodes.append(landing)
                _redirect(source, node, landing)
                selector.predecessors.append(landing)
            if node not in inner:
                inner.add(node)
                reset = Node(Kind.LANDING, node.pc, successors=[node], case=node.select)
                reset.predecessors = [selector]
                graph.nodes.append(reset)
                selector.successors.append(reset)
                node.predecessors.append(reset)
    set_predecessors(graph)


def _redirect(source: Node, old: Node, new: Node) -> None:
    """Make all edges from a node to another go elsewhere."""
    source.successors = [new if one is old else one for one in source.successors]
    new.predecessors.append(source)


def _choose_main(part: set[Node]) -> Node:
    """Return the header of a loop: of the nodes that are entered, the first in the text."""
    entered = [node for node in part if any(one not in part for one in node.predecessors)]
    return min(entered or part, key=lambda node: node.pc)


def _get_parts(nodes: set[Node]) -> list[set[Node]]:
    """Return the strongly connected parts that hold a cycle.

    Source: Tarjan, "Depth-First Search and Linear Graph Algorithms", without recursion.
    """
    index: dict[Node, int] = {}
    low: dict[Node, int] = {}
    stack: list[Node] = []
    parts: list[set[Node]] = []
    for root in sorted(nodes, key=lambda node: node.pc):
        work: list[tuple[Node, Iterator[Node]]] = []
        fresh: Node | None = root if root not in index else None
        while work or fresh is not None:
            if fresh is not None:
                index[fresh] = low[fresh] = len(index)
                stack.append(fresh)
                work.append((fresh, iter([one for one in fresh.successors if one in nodes])))
            node, successors = work[-1]
            fresh = None
            for successor in successors:
                if successor not in index:
                    fresh = successor
                    break
                # What is done has an index beyond all others.
                low[node] = min(low[node], index[successor])
            if fresh is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    parts += _take_part(node, stack, index)
    return parts


def _take_part(node: Node, stack: list[Node], index: dict[Node, int]) -> list[set[Node]]:
    """Take a part off the stack, and return it if it holds a cycle."""
    part: set[Node] = set()
    while node not in part:
        part.add(stack.pop())
    for one in part:
        index[one] = _DONE
    return [part] if len(part) > 1 or node in node.successors else []
