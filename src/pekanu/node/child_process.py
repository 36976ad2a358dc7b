"""One executing process, seen from the node: started, given a job, watched, killed.

What is not here: which process gets which job (`process_executor`), the other side of the pipe
(`execute_child`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final, Never

from pekanu.errors import ExecutionFailed
from pekanu.node.executors import Job, LimitExceeded, Share

#: Seconds between two looks at a process's memory.
_WATCH_SECONDS: Final = 0.1
#: Seconds for a process to load what it runs with.
_START_SECONDS: Final = 60.0
#: Bytes of a line that a process may send.
_LINE_BYTES: Final = 1 << 16
#: Variables of the environment that the process may see; passwords are not among them.
_VARIABLES: Final = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_CACHE_HOME", "PYTHONPATH",
    "VIRTUAL_ENV", "NUMBA_CACHE_DIR", "NUMBA_CPU_NAME", "LD_LIBRARY_PATH",
)  # fmt: skip


class ChildDied(ExecutionFailed):
    """An executing process ended before its job did."""


class ChildProcess:
    """A process that executes one job at a time.

    Args:
        resolver: ``module:function`` that gives a `Runner` for a job, loaded by the process.
        threads: Threads that numeric libraries may use in it.
        environment: Further variables for it.
    """

    def __init__(self, resolver: str, *, threads: int, environment: Mapping[str, str]) -> None:
        """Start nothing yet."""
        self._resolver = resolver
        kept = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
        counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        self._environment = kept | dict.fromkeys(counts, str(threads)) | dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._errors: IO[bytes] | None = None
        #: Whether it waits for a job; one that does not, after `run`, must be killed.
        self.is_idle = False

    async def start(self) -> None:
        """Start the process and wait until it can run something.

        Raises:
            ExecutionFailed: It does not come up.
        """
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `kill`
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "pekanu.node.execute_child",
            self._resolver,
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._errors,
            env=self._environment,
            start_new_session=True,
            limit=_LINE_BYTES,
        )
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._read()
                self.is_idle = True
        except (TimeoutError, ChildDied) as error:
            reason = self._get_last_words()
            await self.kill()
            raise ExecutionFailed(f"the executing process does not start: {reason}") from error

    def get_memory(self) -> int:
        """Return the bytes of memory that it occupies, 0 where the system does not tell."""
        if self._process is None or self._process.returncode is not None:
            return 0
        try:
            text = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii")
        except OSError:
            return 0
        return int(text.split()[1]) * resource.getpagesize()

    async def run(
        self, job: Job, share: Share, wall_seconds: float, on_progress: Callable[[float], None]
    ) -> None:
        """Execute a share of a job.

        Args:
            job: Whose share it is.
            share: Which.
            wall_seconds: What is left of the job's time.
            on_progress: Told the part of the share that is done.

        Raises:
            LimitExceeded: It needs more than it may.
            ExecutionFailed: The program cannot be loaded, or the process died.
        """
        watch = asyncio.create_task(self._watch(job.limits.memory_bytes))
        try:
            async with asyncio.timeout(wall_seconds):
                await self._run(job, share, on_progress)
        except TimeoutError as error:
            await self.kill()
            seconds = job.limits.wall_seconds
            raise LimitExceeded(f"{job.name} takes longer than {seconds:g} seconds") from error
        except ChildDied as error:
            if watch.done() and not watch.cancelled():
                raise _exceeded_memory(job) from error
            raise ChildDied(f"{job.name} failed: {error.message}") from error
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    async def kill(self) -> None:
        """End it and all that it started; returns when it is gone."""
        if self._process is not None:
            self._signal_kill()
            await self._process.wait()
        if self._errors is not None:
            self._errors.close()

    def _signal_kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _run(self, job: Job, share: Share, on_progress: Callable[[float], None]) -> None:
        self.is_idle = False
        await self._send(build_order(job, share))
        while True:
            answer = await self._read()
            if "progress" in answer:
                on_progress(float(answer["progress"]))
                continue
            self.is_idle = True
            if "done" in answer:
                on_progress(1.0)
                return
            _fail(job, answer)

    async def _watch(self, memory_bytes: int) -> None:
        while True:
            if self.get_memory() > memory_bytes:
                self._signal_kill()
                return
            await asyncio.sleep(_WATCH_SECONDS)

    async def _send(self, job: dict[str, Any]) -> None:
        if self._process is None or self._process.stdin is None:
            raise ChildDied("its process was never started")
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChildDied("its process is gone") from error

    async def _read(self) -> dict[str, Any]:
        if self._process is None or self._process.stdout is None:
            raise ChildDied("its process was never started")
        try:
            line = await self._process.stdout.readline()
            answer = json.loads(line)
        except ValueError:
            code = None if self._process.stdout.at_eof() is False else await self._process.wait()
            raise ChildDied(_describe_end(code)) from None
        if not isinstance(answer, dict):
            raise ChildDied("its process talks nonsense")
        return answer

    def _get_last_words(self) -> str:
        if self._errors is None:
            return ""
        self._errors.seek(0)
        lines = self._errors.read()[-2000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no reason given"


def _describe_end(code: int | None) -> str:
    if code is None:
        return "its process talks nonsense"
    if code < 0:
        return f"its process was ended by signal {signal.Signals(-code).name}"
    return f"its process ended with code {code}"


def _exceeded_memory(job: Job) -> LimitExceeded:
    size = job.limits.memory_bytes >> 20
    return LimitExceeded(f"{job.name} needs more than {size} MiB of memory")


def build_order(job: Job, share: Share) -> dict[str, Any]:
    """Return what a process is told of a share."""
    return {
        "name": job.name,
        "is_search": job.is_search,
        "program": str(job.program.absolute()),
        "program_id": job.program_id.hex(),
        "input": str(job.input.absolute()),
        "runs": str(job.runs.absolute()),
        "states": None if job.states is None else str(job.states.absolute()),
        "cache": None if job.cache is None else str(job.cache.absolute()),
        "count": job.count,
        "first": share.first,
        "stop": share.stop,
        "max_steps": job.max_steps,
        "expected_steps": job.expected_steps // job.count,
        "memory_bytes": job.limits.memory_bytes,
    }


def _fail(job: Job, answer: dict[str, Any]) -> Never:
    match answer.get("failed"):
        case "memory":
            raise _exceeded_memory(job)
        case "bug":
            raise ExecutionFailed(f"{job.name} failed: {answer['message']}")
        case _:
            raise ExecutionFailed(str(answer.get("message")), hint=answer.get("hint"))
