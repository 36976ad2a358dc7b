"""Translates a program's text to one WebAssembly module.

The module has three memories: the guest's, the state's, which begins with the registers and goes on
with a map from each instruction's address to the function and the way in that it is, and one that
maps the targets of switches to their numbers. `run` takes up execution at an address and comes back
when the exact tier has to go on.

Not here: compiling and running the module (`executor`).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np

from pekanu.machine.program import Program
from pekanu.machine.translate import layout
from pekanu.machine.translate.alignment_flow import set_alignments
from pekanu.machine.translate.discovery import Discovery
from pekanu.machine.translate.dispatch import write_jump, write_run, write_unknown
from pekanu.machine.translate.function import FunctionWriter
from pekanu.machine.translate.functions import Ending, Function, Partition, build_partition
from pekanu.machine.translate.graph import (
    MOST_ENTRIES,
    Graph,
    build_graph,
    get_continuations,
    set_predecessors,
)
from pekanu.machine.translate.listing import Listing
from pekanu.machine.translate.loops import (
    Loop,
    TooTangled,
    add_selectors,
    find_loops,
    list_turns,
)
from pekanu.machine.translate.order import set_dominators, set_order
from pekanu.machine.translate.places import (
    GUEST_SIGNATURE,
    RUN,
    RUN_SIGNATURE,
    TARGET_GLOBAL,
    UNKNOWN,
    Places,
)
from pekanu.machine.translate.registers import set_registers
from pekanu.machine.translate.steps import set_checks, set_steps
from pekanu.machine.translate.wasm import I32, I64, Module

_GLOBALS: Final = TARGET_GLOBAL + 1
_FUNCTION: Final = 0
_MEMORY: Final = 2
#: Bytes of code, roughly, that are translated at most; the exact tier runs the rest.
_MOST_WEIGHT: Final = 3 << 20
#: What a function, a block, an instruction and a call weigh: measured on compiled programs.
_FUNCTION_WEIGHT, _BLOCK_WEIGHT, _INSTRUCTION_WEIGHT, _CALL_WEIGHT = 60, 10, 8, 70


def translate(program: Program) -> bytes:
    """Return the WebAssembly module of a program."""
    with _without_collection():
        return _translate(program)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Spare looking for garbage among the graphs' nodes, which are all in use."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _translate(program: Program) -> bytes:
    listing = Listing(program.get_text_words(), program.image, program.entry)
    discovery = Discovery(listing)
    discovery.run()
    partition = build_partition(discovery)
    places = Places()
    graphs: list[tuple[Graph, list[Loop]]] = []
    weight = 0
    for start in sorted(partition.functions):
        weight += _weigh(partition.functions[start])
        if weight > _MOST_WEIGHT:
            break
        try:
            graphs.append(_prepare(partition, start))
        except TooTangled:
            # The exact tier runs it.
            continue
        places.functions[start] = len(graphs)
        for number, node in enumerate(graphs[-1][0].entries):
            places.entries[node.pc] = (start, number)
    module = Module(
        signatures=[((I32, I32, I64, I32), (I32, I32, I64)), ((I32, I64), ())],
        memories=[layout.MEMORY_PAGES, layout.STATE_PAGES, layout.CASE_PAGES],
        globals=[I32] * _GLOBALS,
        exports=[
            (layout.RUN, _FUNCTION, RUN),
            (layout.MEMORY, _MEMORY, 0),
            (layout.STATE, _MEMORY, 1),
        ],
        table=(1 + len(graphs), UNKNOWN),
    )
    module.functions += [
        (RUN_SIGNATURE, [(1, I32)], write_run(listing.end)),
        (GUEST_SIGNATURE, [(2, I32)], write_jump(listing.end)),
        (GUEST_SIGNATURE, [], write_unknown()),
    ]
    for graph, loops in graphs:
        _analyse(graph, loops)
        locals_, body = FunctionWriter(graph, places).write()
        module.functions.append((GUEST_SIGNATURE, locals_, body))
    module.data = _get_maps(places, listing.end)
    return module.encode()


def _weigh(function: Function) -> int:
    """Return about how many bytes a function's code will have."""
    calls = (Ending.CALL, Ending.CALL_REGISTER)
    return _FUNCTION_WEIGHT + sum(
        _BLOCK_WEIGHT
        + _INSTRUCTION_WEIGHT * len(block.instructions)
        + _CALL_WEIGHT * (block.ending in calls)
        for block in function.blocks.values()
    )


def _prepare(partition: Partition, start: int) -> tuple[Graph, list[Loop]]:
    """Return a function's graph with its ways in, and its loops."""
    function = partition.functions[start]
    graph = build_graph(function, partition)
    graph.root.successors = list(graph.entries)
    for address in sorted(function.entries):
        graph.root.successors.append(graph.by_address[address])
    set_predecessors(graph)
    loops = find_loops(graph)
    wanted = [graph.by_address[address] for address in sorted(function.entries)]
    after_calls = get_continuations(graph)
    wanted += (node for node in after_calls if node.block is not None)
    wanted += list_turns(loops, set(after_calls))
    graph.entries = list(dict.fromkeys((*graph.entries, *wanted)))[:MOST_ENTRIES]
    return graph, loops


def _analyse(graph: Graph, loops: list[Loop]) -> None:
    """Set all that writing the function needs to know."""
    graph.root.successors = list(graph.entries)
    set_predecessors(graph)
    add_selectors(graph, loops)
    set_checks(graph, get_continuations(graph))
    set_order(graph)
    set_dominators(graph)
    _set_labels(graph)
    set_registers(graph)
    set_alignments(graph)
    set_steps(graph)


def _set_labels(graph: Graph) -> None:
    """Mark the nodes to which a table of branches goes."""
    for node in graph.nodes:
        if node.is_switch():
            for successor in node.successors:
                successor.labelled = True


def _get_maps(places: Places, end: int) -> list[tuple[int, int, bytes]]:
    """Return the data that gives for each instruction's address its way in and its case, or 0."""
    entries, cases = np.zeros((2, end >> 2), dtype="<u4")
    for pc, (start, number) in places.entries.items():
        entries[pc >> 2] = places.functions[start] << layout.ENTRY_BITS | number
    for pc, number in places.cases.items():
        cases[pc >> 2] = number
    return [(1, layout.MAP_OFFSET, entries.tobytes()), (2, 0, cases.tobytes())]
