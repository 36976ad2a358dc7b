"""The process that executes: reads jobs from standard input, one JSON line each, and obeys.

Started as `python -m pekanu.node.execute_child RESOLVER PARENT`. It says ``ready``, and for each
job ``progress`` and at last ``done`` or ``failed``, one JSON line each on what was its standard
output; the function's own prints go nowhere. It dies with its parent: by the kernel on Linux,
elsewhere when its standard input ends. What is not here: time limits and kills (`child_process`).
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import queue
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from pekanu.errors import PekanuError
from pekanu.node.batch_file import join_items, split_items

#: Address space beyond the resident limit: code, thread stacks, what a JIT compiler reserves.
_SLACK_BYTES: Final = 4 << 30
#: Seconds between two reports of progress.
_REPORT_SECONDS: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1


class Executable(Protocol):
    """What a resolver gives for a name: the catalog's `Function`, as far as needed here."""

    def execute(self, input_bytes: bytes, progress: Callable[[float], None] | None, /) -> bytes:
        """Return the output of one item."""
        ...


class _TooMuchOutput(Exception):
    pass


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _read_jobs(jobs: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin.buffer:
        jobs.put(json.loads(line))
    os._exit(0)


def _limit_memory(size: int | None) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    soft = most
    if size is not None and sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        soft = pages * resource.getpagesize() + size + _SLACK_BYTES
        soft = soft if most == resource.RLIM_INFINITY else min(soft, most)
    resource.setrlimit(resource.RLIMIT_AS, (soft, most))


def _execute(function: Executable, job: dict[str, Any], tell: Callable[..., None]) -> int:
    count, told = job["count"], time.monotonic()
    data = Path(job["input"]).read_bytes()
    outputs: list[bytes] = []

    def report(part: float) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _REPORT_SECONDS:
            told = now
            tell(progress=(len(outputs) + min(1.0, max(0.0, part))) / count)

    for item in split_items(data, count):
        output = function.execute(data if count == 1 else bytes(item), report)
        if len(output) > job["output_bytes"]:
            raise _TooMuchOutput
        outputs.append(output)
        report(0.0)
    target = Path(job["output"])
    draft = target.with_name(f"{target.name}.{os.getpid()}.draft")
    with draft.open("wb") as file:
        size = sum(file.write(piece) for piece in join_items(outputs))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(target)
    return size


def _obey(
    resolve: Callable[[str], Executable], job: dict[str, Any], tell: Callable[..., None]
) -> None:
    started = time.perf_counter()
    try:
        function = resolve(job["function"])
        _limit_memory(job["memory_bytes"])
        size = _execute(function, job, tell)
    except MemoryError:
        tell(failed="memory", message="")
    except _TooMuchOutput:
        tell(failed="output", message="")
    except PekanuError as error:
        tell(failed=type(error).__name__, message=error.message, hint=error.hint)
    except Exception as error:  # noqa: BLE001 - the outermost loop: whatever it is, it is reported
        tell(failed="bug", message=f"{type(error).__name__}: {error}"[:500])
    else:
        tell(done=time.perf_counter() - started, size=size)
    finally:
        _limit_memory(None)


def main(resolver: str, parent: int) -> None:
    """Obey until standard input ends.

    Args:
        resolver: ``module:function``, what gives an `Executable` for a name.
        parent: The process that this one must not outlive.
    """
    _die_with(parent)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)

    def tell(**fields: object) -> None:
        answers.write(json.dumps(fields).encode() + b"\n")

    jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    module, _, name = resolver.partition(":")
    resolve = getattr(importlib.import_module(module), name)
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    tell(ready=True)
    while True:
        _obey(resolve, jobs.get(), tell)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
