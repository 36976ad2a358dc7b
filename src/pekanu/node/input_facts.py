"""What a node finds out of an input file by itself: its root or search, and the steps it takes.

Both sides compute the same from the same file. What is not here: prices (`worker_terms`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pekanu.catalog import Function, Program
from pekanu.catalog.inversion import Inversion, list_images
from pekanu.crypto.merkle import Buffer, get_root, region_root
from pekanu.node.batch_file import split_items
from pekanu.node.worker_terms import Facts, InputFacts, SearchFacts
from pekanu.types import Hash32


def get_inputs_root(items: Sequence[Buffer]) -> Hash32:
    """Return the Merkle root over the items' input regions."""
    return get_root([region_root(item) for item in items])


def find_facts(function: Function, path: Path, count: int) -> Facts:
    """Return what an input file is; blocks for as long as hashing takes.

    Raises:
        InvalidInput: An item does not fit the function.
        InvalidMessage: The file does not hold `count` items.
    """
    items = split_items(path.read_bytes(), count)
    if function.is_search:
        return find_search_facts(function.build_inversion(bytes(items[0])))
    steps = [function.estimate_steps(bytes(item)) for item in items]
    return InputFacts(
        program_id=function.program_id,
        inputs_root=get_inputs_root(items),
        steps=sum(steps),
        largest=max(steps),
    )


def find_search_facts(inversion: Inversion) -> SearchFacts:
    """Return what a search is; blocks for as long as hashing its targets takes."""
    images = list_images(inversion)
    return SearchFacts(
        program_id=inversion.program.id,
        max_steps=inversion.max_steps,
        domain=inversion.domain,
        targets_root=get_root(images),
        targets=len(images),
        steps=inversion.steps,
    )


def find_program_facts(program: Path, max_steps: int, path: Path, count: int) -> InputFacts:
    """Return what an input file for a client's own program is; blocks likewise.

    Args:
        program: Its file.
        max_steps: Where an item is stopped: what is paid for.
        path: The input file.
        count: Its items.

    Raises:
        InvalidProgram: The machine cannot run it.
        InvalidInput: An item does not fit the machine.
        InvalidMessage: The file does not hold `count` items.
    """
    found = Program(program.read_bytes())
    items = split_items(path.read_bytes(), count)
    for item in items:
        found.validate(item)
    return InputFacts(
        program_id=found.program_id,
        inputs_root=get_inputs_root(items),
        steps=count * max_steps,
        largest=max_steps,
        is_program=True,
    )
