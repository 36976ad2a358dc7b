"""Guests in the executing processes: every ending is a result, and a killed run goes on."""

# ruff: noqa: ASYNC110 - a test polls what other processes do

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pekanu.dispute import ending
from pekanu.errors import ExecutionFailed
from pekanu.machine.executor import state_at
from pekanu.machine.state import Status
from pekanu.market.claim import Result
from pekanu.node.batch_file import join_items, split_items
from pekanu.node.delivery_folder import DeliveryFolder
from pekanu.node.executors import Job
from pekanu.node.process_executor import ProcessExecutor
from pekanu.types import ZERO_HASH, Hash32
from support.moody import MOODY, MOODY_ELF

MAX_STEPS = 100_000


@pytest.fixture
async def executor() -> AsyncIterator[ProcessExecutor]:
    async with ProcessExecutor(2) as opened:
        yield opened


def build_job(
    folder: DeliveryFolder,
    items: list[bytes],
    *,
    max_steps: int = MAX_STEPS,
    elf: bytes = MOODY_ELF,
) -> Job:
    folder.create()
    (folder.folder / "program").write_bytes(elf)
    (folder.folder / "input").write_bytes(b"".join(join_items(items)))
    return Job(
        name="moody",
        program=folder.folder / "program",
        program_id=MOODY.id,
        input=folder.folder / "input",
        runs=folder.runs,
        count=len(items),
        max_steps=max_steps,
        states=folder.states,
    )


async def test_result__when_programs_end_in_every_way__then_each_is_a_result_that_can_be_opened(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    items = [b"s fine", b"f fails", b"t traps", b"l never ends", b"g garbles", b""]
    folder = DeliveryFolder(tmp_path / "task", ZERO_HASH, len(items))
    await executor.submit(build_job(folder, items)).result()
    folder.gather_runs()
    results, steps = folder.load_results(), folder.load_steps()
    assert [(one.status, one.exit_code) for one in results] == [
        (Status.HALTED, 0),
        (Status.HALTED, 3),
        (Status.BREAKPOINT, 0),
        (Status.RUNNING, 0),
        (Status.HALTED, 0),
        (Status.HALTED, 0),
    ]
    outputs = split_items(folder.output.read_bytes(), len(items))
    # A region that holds bytes beyond its length counts as the empty output.
    assert [bytes(one) for one in outputs] == [*items[:4], b"", b""]
    for item, result, taken in zip(items, results, steps, strict=True):
        last = state_at(MOODY, item, MAX_STEPS)
        assert result.evidence == last.root == state_at(MOODY, item, taken).root
        ending.check(result, ending.build_ending(last))
        if result.status != Status.RUNNING:
            assert state_at(MOODY, item, taken - 1).root != last.root
    assert steps[3] == MAX_STEPS
    claim, _ = folder.seal(5, 7)
    assert claim.results_root


async def test_seal__when_an_output_is_damaged_on_disk__then_nothing_is_claimed(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    folder = DeliveryFolder(tmp_path / "task", ZERO_HASH, 1)
    await executor.submit(build_job(folder, [b"s fine"])).result()
    folder.gather_runs()
    folder.output.write_bytes(b"s finf")
    with pytest.raises(Exception, match="not those of the results"):
        folder.seal(5, 7)


async def test_result__when_the_file_holds_another_program__then_it_is_not_run(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    folder = DeliveryFolder(tmp_path / "task", ZERO_HASH, 1)
    job = build_job(folder, [b"s"], elf=MOODY_ELF[:-4] + bytes(4))
    with pytest.raises(ExecutionFailed, match="another program than the one that was sold"):
        await executor.submit(job).result()


async def test_cancel__when_a_run_left_states__then_the_next_one_goes_on_from_there(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    folder = DeliveryFolder(tmp_path / "task", ZERO_HASH, 1)
    endless = build_job(folder, [b"l"], max_steps=1 << 50)
    execution = executor.submit(endless)
    async with asyncio.timeout(60):
        while not list(folder.states.glob("*/*.state")):
            await asyncio.sleep(0.05)
    await execution.cancel()
    (left,) = {int(path.stem) for path in list(folder.states.glob("*/*.state"))[-1:]}
    assert left > 1 << 24
    # It stops soon after the state that was left: what came before is not run again.
    await executor.submit(build_job(folder, [b"l"], max_steps=left + 10)).result()
    folder.gather_runs()
    (result,) = folder.load_results()
    assert result == Result(
        status=Status.RUNNING,
        output_root=result.output_root,
        output_size=1,
        evidence=get_loop_root(left + 10),
    )


def get_loop_root(steps: int) -> Hash32:
    """Return the root after so many steps, without any checkpoint."""
    return state_at(MOODY, b"l", steps).root
