"""What the executor's tests run instead of guests, found by `get` in the executing process."""

# ruff: noqa: ARG001 - all have the one signature

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pekanu.errors import InvalidInput
from pekanu.market.claim import Result
from pekanu.node.executors import ItemRun
from pekanu.types import ZERO_HASH

Progress = Callable[[float], None] | None


@dataclass(frozen=True)
class Executable:
    """A function that stands for a program."""

    function: Callable[[bytes, Progress], bytes]

    def run(self, content: bytes, progress: Progress = None) -> ItemRun:
        output = self.function(content, progress)
        result = Result(output_root=ZERO_HASH, output_size=len(output))
        return ItemRun(result=result, output=output, steps=len(content))


def _double(data: bytes, progress: Progress) -> bytes:
    sys.stdout.write("a function's prints go nowhere")
    sys.stdout.flush()
    return data * 2


def _refuse(data: bytes, progress: Progress) -> bytes:
    raise InvalidInput(f"{len(data)} bytes are no input", hint="give others")


def _break(data: bytes, progress: Progress) -> bytes:
    raise ZeroDivisionError("a bug")


def _fragile(data: bytes, progress: Progress) -> bytes:
    return _break(data, progress) if data == b"break" else data


def _die(data: bytes, progress: Progress) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return data


def _exit(data: bytes, progress: Progress) -> bytes:
    os._exit(7)


def _grow(data: bytes, progress: Progress) -> bytes:
    held = []
    while True:
        held.append(bytearray(16 << 20))
        time.sleep(0.005)


def _leap(data: bytes, progress: Progress) -> bytes:
    return bytes(1 << 40)


def _count(data: bytes, progress: Progress) -> bytes:
    """Take data[0] tenths of a second, telling progress; write the process id to data[1:]."""
    if data[1:]:
        Path(data[1:].decode()).write_text(str(os.getpid()), encoding="ascii")
    for step in range(data[0] * 10):
        time.sleep(0.01)
        if progress is not None:
            progress(step / (data[0] * 10))
    return data


def _spawn(data: bytes, progress: Progress) -> bytes:
    """Start a process that would live on; write its id to the path in data, then wait."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(data.decode()).write_text(str(other.pid), encoding="ascii")
    time.sleep(60)
    return b""


def _environment(data: bytes, progress: Progress) -> bytes:
    return os.environ.get(data.decode(), "").encode()


def get(order: dict[str, Any]) -> Executable:
    """Return the function of a job's name."""
    return Executable(globals()[f"_{order['name']}"])
