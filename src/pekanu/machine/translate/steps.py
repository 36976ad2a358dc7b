"""How steps are counted: where what is left is compared, and where what was taken is subtracted.

A check at a node makes sure that whatever may run before the next check is still within the
budget; beyond it the exact tier goes on. Between checks, steps are owed along the nodes that have
one way in, and paid before a merge, a check, a call or an exit.

Not here: the comparisons themselves (`function`).
"""

from __future__ import annotations

from collections.abc import Iterable

from pekanu.machine.translate.functions import Ending
from pekanu.machine.translate.graph import Graph, Node


def set_steps(graph: Graph) -> None:
    """Set which steps each node may reach and which it owes; checks and order must be set."""
    for node in graph.nodes:
        node.owed = get_total(node.predecessors[0]) if carries(node) else 0
    for node in reversed(graph.nodes):
        ahead = [0 if one.check else one.reach for one in node.successors]
        node.reach = max(0, node.cost + max(ahead, default=0))


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
    """Mark the nodes where steps are compared.

    Args:
        graph: Its ways in are marked.
        others: Headers of loops, and what follows calls, be it in this function or not.
    """
    for node in (*graph.entries, *others):
        node.check = True
