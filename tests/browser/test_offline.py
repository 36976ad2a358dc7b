"""A newcomer's purchase on a machine whose network is cut off but for the loopback."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOUGHT = "tests/browser/test_newcomer.py::test_newcomer__buys_the_example__then_the_picture_comes"
SECONDS = 180
CUT = ("--map-root-user", "--net")


async def test_site__with_the_network_cut_off__then_a_newcomer_buys_all_the_same() -> None:
    program = shutil.which("unshare")
    if program is None or await _run(program, *CUT, "true") != (0, ""):
        pytest.skip("no network namespace can be made here (unshare --map-root-user --net)")
    command = (sys.executable, "-m", "support.cut_off", "-q", "-p", "no:cacheprovider", BOUGHT)
    status, words = await _run(program, *CUT, *command)
    assert status == 0, words
    assert "Network is unreachable" in words
    assert "1 passed" in words


async def _run(*command: str) -> tuple[int | None, str]:
    paths = (str(ROOT / "tests"), os.environ.get("PYTHONPATH", ""))
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, said.decode()
