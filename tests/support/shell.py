"""Running the `pekanu` command as people do, in subprocesses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("pekanu"))
PASSWORD = "correct horse"  # noqa: S105 - of accounts whose keys are public


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    def assert_refused(self, code: int, sentence: str) -> None:
        """Check for one clear sentence on stderr, an exit code, and no traceback."""
        assert self.code == code, self.err
        assert self.out == ""
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, self.err
        assert sentence in errors[0], self.err
        assert "Traceback" not in self.err


@dataclass(frozen=True, kw_only=True)
class Shell:
    """Runs `pekanu` with a home and variables of its own."""

    home: Path
    variables: dict[str, str]
    timeout_seconds: float = 120.0

    def __call__(self, *arguments: str | Path, text: str | None = None, **variables: str) -> Run:
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)],
            env=self.environment | variables,
            cwd=self.home.parent,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            timeout=self.timeout_seconds,
            check=False,
        )
        return Run(code=done.returncode, out=done.stdout, err=done.stderr)

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PEKANU_")}
        # As wide as a pipe, whatever terminal the tests were started from: no sentence is folded.
        kept.pop("COLUMNS", None)
        return kept | {"PEKANU_HOME": str(self.home), "NO_COLOR": "1"} | self.variables


@dataclass(frozen=True, kw_only=True)
class RunningChain:
    rpc: str
    chain_id: int
    addresses: tuple[str, ...]
    keys: tuple[str, ...]
