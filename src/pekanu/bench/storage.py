"""How fast files are stored and fetched, and what is uploaded twice, beside restic and borg.

One file of random bytes, and the same with three bytes inserted in its middle, go to a provider's
process by a client's process over a development chain, and in turn into repositories of restic and
borg in the same file system, each without compression. Seconds are wall time of whole commands;
memory is the peak of a process while it transfers. Not here: gas (`gas`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from pekanu.bench.storage_peers import PEERS, Peer
from pekanu.chain import Devnet, Keystore
from pekanu.chain.account import get_development_keys

SIZE: Final = 1 << 30
_BLOCK: Final = 1 << 22
_PASSWORD: Final = "of the benchmark"  # noqa: S105 - of accounts of a development chain
#: Derives keys lightly: unlocking an account as wallets do takes 256 MiB for a moment.
_WORK_FACTOR: Final = 1 << 12
_MIB: Final = 1 << 20
_SAMPLE_SECONDS: Final = 0.05
_PROGRAM: Final = "from pekanu.cli import main; main()"


@dataclass(kw_only=True)
class Figures:
    """What one program took."""

    seconds: dict[str, float] = field(default_factory=dict)
    #: Processor seconds of all its processes.
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    peak_mib: dict[str, float] = field(default_factory=dict)
    #: Bytes that the second put of the changed file added.
    added_bytes: int = 0
    stored_bytes: int = 0

    def add_sync(self, copy: Path) -> None:
        """Add how long a get takes until its file is on the disk; some leave that to the system."""
        started = time.perf_counter()
        with copy.open("rb+") as file:
            os.fsync(file.fileno())
        self.seconds["get_synced"] = self.seconds["get"] + time.perf_counter() - started


def measure(size: int = SIZE, tell: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Return figures by program, and ratios to restic's.

    Args:
        size: Bytes of the file.
        tell: Told what is under way.
    """
    with tempfile.TemporaryDirectory(prefix="pekanu-bench-") as name:
        files = _write_files(Path(name) / "files", size)
        with _make_place(name) as folder:
            found = {"pekanu": _measure_pekanu(folder, files, tell)}
        for peer in PEERS:
            if shutil.which(peer.program):
                tell(f"{peer.program} …")
                with _make_place(name) as folder:
                    found[peer.program] = _measure_peer(peer, folder, files)
    return _report(found, size)


@contextmanager
def _make_place(inside: str) -> Iterator[Path]:
    """Yield a folder for one program; its memory and disk are free again for the next one."""
    with tempfile.TemporaryDirectory(dir=inside) as name:
        yield Path(name)


def _write_files(folder: Path, size: int) -> tuple[Path, Path]:
    """Write the file, and beside it the one with an insertion."""
    folder.mkdir()
    before, after = folder / "before" / "data", folder / "after" / "data"
    for path in (before, after):
        path.parent.mkdir()
    with before.open("wb") as one, after.open("wb") as two:
        for start in range(0, size, _BLOCK):
            block = os.urandom(min(_BLOCK, size - start))
            one.write(block)
            two.write((b"new" if start <= size // 2 < start + _BLOCK else b"") + block)
    return before, after


def _measure_pekanu(folder: Path, files: tuple[Path, Path], tell: Callable[[str], None]) -> Figures:
    figures = Figures()
    with ExitStack() as stack:
        devnet = stack.enter_context(Devnet())
        tell("the contracts and a provider …")
        keeper = _make_home(folder / "keeper", devnet, 1)
        owner = _make_home(folder / "owner", devnet, 2)
        _run(keeper, "deploy")
        shutil.copytree(folder / "keeper" / "chains", folder / "owner" / "chains")
        _run(keeper, "provider", "deploy")
        provider = stack.enter_context(_serve(keeper))
        watch = stack.enter_context(_Watch(figures, provider.pid))
        # Registration and the client's contract are once for all.
        (folder / "first").write_bytes(b"first")
        _run(owner, "store", "put", folder / "first")
        tell("pekanu …")
        watch.time("put", lambda: _start(owner, "store", "put", files[0], "--name", "before"))
        watch.time("verify", lambda: _start(owner, "store", "verify", "before"))
        out = folder / "out"
        watch.time("get", lambda: _start(owner, "store", "get", "before", "--out", out))
        figures.add_sync(out)
        _check_same(files[0], out)
        packs = folder / "keeper" / "store"
        held = _count_bytes(packs)
        watch.time("put_again", lambda: _start(owner, "store", "put", files[1], "--name", "after"))
        figures.added_bytes = _count_bytes(packs) - held
        figures.stored_bytes = held
    return figures


def _measure_peer(peer: Peer, folder: Path, files: tuple[Path, Path]) -> Figures:
    figures, repository, out = Figures(), folder / "repository", folder / "out"
    out.mkdir(parents=True)
    peer.run(peer.create(repository), folder)
    with _Watch(figures) as watch:
        watch.time("put", lambda: peer.start(peer.put(repository, files[0], "one"), folder))
        watch.time("verify", lambda: peer.start(peer.verify(repository), folder))
        watch.time("get", lambda: peer.start(peer.get(repository, "one"), out))
        (copy,) = out.rglob("data")
        figures.add_sync(copy)
        _check_same(files[0], copy)
        held = _count_bytes(repository)
        watch.time("put_again", lambda: peer.start(peer.put(repository, files[1], "two"), folder))
        figures.added_bytes = _count_bytes(repository) - held
        figures.stored_bytes = held
    return figures


def _report(found: dict[str, Figures], size: int) -> dict[str, Any]:
    report: dict[str, Any] = {"size": size, "programs": {}}
    for name, figures in found.items():
        report["programs"][name] = {
            **{f"{act}_seconds": round(took, 3) for act, took in figures.seconds.items()},
            **{f"{act}_cpu_seconds": round(took, 3) for act, took in figures.cpu_seconds.items()},
            **{
                f"{act}_mib_per_second": round(size / _MIB / took, 1)
                for act, took in figures.seconds.items()
            },
            **{f"{who}_peak_mib": round(peak, 1) for who, peak in figures.peak_mib.items()},
            "added_share": round(figures.added_bytes / size, 5),
            "stored_share": round(figures.stored_bytes / size, 5),
        }
    mine = found["pekanu"]
    for name, figures in found.items():
        if name != "pekanu":
            for act in ("put", "get", "get_synced"):
                ratio = figures.seconds[act] / mine.seconds[act]
                report[f"{act}_over_{name}"] = round(ratio, 3)
    return report


class _Watch:
    """Times processes, and looks at their memory and the provider's now and then.

    Args:
        figures: Where it is written.
        provider: Process of the provider, if there is one.
    """

    def __init__(self, figures: Figures, provider: int | None = None) -> None:
        self._figures, self._provider = figures, provider
        self._client: int | None = None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def time(self, act: str, start: Callable[[], subprocess.Popen[bytes]]) -> None:
        """Run a process to its end, when what was written before it is on the disk."""
        os.sync()
        before = _get_cpu(self._provider)
        started = time.perf_counter()
        process = start()
        self._client = process.pid
        _, status, usage = os.wait4(process.pid, 0)
        self._figures.seconds[act] = time.perf_counter() - started
        self._client = None
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu = usage.ru_utime + usage.ru_stime + _get_cpu(self._provider) - before
        self._figures.cpu_seconds[act] = cpu
        if process.returncode:
            message = f"{act} failed with code {process.returncode}"
            raise RuntimeError(message)

    def _look(self) -> None:
        peaks = self._figures.peak_mib
        while not self._ends.wait(_SAMPLE_SECONDS):
            for who, pid in (("client", self._client), ("provider", self._provider)):
                if pid is not None:
                    peaks[who] = max(peaks.get(who, 0.0), _get_resident(pid))


def _get_resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


def _get_cpu(pid: int | None) -> float:
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Home:
    folder: Path
    rpc: str

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PEKANU_")}
        return kept | {
            "PEKANU_HOME": str(self.folder),
            "PEKANU_RPC": self.rpc,
            "PEKANU_PASSWORD": _PASSWORD,
        }


def _make_home(folder: Path, devnet: Devnet, number: int) -> _Home:
    keystore = Keystore(folder / "keystore", work_factor=_WORK_FACTOR)
    keystore.import_key("account", get_development_keys(number + 1)[number], _PASSWORD)
    return _Home(folder=folder, rpc=devnet.rpc)


def _get_command(arguments: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-c", _PROGRAM, *map(str, arguments)]


def _start(home: _Home, *arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - this very program
        _get_command(arguments),
        env=home.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _run(home: _Home, *arguments: str | Path) -> None:
    subprocess.run(  # noqa: S603 - this very program
        _get_command(arguments), env=home.environment, check=True, capture_output=True
    )


@contextmanager
def _serve(home: _Home) -> Iterator[subprocess.Popen[str]]:
    arguments = ("provider", "start", "--json", "--capacity", "16GiB")
    with subprocess.Popen(  # noqa: S603 - this very program
        _get_command(arguments),
        env=home.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line == "}\n":
                    break
            json.loads("".join(lines))
            yield process
        finally:
            process.terminate()


def _count_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _check_same(one: Path, other: Path) -> None:
    with one.open("rb") as left, other.open("rb") as right:
        while block := left.read(_BLOCK):
            if block != right.read(_BLOCK):
                message = f"{other} is not what was stored"
                raise RuntimeError(message)
