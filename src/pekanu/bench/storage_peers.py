"""restic and borg, as Debian has them, for comparison: how each is told what to do.

Both encrypt and deduplicate into a folder of this machine, without compression. Not here: what is
measured (`storage`).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PASSWORD: Final = "of the benchmark"  # noqa: S105 - of repositories that are thrown away


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """A program and its commands."""

    program: str
    create: Callable[[Path], list[str]]
    put: Callable[[Path, Path, str], list[str]]
    get: Callable[[Path, str], list[str]]
    verify: Callable[[Path], list[str]]

    def start(self, arguments: list[str], place: Path) -> subprocess.Popen[bytes]:
        """Start a command in a folder."""
        return subprocess.Popen(  # noqa: S603 - the program that is compared with
            [self.program, *arguments],
            cwd=place,
            env=_get_environment(place),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, arguments: list[str], place: Path) -> None:
        """Run a command to its end."""
        subprocess.run(  # noqa: S603 - as above
            [self.program, *arguments],
            cwd=place,
            env=_get_environment(place),
            check=True,
            capture_output=True,
        )


def _get_environment(place: Path) -> dict[str, str]:
    return os.environ | {
        "RESTIC_PASSWORD": _PASSWORD,
        "BORG_PASSPHRASE": _PASSWORD,
        "BORG_BASE_DIR": str(place),
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
    }


PEERS: Final = (
    Peer(
        program="restic",
        create=lambda where: ["-r", str(where), "init"],
        put=lambda where, file, _: ["-r", str(where), "--no-cache", "backup", str(file)],
        get=lambda where, _: ["-r", str(where), "--no-cache", "restore", "latest", "--target", "."],
        verify=lambda where: ["-r", str(where), "--no-cache", "check", "--read-data"],
    ),
    Peer(
        program="borg",
        create=lambda where: ["init", "--encryption=repokey", str(where)],
        put=lambda where, file, name: [
            "create",
            "--compression=none",
            f"{where}::{name}",
            str(file),
        ],
        get=lambda where, name: ["extract", f"{where}::{name}"],
        verify=lambda where: ["check", "--verify-data", str(where)],
    ),
)
