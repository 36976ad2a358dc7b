"""An executor without processes: each job runs in a thread of the test.

For tests of what nodes say to each other; those of execution itself use processes.
"""

from __future__ import annotations

import asyncio

from pekanu.catalog import get
from pekanu.errors import ExecutionFailed
from pekanu.machine.elf import load_elf
from pekanu.node.batch_file import split_items
from pekanu.node.executors import Job, Runner
from pekanu.node.guest_runner import GuestRunner, warm
from pekanu.node.run_files import list_open_shares, write_share
from pekanu.node.search_runner import SearchRunner

# What takes a second the first time must not be taken for silence.
warm()


class InlineExecution:
    def __init__(self, job: Job, *, is_broken: bool) -> None:
        self._job, self._is_broken = job, is_broken

    def get_progress(self) -> float:
        return 0.0

    async def result(self) -> None:
        if self._is_broken:
            raise ExecutionFailed("the program failed")
        await asyncio.to_thread(self._run)

    def _run(self) -> None:
        job = self._job
        runner = self._build_runner()
        items = split_items(job.input.read_bytes(), job.count)
        for share in list_open_shares(job.runs, job.count):
            runs = [
                runner.run(bytes(item), lambda _: None) for item in items[share.first : share.stop]
            ]
            write_share(job.runs, share, runs)

    def _build_runner(self) -> Runner:
        job = self._job
        if job.is_search:
            return SearchRunner(get(job.name), job.states and job.states / "search.json")
        return GuestRunner(
            load_elf(job.program.read_bytes()),
            max_steps=job.max_steps,
            cache=job.cache,
            states=job.states,
        )

    async def cancel(self) -> None:
        """Nothing runs."""


class InlineExecutor:
    """Runs each job where it stands: one process less to start."""

    slots = free_slots = 4

    def __init__(self, *, is_broken: bool = False) -> None:
        self._is_broken = is_broken

    def submit(self, job: Job) -> InlineExecution:
        return InlineExecution(job, is_broken=self._is_broken)
