"""The process executor: results, limits, kills, and what dies with what."""

# ruff: noqa: ASYNC110, ASYNC220, ASYNC240 - a test polls what other processes do

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pekanu.errors import ExecutionFailed, InvalidMessage
from pekanu.market.claim import Result
from pekanu.node.batch_file import join_items, split_items
from pekanu.node.executors import (
    ExecutionCancelled,
    ItemRun,
    Job,
    JobLimits,
    LimitExceeded,
    get_shares,
)
from pekanu.node.process_executor import ProcessExecutor
from pekanu.node.run_files import gather, list_open_shares, load_steps, write_share
from pekanu.types import ZERO_HASH

TESTS = Path(__file__).parents[2]
PLACE = {"PYTHONPATH": str(TESTS)}


@pytest.fixture
async def executor() -> AsyncIterator[ProcessExecutor]:
    async with ProcessExecutor(
        2, resolver="support.executables:get", environment=PLACE
    ) as executor:
        yield executor


def build_job(
    folder: Path, function: str, data: bytes = b"ab", limits: JobLimits | None = None
) -> Job:
    source = folder / f"{function}.in"
    source.write_bytes(data)
    return Job(
        name=function,
        program=source,
        program_id=ZERO_HASH,
        input=source,
        runs=folder / f"{function}.runs",
        max_steps=1,
        limits=limits or JobLimits(),
    )


def read_outputs(job: Job, folder: Path) -> list[bytes]:
    gather(job.runs, job.count, folder)
    return [bytes(one) for one in split_items((folder / "output").read_bytes(), job.count)]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def wait_for(path: Path) -> int:
    async with asyncio.timeout(10):
        while not path.exists() or not path.read_text(encoding="ascii"):
            await asyncio.sleep(0.01)
    return int(path.read_text(encoding="ascii"))


async def wait_until_gone(pid: int) -> None:
    async with asyncio.timeout(5):
        while is_alive(pid):
            await asyncio.sleep(0.01)


async def test_result__when_the_function_ends__then_the_output_file_is_there(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    job = build_job(tmp_path, "double")
    await executor.submit(job).result()
    assert [path.name for path in job.runs.iterdir()] == ["0000000000-0000000001"]
    assert read_outputs(job, tmp_path) == [b"abab"]
    assert load_steps(tmp_path, 1) == [2]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "double.in",
        "output",
        "results",
        "steps",
    ]


def build_batch(folder: Path, function: str, items: list[bytes]) -> Job:
    source = folder / "batch.in"
    source.write_bytes(b"".join(join_items(items)))
    job = build_job(folder, function)
    return replace(job, input=source, count=len(items))


async def test_result__when_the_job_is_a_batch__then_each_item_is_executed(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    items = [b"x" * (number % 40) for number in range(150)]
    job = build_batch(tmp_path, "double", items)
    execution = executor.submit(job)
    await execution.result()
    assert execution.get_progress() == 1.0
    assert read_outputs(job, tmp_path) == [item * 2 for item in items]
    assert load_steps(tmp_path, 150) == [len(item) for item in items]


async def test_result__when_some_shares_are_there__then_only_the_others_are_run(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    items = [b"abc"] * 150
    job = build_batch(tmp_path, "double", items)
    done = get_shares(150)[1]
    result = Result(output_root=ZERO_HASH, output_size=1)
    write_share(job.runs, done, [ItemRun(result=result, output=b"!", steps=9)] * done.count)
    await executor.submit(job).result()
    outputs = read_outputs(job, tmp_path)
    assert outputs[done.first : done.stop] == [b"!"] * done.count
    assert outputs.count(b"abcabc") == 150 - done.count


async def test_result__when_one_item_breaks__then_the_finished_shares_are_kept(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    job = build_batch(tmp_path, "fragile", [b"x"] * 70 + [b"break"] + [b"x"] * 60)
    with pytest.raises(ExecutionFailed, match="ZeroDivisionError"):
        await executor.submit(job).result()
    assert 0 < len(list_open_shares(job.runs, 131)) < len(get_shares(131))


def test_get_shares__when_batches_are_small_or_large__then_all_items_once_and_parts_bounded() -> (
    None
):
    for count in (1, 2, 63, 64, 65, 1000, 1 << 20):
        shares = get_shares(count)
        assert [one.first for one in shares[1:]] == [one.stop for one in shares[:-1]]
        assert (shares[0].first, shares[-1].stop) == (0, count)
        assert max(one.count for one in shares) <= 256


def test_gather__when_a_share_is_cut_off__then_refused_and_no_output_appears(
    tmp_path: Path,
) -> None:
    share = get_shares(1)[0]
    result = Result(output_root=ZERO_HASH, output_size=9)
    write_share(tmp_path / "runs", share, [ItemRun(result=result, output=b"short", steps=1)])
    with pytest.raises(InvalidMessage, match="ends within an output"):
        gather(tmp_path / "runs", 1, tmp_path)
    assert not (tmp_path / "output").exists()


async def test_result__when_processes_are_warm__then_they_are_used_again(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    seen = set()
    for turn in range(4):
        pid_file = tmp_path / f"pid {turn}"
        job = build_job(tmp_path, "count", b"\0" + str(pid_file).encode())
        job = replace(job, runs=tmp_path / f"runs {turn}")
        await executor.submit(job).result()
        seen.add(pid_file.read_text(encoding="ascii"))
    assert 1 <= len(seen) <= 2


async def test_result__when_the_program_is_refused__then_its_sentence_and_hint_arrive(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    with pytest.raises(ExecutionFailed, match="2 bytes are no input") as caught:
        await executor.submit(build_job(tmp_path, "refuse")).result()
    assert caught.value.hint == "give others"


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("break", "break failed: ZeroDivisionError: a bug"),
        ("die", "die failed: its process was ended by signal SIGKILL"),
        ("exit", "exit failed: its process ended with code 7"),
        ("nowhere", "nowhere failed: KeyError"),
    ],
)
async def test_result__when_the_function_breaks__then_it_says_how_and_the_next_job_runs(
    executor: ProcessExecutor, tmp_path: Path, function: str, sentence: str
) -> None:
    with pytest.raises(ExecutionFailed, match=sentence):
        await executor.submit(build_job(tmp_path, function)).result()
    jobs = [executor.submit(build_job(tmp_path, "double")) for _ in range(3)]
    await asyncio.gather(*(job.result() for job in jobs))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is watched through /proc")
@pytest.mark.parametrize("function", ["grow", "leap"])
async def test_result__when_it_needs_too_much_memory__then_it_is_ended(
    executor: ProcessExecutor, tmp_path: Path, function: str
) -> None:
    job = build_job(tmp_path, function, limits=JobLimits(memory_bytes=300 << 20))
    with pytest.raises(LimitExceeded, match="needs more than 300 MiB"):
        await executor.submit(job).result()
    assert list_open_shares(job.runs, 1)


async def test_result__when_it_takes_too_long__then_it_is_ended(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    job = build_job(
        tmp_path, "count", bytes([50]) + str(note).encode(), JobLimits(wall_seconds=0.3)
    )
    with pytest.raises(LimitExceeded, match=r"takes longer than 0\.3 seconds"):
        await executor.submit(job).result()
    assert not is_alive(int(note.read_text(encoding="ascii")))


async def test_get_progress__when_the_job_runs__then_it_rises_to_one(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    execution = executor.submit(build_job(tmp_path, "count", bytes([5])))
    seen = set()
    waiter = asyncio.create_task(execution.result())
    while not waiter.done():
        seen.add(execution.get_progress())
        await asyncio.sleep(0.02)
    await waiter
    assert len(seen) > 3
    assert execution.get_progress() == 1.0


async def test_submit__when_two_slots__then_two_run_at_once_and_the_third_waits(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    job = build_job(tmp_path, "count", bytes([20]))
    executions = [
        executor.submit(replace(job, runs=tmp_path / f"runs {turn}")) for turn in range(3)
    ]
    first, second, third = executions
    assert executor.free_slots == 0
    async with asyncio.timeout(10):
        while not (0 < first.get_progress() < 1 and 0 < second.get_progress() < 1):
            await asyncio.sleep(0.005)
    assert third.get_progress() == 0
    await asyncio.gather(*(execution.result() for execution in executions))
    assert executor.free_slots == 2


async def test_cancel__when_the_job_runs__then_its_process_is_gone_and_the_next_runs(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    execution = executor.submit(build_job(tmp_path, "count", bytes([200]) + str(note).encode()))
    pid = await wait_for(note)
    await execution.cancel()
    assert not is_alive(pid)
    with pytest.raises(ExecutionCancelled):
        await execution.result()
    await executor.submit(build_job(tmp_path, "double")).result()


async def test_cancel__when_the_job_waits__then_it_never_runs(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    job = build_job(tmp_path, "count", bytes([3]))
    running = [executor.submit(replace(job, runs=tmp_path / f"runs {turn}")) for turn in range(2)]
    waiting = executor.submit(build_job(tmp_path, "double"))
    await waiting.cancel()
    await asyncio.gather(*(execution.result() for execution in running))
    with pytest.raises(ExecutionCancelled):
        await waiting.result()
    assert not (tmp_path / "double.runs").exists()


async def test_cancel__when_the_function_started_a_process__then_that_is_gone_too(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    execution = executor.submit(build_job(tmp_path, "spawn", str(note).encode()))
    pid = await wait_for(note)
    await execution.cancel()
    await wait_until_gone(pid)


async def test_execute__when_the_node_holds_a_password__then_the_function_cannot_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEKANU_PASSWORD", "secret")
    async with ProcessExecutor(1, resolver="support.executables:get", environment=PLACE) as fresh:
        job = build_job(tmp_path, "environment", b"PEKANU_PASSWORD")
        await fresh.submit(job).result()
    assert read_outputs(job, tmp_path) == [b""]


async def test_submit__when_the_resolver_is_missing__then_it_says_why(tmp_path: Path) -> None:
    async with ProcessExecutor(1, resolver="pekanu.nothing:get") as broken:
        with pytest.raises(ExecutionFailed, match=r"No module named 'pekanu\.nothing'"):
            await broken.submit(build_job(tmp_path, "double")).result()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends children on Linux")
async def test_kill__when_the_node_is_killed__then_its_processes_die_with_it(
    tmp_path: Path,
) -> None:
    note = tmp_path / "pid"
    (tmp_path / "in").write_bytes(bytes([200]) + str(note).encode())
    program = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from pekanu.node.executors import Job
        from pekanu.node.process_executor import ProcessExecutor

        async def main():
            async with ProcessExecutor(
                1, resolver="support.executables:get", environment={PLACE!r}
            ) as executor:
                folder = Path({str(tmp_path)!r})
                job = Job(
                    name="count",
                    program=folder / "in",
                    program_id=bytes(32),
                    input=folder / "in",
                    runs=folder / "runs",
                    max_steps=1,
                )
                await executor.submit(job).result()

        asyncio.run(main())
    """)
    with subprocess.Popen([sys.executable, "-c", program]) as node:
        pid = await wait_for(note)
        assert is_alive(pid)
        os.kill(node.pid, signal.SIGKILL)
        node.wait()
    await wait_until_gone(pid)
