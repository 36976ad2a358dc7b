"""How steps are counted: where what is left is compared, and where what was taken is subtracted.

A check at a node makes sure that whatever may run before the next check is still within the
budget; beyond it the exact tier goes on. Between checks, steps are owed along the nodes that have
one way in, and paid before a merge, a check, a call or an exit.

Not here: the comparisons themselves (`function`).
"""

from __future__ import annotations

from collections.abc import Iterable

from pekanu.machine.translate.functions import Ending
from pekanu.machine.translate.graph import Graph, Kind, Node


def set_steps(graph: Graph) -> None:
    """Set which steps each node may reach and which it owes; checks and order must be set."""
    for node in graph.nodes:
        node.owed = get_total(node.predecessors[0]) if carries(node) else 0
    _set_reach(graph)


def _set_reach(graph: Graph) -> None:
    """Set the most steps from each node to the next check; every cycle has one."""
    done: set[Node] = set()
    for root in graph.nodes:
        work = [] if root in done else [root]
        while work:
            node = work[-1]
            ahead = [one for one in node.successors if not one.check]
            missing = [one for one in ahead if one not in done]
            if missing and node not in done:
                work += missing
                continue
            work.pop()
            node.reach = max(0, node.cost + max((one.reach for one in ahead), default=0))
            done.add(node)


def carries(node: Node) -> bool:
    """Return whether a node takes over what the node before it owes."""
    if node.check or len(node.predecessors) != 1:
        return False
    block = node.predecessors[0].block
    return block is not None and block.ending in (Ending.GOTO, Ending.BRANCH)


def get_total(node: Node) -> int:
    """Return the steps that are owed at a node's end."""
    return node.owed + node.cost


def set_checks(graph: Graph, others: Iterable[Node]) -> None:
    """Mark the nodes where steps are compared: so many that every cycle has one.

    Args:
        graph: Its ways in are marked.
        others: What follows calls, be it in this function or not.
    """
    for node in (*graph.entries, *others):
        # A selector stands for many places, and after a call for its first one.
        (node.successors[0] if node.kind is Kind.SELECTOR else node).check = True
    is_done: dict[Node, bool] = {}
    turns: list[Node] = []
    for root in graph.nodes:
        work = [] if root in is_done else [(root, iter(root.successors))]
        while work:
            node, successors = work[-1]
            is_done[node] = False
            for one in successors:
                if not one.check and one not in is_done:
                    work.append((one, iter(one.successors)))
                    break
                if not one.check and not is_done[one]:
                    turns.append(one)
            else:
                is_done[node] = True
                work.pop()
    _mark(turns)


def _mark(nodes: list[Node]) -> None:
    """Have steps compared at nodes, or at all that follow those that are none of the program's."""
    seen = set(nodes)
    while nodes:
        node = nodes.pop()
        if node.kind is Kind.BLOCK:
            node.check = True
            continue
        fresh = [one for one in node.successors if one not in seen]
        seen.update(fresh)
        nodes += fresh
