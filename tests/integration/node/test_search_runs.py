"""Searches in the executor's processes: all processors, progress, and going on after a kill -9."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pekanu import catalog
from pekanu.crypto.accumulator import accumulate, hash_accumulator
from pekanu.crypto.merkle import region_root
from pekanu.errors import ExecutionFailed
from pekanu.node.executors import Job
from pekanu.node.peer_messages import unpack_results
from pekanu.node.process_executor import ProcessExecutor
from pekanu.node.run_files import gather
from pekanu.node.search_runner import load_residue
from pekanu.ringers import decode_solutions
from support.crash import wait_until

#: Of several seconds of processor time.
COUNT = 12_000_000
SOLUTIONS = (3, 77_777, 2_500_000, 5_999_999)


@pytest.fixture
async def executor() -> AsyncIterator[ProcessExecutor]:
    async with ProcessExecutor(1) as executor:
        yield executor


def build_job(folder: Path, count: int = COUNT, solutions: tuple[int, ...] = SOLUTIONS) -> Job:
    function = catalog.get("hash-search")
    targets = "\n".join(hashlib.sha256(b"%d" % one).hexdigest() for one in solutions)
    source = folder / "input"
    source.write_bytes(function.parse_inputs({"pattern": f"<0-{count - 1}>", "targets": targets}))
    return Job(
        name="hash-search",
        is_search=True,
        program=function.program_path,
        program_id=function.program_id,
        input=source,
        runs=folder / "runs",
        states=folder / "states",
        max_steps=1,
    )


def check_delivery(job: Job, folder: Path) -> None:
    gather(job.runs, 1, folder)
    output = (folder / "output").read_bytes()
    assert tuple(decode_solutions(output)) == SOLUTIONS
    (result,) = unpack_results((folder / "results").read_bytes(), 1)
    assert (result.status, result.exit_code, result.output_size) == (1, 0, 32 * len(SOLUTIONS))
    assert result.output_root == region_root(output)
    residue = accumulate(list(SOLUTIONS))
    assert result.evidence == hash_accumulator(residue)
    assert job.states is not None
    assert load_residue(job.states, result.evidence) == residue
    assert load_residue(job.states, result.output_root) is None


def list_executing() -> list[int]:
    """Return the processes of this one that execute."""
    children = " ".join(one.read_text() for one in Path("/proc/self/task").glob("*/children"))
    return [
        int(child)
        for child in children.split()
        if "execute_child" in Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8")
    ]


async def test_search__when_its_process_is_killed__then_goes_on_where_it_was(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    job, notes = build_job(tmp_path), tmp_path / "states" / "search.json"
    execution = executor.submit(job)
    await wait_until(notes.exists)
    for child in list_executing():
        os.kill(child, signal.SIGKILL)
    with pytest.raises(ExecutionFailed, match="SIGKILL"):
        await execution.result()
    done = json.loads(notes.read_text())["done"]
    assert 0 < done < COUNT
    again = executor.submit(job)
    result, seen = asyncio.ensure_future(again.result()), []
    while not result.done():
        seen.append(again.get_progress())
        await asyncio.wait({result}, timeout=0.02)
    await result
    assert min(one for one in seen if one) >= 0.95 * done / COUNT
    check_delivery(job, tmp_path)


async def test_search__when_cancelled__then_the_next_run_goes_on_too(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    job, notes = build_job(tmp_path), tmp_path / "states" / "search.json"
    execution = executor.submit(job)
    await wait_until(notes.exists)
    await execution.cancel()
    assert json.loads(notes.read_text())["done"] > 0
    await executor.submit(job).result()
    check_delivery(job, tmp_path)


async def test_search__when_the_input_is_none__then_one_sentence(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    job = build_job(tmp_path, count=10, solutions=(3,))
    job.input.write_bytes(b"no frame")
    with pytest.raises(ExecutionFailed):
        await executor.submit(job).result()
