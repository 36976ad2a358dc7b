"""Reverse postorder and dominators of a graph.

Source: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm".
"""

from __future__ import annotations

from pekanu.machine.translate.graph import Graph, Node


def set_order(graph: Graph) -> None:
    """Sort the nodes in reverse postorder and number them."""
    order: list[Node] = []
    seen = {graph.root}
    work = [(graph.root, iter(graph.root.successors))]
    while work:
        node, successors = work[-1]
        for successor in successors:
            if successor not in seen:
                seen.add(successor)
                work.append((successor, iter(successor.successors)))
                break
        else:
            work.pop()
            order.append(node)
    order.reverse()
    graph.nodes = order
    for place, node in enumerate(order):
        node.order = place


def set_dominators(graph: Graph) -> None:
    """Set each node's immediate dominator and children; the order must be set."""
    root, *others = graph.nodes
    root.dominator = root
    changed = True
    while changed:
        changed = False
        for node in others:
            found: Node | None = None
            for one in node.predecessors:
                if one.dominator is not None:
                    found = one if found is None else _intersect(one, found)
            if node.dominator is not found:
                node.dominator = found
                changed = True
    for node in others:
        if node.dominator is not None:
            node.dominator.children.append(node)


def _intersect(left: Node, right: Node) -> Node:
    """Return the nearest node that dominates both."""
    while left is not right:
        while left.order > right.order:
            left = left.dominator or left
        while right.order > left.order:
            right = right.dominator or right
    return left
