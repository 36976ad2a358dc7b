"""What the runs of a task's items leave on disk: a file a share, then one file for each kind.

A share's file is a record an item (steps, result) each followed by its output. When all are there
they are gathered into the output file, the results, and the steps that each item took, which is
what a dispute needs beside the states. Files appear whole or not at all.
Not here: states of long runs (`pekanu.machine.checkpoints`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from struct import Struct
from typing import IO, Final

from pekanu.errors import InvalidMessage
from pekanu.node.batch_file import join_sizes
from pekanu.node.executors import ItemRun, Share, get_shares
from pekanu.node.peer_messages import RESULT_SIZE, pack_results, unpack_results

_STEPS: Final = Struct("<Q")
#: Bytes that are copied at a time.
_PIECE: Final = 1 << 20


def get_share_path(runs: Path, share: Share) -> Path:
    """Return the file of a share."""
    return runs / f"{share.first:010}-{share.stop:010}"


def list_open_shares(runs: Path, count: int) -> list[Share]:
    """Return the shares whose files are missing."""
    return [one for one in get_shares(count) if not get_share_path(runs, one).exists()]


def write_share(runs: Path, share: Share, found: Iterable[ItemRun]) -> None:
    """Write a share's file as its items' runs come."""
    path = get_share_path(runs, share)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    with draft.open("wb") as file:
        for one in found:
            file.write(_STEPS.pack(one.steps))
            file.write(pack_results([one.result]))
            file.write(one.output)
        _finish(file)
    draft.replace(path)


def gather(runs: Path, count: int, folder: Path) -> None:
    """Make a task's output, results and steps of its shares' files, which are then deleted.

    Raises:
        InvalidMessage: A share's file is not what it should be.
    """
    steps, results = bytearray(), bytearray()
    sizes: list[int] = []
    for head, file, size in _iterate(runs, count):
        steps += head[: _STEPS.size]
        results += head[_STEPS.size :]
        sizes.append(size)
        file.seek(size, os.SEEK_CUR)
    write_whole(folder / "steps", [bytes(steps)])
    write_whole(folder / "results", [bytes(results)])
    # Last, since it is what tells that the runs are done.
    write_whole(folder / "output", _copy_outputs(runs, count, sizes))
    shutil.rmtree(runs, ignore_errors=True)


def load_steps(folder: Path, count: int) -> list[int]:
    """Return how many steps each item took.

    Raises:
        InvalidMessage: The file does not hold so many.
    """
    data = (folder / "steps").read_bytes()
    if len(data) != count * _STEPS.size:
        raise InvalidMessage(f"the file of steps is not {count} items long")
    return [steps for (steps,) in _STEPS.iter_unpack(data)]


def write_whole(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write a file, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        for part in parts:
            file.write(part)
        _finish(file)
    draft.replace(path)


def _finish(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _iterate(runs: Path, count: int) -> Iterator[tuple[bytes, IO[bytes], int]]:
    """Yield each item's record, the file at the beginning of its output, and the output's size."""
    for share in get_shares(count):
        with get_share_path(runs, share).open("rb") as file:
            for _ in range(share.count):
                head = file.read(_STEPS.size + RESULT_SIZE)
                yield head, file, unpack_results(head[_STEPS.size :], 1)[0].output_size


def _copy_outputs(runs: Path, count: int, sizes: Sequence[int]) -> Iterator[bytes]:
    yield join_sizes(sizes)
    for _, file, size in _iterate(runs, count):
        left = size
        while left:
            piece = file.read(min(left, _PIECE))
            if not piece:
                raise InvalidMessage("a share's file ends within an output")
            left -= len(piece)
            yield piece
