"""Storage by the command line: providers and clients as processes with homes of their own."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pekanu.chain import Keystore
from support.shell import PASSWORD, PROGRAM, RunningChain, Shell

#: Terms of a provider whose penalties and windows a test can live with.
MODEST = ("--capacity", "4GiB", "--response-window", "10min", "--confirm-window", "10min")


@dataclass(frozen=True, kw_only=True)
class Homes:
    """Makes homes of accounts of a chain with a market."""

    chain: RunningChain
    market: Shell
    folder: Path

    def make(self, name: str, number: int, *, deposit: str = "") -> Shell:
        """Return a home with one account, and with a provider's contract if it has a deposit."""
        home = self.folder / name / "home"
        keystore = Keystore(home / "keystore", work_factor=1 << 12)
        keystore.import_key(name, self.chain.keys[number], PASSWORD)
        (home / "chains").mkdir()
        for book in (self.market.home / "chains").iterdir():
            (home / "chains" / book.name).write_bytes(book.read_bytes())
        shell = Shell(home=home, variables=self.market.variables)
        if deposit:
            assert shell("provider", "deploy", "--deposit", deposit).code == 0
        return shell


@contextmanager
def running(shell: Shell, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command that serves, from the end of the document that says so until it is over.

    What was not killed meanwhile is terminated, and must then end in order.
    """
    with start(shell, *command) as process:
        try:
            assert process.stdout is not None
            while (line := process.stdout.readline()) != "}\n":
                assert line, "it ended before it served"
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
        finally:
            process.kill()


def serving(shell: Shell, *options: str) -> Any:
    """Run `pekanu provider start` as `running` does."""
    return running(shell, "provider", "start", "--json", *MODEST, *options)


def start(shell: Shell, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start a command whose output is to be read."""
    return subprocess.Popen(
        [PROGRAM, *map(str, arguments)],
        env=shell.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def finish(process: subprocess.Popen[str], seconds: float = 120) -> Any:
    """Return the document that a command has written when it has ended well."""
    out, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0
    return json.loads(out)


def kill_once(
    process: subprocess.Popen[str], is_so: Callable[[], bool], seconds: float = 90
) -> None:
    """Kill -9 a process as soon as something is so; it must not have ended before."""
    until = time.monotonic() + seconds
    while not is_so():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.005)
    process.kill()
    process.communicate()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def get_upload(stored: dict[str, Any]) -> dict[str, Any]:
    """Return the evidence of step 12: what was uploaded, and what was shown instead."""
    return dict(stored["steps"][11]["evidence"])
