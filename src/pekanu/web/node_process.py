"""A worker or a provider of this node as a process of its own: started, watched, stopped here.

It runs `pekanu worker start` or `pekanu provider start` under another account than the one that
buys; its password goes through a pipe, never through arguments, environment or disk. What is not
here: what it does (`pekanu.node`), what it sends at once (`worker_plans`, `provider_plans`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
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
_HOST: Final = "127.0.0.1"


class ProcessState(StrEnum):
    """How a process is."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeKind:
    """What a process is."""

    #: As people call it.
    name: str
    #: Of `pekanu`.
    command: tuple[str, ...]
    #: What it says once it works, with its endpoint.
    word: re.Pattern[str]


WORKER: Final = NodeKind(
    name="worker", command=("worker", "start"), word=re.compile(r"works at (\S+);")
)
PROVIDER: Final = NodeKind(
    name="provider", command=("provider", "start"), word=re.compile(r"keeps files at (\S+);")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeOrder:
    """How a process is to run."""

    address: Address
    #: Options of its command by name, without dashes.
    options: Mapping[str, str]
    #: Of its keyfile; empty before it is to start.
    name: str = ""
    password: str = field(default="", repr=False)


class NodeProcess:
    """At most one process of a kind at a time.

    Args:
        kind: What it is.
        home: The node's folder.
        rpc: JSON-RPC URL of the chain.
        beat: Called when anything changes.
    """

    def __init__(self, kind: NodeKind, home: Path, rpc: str, beat: Callable[[], None]) -> None:
        self.kind = kind
        self._home, self._rpc, self._beat = home, rpc, beat
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._words: deque[str] = deque(maxlen=20)
        self.state = ProcessState.STOPPED
        self.address: Address | None = None
        self.endpoint = ""
        #: Its last words when it failed.
        self.problem = ""
        self.options: Mapping[str, str] = {}

    @property
    def is_up(self) -> bool:
        """Whether there is a process."""
        return self.state in {ProcessState.STARTING, ProcessState.RUNNING, ProcessState.STOPPING}

    def require_down(self) -> None:
        """Raise UsageError while there is a process."""
        if self.is_up:
            raise UsageError(f"a {self.kind.name} runs already", hint="stop it first")

    async def start(self, order: NodeOrder) -> None:
        """Start one; it announces itself within seconds.

        Raises:
            UsageError: One runs already.
        """
        self.require_down()
        self._words.clear()
        self.problem, self.endpoint = "", ""
        self.address, self.options = order.address, order.options
        self._set(ProcessState.STARTING)
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
                *self.kind.command,
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
        """Stop it: it takes back its announcement; what it has agreed on waits for its return."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._set(ProcessState.STOPPING)
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
                found = self.kind.word.search(text)
                if found and self.state is ProcessState.STARTING:
                    self.endpoint = found.group(1)
                    self._set(ProcessState.RUNNING)
        code = await process.wait()
        if code == 0 or self.state is ProcessState.STOPPING:
            self._set(ProcessState.STOPPED)
            return
        self.problem = " ".join(list(self._words)[-3:]) or f"it ended with code {code}"
        self._set(ProcessState.FAILED)

    def _set(self, state: ProcessState) -> None:
        self.state = state
        self._beat()


def find_endpoint() -> tuple[str, int]:
    """Return a URL of this machine at which nobody listens now, and its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((_HOST, 0))
        port = int(probe.getsockname()[1])
    return f"http://{_HOST}:{port}", port


def _is_secret(name: str) -> bool:
    return name in {"PEKANU_PASSWORD", "PEKANU_PASSWORD_FILE", "PEKANU_ACCOUNT"}
