"""What a task computes, by what the journal keeps of it: a function of the catalog or a program.

What is not here: functions and programs themselves (`pekanu.catalog`), files (`blobs`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from pekanu import catalog
from pekanu.node.blobs import BlobStore
from pekanu.node.peer_messages import BlobRef

Ware: TypeAlias = catalog.Function | catalog.Program


def find_ware(name: str, program: BlobRef | None, blobs: BlobStore) -> Ware:
    """Return what is computed.

    Args:
        name: The function's, or what the program is called.
        program: The program's file; None for a function.
        blobs: Holds it.

    Raises:
        InvalidInput: There is no function of this name.
        InvalidProgram: The file is none that the machine can run.
    """
    if program is None:
        return catalog.get(name)
    return catalog.Program(blobs.get_path(program.blob_id).read_bytes(), name=name)


def get_program_path(name: str, program: BlobRef | None, blobs: BlobStore) -> Path:
    """Return the file of what is executed."""
    if program is None:
        return catalog.get(name).program_path
    return blobs.get_path(program.blob_id)
