"""A worker of this node as a process of its own: started, watched and stopped from the Work page.

It runs `pekanu worker start` under another account than the one that buys; its password goes
through a pipe, never through arguments, environment or disk. What is not here: what a worker does
(`pekanu.node.worker`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from pekanu.errors import UsageError
from pekanu.types import Address

_STOP_SECONDS: Final = 10.0
#: The command line, whatever else is called `pekanu` on the path.
_PROGRAM: Final = "from pekanu.cli import main; main()"
_WORKS: Final = re.compile(r"works at (\S+);")


class WorkerState(StrEnum):
    """How a worker's process is."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerOrder:
    """How a worker is to run."""

    address: Address
    #: Options of `pekanu worker start` by name, without dashes.
    options: Mapping[str, str]
    #: Of its keyfile; empty before it is to start.
    name: str = ""
    password: str = field(default="", repr=False)


class WorkerProcess:
    """At most one worker at a time.

    Args:
        home: The node's folder.
        rpc: JSON-RPC URL of the chain.
        beat: Called when anything changes.
    """

    def __init__(self, home: Path, rpc: str, beat: Callable[[], None]) -> None:
        self._home, self._rpc, self._beat = home, rpc, beat
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._words: deque[str] = deque(maxlen=20)
        self.state = WorkerState.STOPPED
        self.address: Address | None = None
        self.endpoint = ""
        #: Its last words when it failed.
        self.problem = ""
        self.options: Mapping[str, str] = {}

    @property
    def is_up(self) -> bool:
        """Whether there is a process."""
        return self.state in {WorkerState.STARTING, WorkerState.RUNNING, WorkerState.STOPPING}

    async def start(self, order: WorkerOrder) -> None:
        """Start a worker; it announces itself within seconds.

        Raises:
            UsageError: One runs already.
        """
        if self.is_up:
            raise UsageError("a worker runs already", hint="stop it first")
        self._words.clear()
        self.problem, self.endpoint = "", ""
        self.address, self.options = order.address, order.options
        self._set(WorkerState.STARTING)
        reader, writer = os.pipe()
        try:
            os.write(writer, order.password.encode())
        finally:
            os.close(writer)
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _PROGRAM,
                "worker",
                "start",
                *(part for name, value in order.options.items() for part in (f"--{name}", value)),
                "--home",
                str(self._home),
                "--rpc",
                self._rpc,
                "--account",
                order.name,
                "--password-file",
                f"/dev/fd/{reader}",
                pass_fds=(reader,),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env={key: value for key, value in os.environ.items() if not _is_secret(key)},
                start_new_session=True,
            )
        finally:
            os.close(reader)
        self._reading = asyncio.create_task(self._read(self._process))

    async def stop(self) -> None:
        """Stop the worker: it takes back its announcement; tasks go on when it starts again."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._set(WorkerState.STOPPING)
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._reading is not None:
            await self._reading

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Listen to what the process says until it ends."""
        if process.stderr is not None:
            async for line in process.stderr:
                text = line.decode(errors="replace").strip()
                if text:
                    self._words.append(text)
                found = _WORKS.search(text)
                if found and self.state is WorkerState.STARTING:
                    self.endpoint = found.group(1)
                    self._set(WorkerState.RUNNING)
        code = await process.wait()
        if code == 0 or self.state is WorkerState.STOPPING:
            self._set(WorkerState.STOPPED)
            return
        self.problem = " ".join(list(self._words)[-3:]) or f"it ended with code {code}"
        self._set(WorkerState.FAILED)

    def _set(self, state: WorkerState) -> None:
        self.state = state
        self._beat()


def _is_secret(name: str) -> bool:
    return name in {"PEKANU_PASSWORD", "PEKANU_PASSWORD_FILE", "PEKANU_ACCOUNT"}
