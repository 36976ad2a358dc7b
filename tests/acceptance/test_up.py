"""`pekanu up`: a market on this machine in which work and storage are for sale at once."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pekanu.chain import Keystore
from pekanu.chain.account import get_development_keys
from support.shell import PASSWORD, PROGRAM, Shell

_SECONDS = 90


@contextmanager
def running_up(home: Path) -> Iterator[Shell]:
    """Yield a shell at a market that runs; it ends in order."""
    log = home.parent / "up.log"
    with (
        log.open("w") as file,
        subprocess.Popen(
            [PROGRAM, "up", "--port", "0", "--chain-port", "0"],
            env=Shell(home=home, variables={}).environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        ) as process,
    ):
        try:
            until = time.monotonic() + _SECONDS
            while " works at " not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.1)
            assert " keeps files at " in log.read_text()
            found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
            assert found is not None
            yield Shell(
                home=home, variables={"PEKANU_RPC": found.group(), "PEKANU_PASSWORD": PASSWORD}
            )
        finally:
            process.terminate()
            assert process.wait(30) == 0, log.read_text()


def test_up__of_a_newcomer__then_a_file_is_kept_over_a_restart(tmp_path: Path) -> None:
    home, path = tmp_path / "home", tmp_path / "notes.txt"
    path.write_bytes(b"to be kept " * 9_999)
    Keystore(home / "keystore", work_factor=1 << 12).import_key(
        "alice", get_development_keys(1)[0], PASSWORD
    )
    with running_up(home) as shell:
        assert shell("store", "put", path, "--term", "1d", "--yes").code == 0
    with running_up(home) as shell:
        (listed,) = shell("store", "ls", "--json").json
        assert listed["on_chain"] == "stored"
        assert shell("store", "get", "notes.txt", "--out", tmp_path / "back").code == 0
    assert (tmp_path / "back").read_bytes() == path.read_bytes()
