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
from pathlib import Path

import pytest

from pekanu.errors import ExecutionFailed, InvalidInput
from pekanu.node.batch_file import join_items, split_items
from pekanu.node.executors import ExecutionCancelled, Job, JobLimits, LimitExceeded
from pekanu.node.process_executor import ProcessExecutor

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
        function=function,
        input=source,
        output=folder / f"{function}.out",
        limits=limits or JobLimits(),
    )


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
    report = await executor.submit(job).result()
    assert job.output.read_bytes() == b"abab"
    assert report.output_bytes == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["double.in", "double.out"]


async def test_result__when_the_job_is_a_batch__then_each_item_is_executed(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    items = [b"x" * size for size in (0, 1, 33)]
    source = tmp_path / "in"
    source.write_bytes(b"".join(join_items(items)))
    job = Job(function="double", input=source, output=tmp_path / "out", count=3)
    await executor.submit(job).result()
    outputs = split_items(job.output.read_bytes(), 3)
    assert [bytes(output) for output in outputs] == [item * 2 for item in items]


async def test_result__when_processes_are_warm__then_they_are_used_again(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    seen = set()
    for turn in range(4):
        pid_file = tmp_path / f"pid {turn}"
        job = build_job(tmp_path, "count", b"\0" + str(pid_file).encode())
        await executor.submit(job).result()
        seen.add(pid_file.read_text(encoding="ascii"))
    assert 1 <= len(seen) <= 2


async def test_result__when_the_function_refuses__then_its_sentence_and_hint_arrive(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="2 bytes are no input") as caught:
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
    assert not job.output.exists()


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


async def test_result__when_the_output_is_too_large__then_nothing_is_written(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    job = build_job(tmp_path, "double", limits=JobLimits(output_bytes=3))
    with pytest.raises(LimitExceeded, match="more than 3 bytes"):
        await executor.submit(job).result()
    assert not job.output.exists()


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
    executions = [executor.submit(build_job(tmp_path, "count", bytes([4]))) for _ in range(3)]
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
    running = [executor.submit(build_job(tmp_path, "count", bytes([3]))) for _ in range(2)]
    waiting = executor.submit(build_job(tmp_path, "double"))
    await waiting.cancel()
    await asyncio.gather(*(execution.result() for execution in running))
    with pytest.raises(ExecutionCancelled):
        await waiting.result()
    assert not (tmp_path / "double.out").exists()


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
    assert job.output.read_bytes() == b""


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
                job = Job(function="count", input=folder / "in", output=folder / "out")
                await executor.submit(job).result()

        asyncio.run(main())
    """)
    with subprocess.Popen([sys.executable, "-c", program]) as node:
        pid = await wait_for(note)
        assert is_alive(pid)
        os.kill(node.pid, signal.SIGKILL)
        node.wait()
    await wait_until_gone(pid)
