"""What a node finds out of an input file by itself: its root, and how many steps it takes.

Both sides compute the same from the same file. What is not here: prices (`worker_terms`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pekanu.catalog import Function
from pekanu.crypto.merkle import Buffer, get_root, region_root
from pekanu.node.batch_file import split_items
from pekanu.node.worker_terms import InputFacts
from pekanu.types import Hash32


def get_inputs_root(items: Sequence[Buffer]) -> Hash32:
    """Return the Merkle root over the items' input regions."""
    return get_root([region_root(item) for item in items])


def find_facts(function: Function, path: Path, count: int) -> InputFacts:
    """Return what an input file is; blocks for as long as hashing takes.

    Raises:
        InvalidInput: An item does not fit the function.
        InvalidMessage: The file does not hold `count` items.
    """
    items = split_items(path.read_bytes(), count)
    steps = [function.estimate_steps(bytes(item)) for item in items]
    return InputFacts(
        program_id=function.program_id,
        inputs_root=get_inputs_root(items),
        steps=sum(steps),
        largest=max(steps),
    )
