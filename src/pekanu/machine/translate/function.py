"""Writes the WebAssembly of one function from its graph.

The tree of dominators gives the nesting: a node is followed by the merges that it dominates, each
behind a block that branches leave to reach it, and a loop's header opens a loop. Rare ways out
stand after the body, so that the common path is short.

Not here: what a node's code is (`node`). Source: Ramsey, "Beyond Relooper", ICFP 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

from pekanu.machine.translate.exits import DEPTH, SELECTOR, TARGET
from pekanu.machine.translate.functions import Ending
from pekanu.machine.translate.graph import Graph, Kind, Node
from pekanu.machine.translate.layout import DEPTH_BITS
from pekanu.machine.translate.node import NodeWriter
from pekanu.machine.translate.places import CASES, Places
from pekanu.machine.translate.wasm import Access, Body, Do

#: The widest table of a switch: targets that are shared between switches may leave gaps.
_WIDEST_SWITCH: Final = 1 << 12

_Task: TypeAlias = Callable[[], None]
#: A node, and whether the label is the beginning of its loop rather than the end of a block.
_Label: TypeAlias = tuple[Node, bool]


class FunctionWriter:
    """Writes one function.

    Args:
        graph: Ordered, reducible, with registers and steps set.
        places: Where functions are.
    """

    def __init__(self, graph: Graph, places: Places) -> None:
        """Prepare; write nothing yet."""
        self._graph = graph
        self._places = places
        self._body = Body()
        #: The open constructs, each with what a branch to it reaches.
        self._context: list[_Label | None] = []
        self._labels: dict[_Label, int] = {}
        #: What is still to be written, the next last: recursion would be too deep.
        self._tasks: list[_Task] = []
        self._nodes = NodeWriter(graph, places, self._body, lambda: len(self._context))

    def write(self) -> tuple[list[tuple[int, int]], Body]:
        """Return the function's further locals and its code."""
        self._tree(self._graph.root)
        while self._tasks:
            self._tasks.pop()()
        self._body.do(Do.UNREACHABLE)
        return self._nodes.finish()

    def _then(self, *tasks: _Task) -> None:
        self._tasks += reversed(tasks)

    def _open(self, label: _Label | None = None) -> None:
        """Note that a construct was opened."""
        if label is not None:
            self._labels[label] = len(self._context)
        self._context.append(label)

    def _close(self) -> None:
        """Close the innermost construct."""
        label = self._context.pop()
        if label is not None:
            del self._labels[label]
        self._body.do(Do.END)

    def _find(self, target: Node) -> int:
        """Return the depth of the label by which a node is reached."""
        place = self._labels.get((target, False))
        if place is None:
            place = self._labels[target, True]
        return len(self._context) - 1 - place

    def _tree(self, node: Node) -> None:
        """Write a node and all that it dominates."""
        merges = [child for child in node.children if child.is_merge()]
        merges.sort(key=lambda child: child.order)
        if node.header:
            self._body.loop()
            self._open((node, True))
        for merge in reversed(merges):
            self._body.block()
            self._open((merge, False))
        self._nodes.write(node)
        after: list[_Task] = []
        for merge in merges:
            after += [self._close, partial(self._tree, merge)]
        if node.header:
            after.append(self._close)
        self._then(partial(self._go_on, node), *after)

    def _go_on(self, node: Node) -> None:
        """Write where a node goes on."""
        ending = node.block.ending if node.block else None
        if node.kind is Kind.ENTRY:
            self._enter(node)
        elif node.kind is Kind.SELECTOR:
            self._select(node)
        elif ending is Ending.SWITCH:
            self._switch(node)
        elif ending is Ending.BRANCH:
            self._branch_either(node, *node.successors)
        elif node.successors:
            self._branch(node, node.successors[0])

    def _is_labelled(self, node: Node, target: Node) -> bool:
        return target.order <= node.order or target.is_merge()

    def _branch(self, node: Node, target: Node) -> None:
        """Write the way to a target: what the edge takes, then a branch or the target itself."""
        self._nodes.write_edge(node, target)
        if self._is_labelled(node, target):
            self._body.br(self._find(target))
        else:
            self._tree(target)

    def _branch_either(self, node: Node, taken: Node, following: Node) -> None:
        """Write a conditional branch."""
        body, nodes = self._body, self._nodes
        nodes.pay_before_branch(node)
        nodes.compare(node)
        if self._is_plain(node, taken):
            body.br_if(self._find(taken))
            self._branch(node, following)
        elif self._is_plain(node, following):
            body.do(Do.I32_EQZ)
            body.br_if(self._find(following))
            self._branch(node, taken)
        else:
            body.if_()
            self._open()
            self._then(self._close, partial(self._branch, node, following))
            self._branch(node, taken)

    def _is_plain(self, node: Node, target: Node) -> bool:
        """Return whether going to a target is nothing but a branch to a label."""
        return self._is_labelled(node, target) and not self._nodes.needs_edge(node, target)

    def _enter(self, node: Node) -> None:
        """Write the way from a function's parameters to where it is entered."""
        body, (usual, *others) = self._body, node.successors
        if others:
            body.get(DEPTH)
            body.i32(0)
            body.do(Do.I32_LT_S)
            body.if_()
            self._open()
        if self._nodes.needs_stack:
            body.get(DEPTH)
            body.i32(-(1 << DEPTH_BITS) if others else 0)
            body.do(Do.I32_GT_S if others else Do.I32_LT_S)
            self._nodes.leave_exhausted()
        if not others:
            self._branch(node, usual)
            return
        body.i32(0)
        body.get(DEPTH)
        body.do(Do.I32_SUB)
        body.tee(TARGET)
        body.i32((1 << DEPTH_BITS) - 1)
        body.do(Do.I32_AND)
        body.set(DEPTH)
        body.get(TARGET)
        body.i32(DEPTH_BITS)
        body.do(Do.I32_SHR_U)
        body.set(TARGET)
        self._choose(node, others, range(1, len(others) + 1), TARGET)

    def _select(self, node: Node) -> None:
        """Write the way from a loop's beginning to where the selector says."""
        others = node.successors[1:]
        self._body.get(SELECTOR)
        self._body.if_()
        self._open()
        self._choose(node, others, [landing.case for landing in others], SELECTOR)

    def _choose(
        self, node: Node, targets: Sequence[Node], numbers: Sequence[int], local: int
    ) -> None:
        """Write the choice of a target by the number in a local; close the `if` around it.

        After that the node's first successor follows.
        """
        body = self._body
        for _ in targets:
            body.block()
            self._open()
        first, last = min(numbers), max(numbers)
        places = {number: place for place, number in enumerate(numbers)}
        body.get(local)
        body.i32(first)
        body.do(Do.I32_SUB)
        body.br_table([places.get(one, 0) for one in range(first, last)], places[last])
        tasks: list[_Task] = []
        for target in targets:
            tasks += [self._close, partial(self._branch, node, target)]
        self._then(*tasks, self._close, partial(self._branch, node, node.successors[0]))

    def _switch(self, node: Node) -> None:
        """Write a jump to the address in TARGET: to known targets, or to anywhere."""
        body, nodes = self._body, self._nodes
        nodes_by_pc = {one.pc: one for one in node.successors}
        numbers = self._places.number_cases(nodes_by_pc)
        first, last = min(numbers, default=0), max(numbers, default=0)
        if numbers and last - first < _WIDEST_SWITCH:
            nodes.load_for_all(node)
            body.block()
            self._open()
            body.get(TARGET)
            body.access(Access.I32_LOAD, memory=CASES)
            body.i32(first)
            body.do(Do.I32_SUB)
            depths = {number: self._find(nodes_by_pc[pc]) for number, pc in numbers.items()}
            body.br_table([depths.get(one, 0) for one in range(first, last + 1)], 0)
            self._close()
        nodes.write_computed_jump()
