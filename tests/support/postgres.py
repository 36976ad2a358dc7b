"""A real PostgreSQL, started for a test and stopped after it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_VERSIONS = Path("/usr/lib/postgresql")


@contextmanager
def open_postgres() -> Iterator[str]:
    """Yield the URL of a server; it refuses to run as root, so root runs it as somebody else."""
    found = sorted(_VERSIONS.glob("*/bin/postgres"))
    if not found:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is missing")
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    # Not below pytest's folder, which nobody else may enter.
    with (
        tempfile.TemporaryDirectory(prefix="pekanu-postgres-") as folder,
        _running(found[-1].parent, Path(folder)) as url,
    ):
        yield url


@contextmanager
def _running(binaries: Path, folder: Path) -> Iterator[str]:
    prefix = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        prefix = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"
    subprocess.run(
        [*prefix, binaries / "initdb", "-D", data, "-A", "trust", "-U", "keeper"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [*prefix, binaries / "pg_ctl", "-D", data, "-w"]
    subprocess.run(
        [*control, "-o", options, "-l", folder / "log", "start"],
        check=True,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"postgresql://keeper@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(
            [*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd="/"
        )
