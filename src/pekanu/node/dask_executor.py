"""The executor on a Dask cluster: a batch's shares go to its workers, whose files come back.

The cluster is the seller's own: its machines must have this package, and what they give is claimed
unchecked. Shares leave no states there, so a dispute about an item begins by running it here. Dask
cannot stop what runs; between two items a share stops itself when the job's time is over.
Needs the extra `dask`. What is not here: running an item (`runners`), this machine
(`process_executor`).
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pekanu.errors import ExecutionFailed, UsageError
from pekanu.node import runners
from pekanu.node.batch_file import split_items
from pekanu.node.child_process import build_order
from pekanu.node.executors import Job, LimitExceeded, Share, get_shares
from pekanu.node.run_files import get_share_path, write_share, write_whole
from pekanu.node.share_execution import ShareExecution, run_together

#: What an address begins with.
SCHEME: Final = "dask://"
_CONNECT_SECONDS: Final = 10
#: Shares under way for each slot: one that runs, one that waits for it.
_AHEAD: Final = 2


class DaskExecutor:
    """Executes jobs on a cluster while the context is open.

    Args:
        address: ``dask://HOST:PORT`` of its scheduler.

    Raises:
        UsageError: It is no such address, or Dask is not installed.
    """

    def __init__(self, address: str) -> None:
        """Connect to nothing yet."""
        host, _, port = address.removeprefix(SCHEME).rpartition(":")
        if not (address.startswith(SCHEME) and host and port.isdecimal()):
            raise UsageError(f"{address!r} is no address of an executor", hint="dask://HOST:PORT")
        self._address = f"tcp://{host}:{port}"
        self._dask = _import_dask()
        self._client: Any = None
        self._slots = 1
        self._busy = 0
        self._running: set[asyncio.Task[None]] = set()

    @property
    def slots(self) -> int:
        """How many shares run at once: the threads of all the cluster's workers."""
        return self._slots

    @property
    def free_slots(self) -> int:
        """How many shares could begin now."""
        return max(0, self._slots - self._busy)

    async def __aenter__(self) -> Self:
        """Connect to the cluster.

        Raises:
            ExecutionFailed: It does not answer, or has no workers.
        """
        try:
            self._client = await self._dask.Client(
                self._address, asynchronous=True, timeout=_CONNECT_SECONDS, set_as_default=False
            )
            await self._client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except (OSError, TimeoutError) as error:
            await self._close()
            raise ExecutionFailed(f"the cluster at {self._address} does not answer") from error
        await self._count_slots()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Forget what runs, and hang up."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        await self._close()

    def submit(self, job: Job) -> ShareExecution:
        """Begin a job: its shares are handed to the cluster as there is room, in order."""
        execution = ShareExecution(job)
        task = execution.begin(self._execute(execution))
        self._running.add(task)
        task.add_done_callback(self._forget)
        return execution

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever does not ask for the result does not want its failure

    async def _execute(self, execution: ShareExecution) -> None:
        job = execution.job
        ends = time.time() + job.limits.wall_seconds
        order = {**build_order(job, get_shares(job.count)[0]), "ends": ends}
        data = await asyncio.to_thread(job.input.read_bytes)
        elf = await asyncio.to_thread(job.program.read_bytes)
        program = await self._client.scatter(elf, broadcast=True)
        await self._count_slots()
        wide = min(self._slots * _AHEAD, len(execution.open_shares))
        await run_together(self._take_shares(execution, order, program, data) for _ in range(wide))

    async def _take_shares(
        self,
        execution: ShareExecution,
        order: dict[str, Any],
        program: Any,
        data: bytes,
    ) -> None:
        job = execution.job
        while execution.open_shares:
            share = execution.open_shares.popleft()
            items = [bytes(item) for item in split_items(data, job.count, share.first, share.stop)]
            self._busy += 1
            try:
                content = await self._run(job, order, program, items)
            finally:
                self._busy -= 1
            path = get_share_path(job.runs, share)
            await asyncio.to_thread(_keep, path, content)
            execution.note_progress(share, 1.0)

    async def _run(
        self, job: Job, order: dict[str, Any], program: Any, items: list[bytes]
    ) -> bytes:
        future = self._client.submit(run_share, order, program, items, pure=False)
        try:
            content = await future
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await future.cancel()
            raise
        except Exception as error:  # whatever the cluster's machines ran into
            raise ExecutionFailed(f"{job.name} failed on the cluster: {error}") from error
        if content is None:
            seconds = job.limits.wall_seconds
            raise LimitExceeded(f"{job.name} takes longer than {seconds:g} seconds")
        return bytes(content)

    async def _count_slots(self) -> None:
        found = self._client.scheduler_info(n_workers=-1)["workers"]
        self._slots = max(1, sum(int(one["nthreads"]) for one in found.values()))

    async def _close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None


def run_share(order: dict[str, Any], program: bytes, items: list[bytes]) -> bytes | None:
    """Return the file of a share that was run here, or None when the time was over.

    Called by the cluster's workers, with what the node read for them.
    """
    folder = _get_folder()
    path = folder / f"{order['program_id']}.elf"
    if not path.exists():
        write_whole(path, [program])
    with tempfile.TemporaryDirectory(dir=folder) as runs:
        runner = runners.load(
            {**order, "program": str(path), "states": None, "cache": str(folder / "programs")}
        )
        found = []
        for item in items:
            if time.time() > order["ends"]:
                return None
            found.append(runner.run(item, lambda _: None))
        share = Share(first=0, stop=len(items))
        write_share(Path(runs), share, found)
        return get_share_path(Path(runs), share).read_bytes()


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, [content])


@cache
def _get_folder() -> Path:
    """Return a folder of this process for programs and drafts."""
    return Path(tempfile.mkdtemp(prefix="pekanu-cluster-"))


def _import_dask() -> Any:
    try:
        import distributed  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "Dask is not installed", hint="install the extra: pip install 'pekanu[dask]'"
        ) from error
    return distributed
