"""The process that executes: reads jobs from standard input, one JSON line each, and obeys.

Started as `python -m pekanu.node.execute_child RESOLVER PARENT`. It says ``ready``, and for each
share of a job ``progress`` and at last ``done`` or ``failed``, one JSON line each on what was its
standard output; prints go nowhere. It dies with its parent: by the kernel on Linux, elsewhere when
its standard input ends. What is not here: time limits and kills (`child_process`), running an item
(`guest_runner`).
"""

from __future__ import annotations

import ctypes
import importlib
import json
import mmap
import os
import queue
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from pekanu.errors import PekanuError
from pekanu.node.batch_file import split_items
from pekanu.node.executors import ItemRun, Runner, Share
from pekanu.node.run_files import write_share

#: Address space beyond the resident limit: code, thread stacks, what wasmtime reserves.
_SLACK_BYTES: Final = 64 << 30
#: Seconds between two reports of progress.
_REPORT_SECONDS: Final = 0.05
_PR_SET_PDEATHSIG: Final = 1


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


def _iterate_runs(
    runner: Runner, order: dict[str, Any], tell: Callable[..., None]
) -> Iterator[ItemRun]:
    first, stop, count = order["first"], order["stop"], order["count"]
    data = _map(Path(order["input"]))
    done, told = 0, time.monotonic()

    def report(part: float) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _REPORT_SECONDS:
            told = now
            tell(progress=(done + min(1.0, max(0.0, part))) / (stop - first))

    for item in split_items(data, count, first, stop):
        yield runner.run(bytes(item), report)
        done += 1
        report(0.0)


def _map(path: Path) -> bytes | memoryview:
    """Return a file's bytes, of a large one without reading what is not looked at."""
    if path.stat().st_size == 0:
        return b""
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _obey(
    resolve: Callable[[dict[str, Any]], Runner],
    order: dict[str, Any],
    tell: Callable[..., None],
) -> None:
    started = time.perf_counter()
    share = Share(first=order["first"], stop=order["stop"])
    try:
        _limit_memory(order["memory_bytes"])
        runner = resolve(order)
        write_share(Path(order["runs"]), share, _iterate_runs(runner, order, tell))
    except MemoryError:
        tell(failed="memory", message="")
    except PekanuError as error:
        tell(failed=type(error).__name__, message=error.message, hint=error.hint)
    except Exception as error:  # noqa: BLE001 - the outermost loop: whatever it is, it is reported
        tell(failed="bug", message=f"{type(error).__name__}: {error}"[:500])
    else:
        tell(done=time.perf_counter() - started)
    finally:
        _limit_memory(None)


def main(resolver: str, parent: int) -> None:
    """Obey until standard input ends.

    Args:
        resolver: ``module:function``, what gives a `Runner` for a job.
        parent: The process that this one must not outlive.
    """
    _die_with(parent)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)

    def tell(**fields: object) -> None:
        answers.write(json.dumps(fields).encode() + b"\n")

    jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    module_name, _, name = resolver.partition(":")
    module = importlib.import_module(module_name)
    resolve = getattr(module, name)
    getattr(module, "warm", lambda: None)()
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    tell(ready=True)
    while True:
        _obey(resolve, jobs.get(), tell)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
