"""A worker as a process of its own, as people run it."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pekanu.chain import AddressBook, Devnet, Keystore

PASSWORD = "of a worker in a test"  # noqa: S105 - no secret


@asynccontextmanager
async def run_worker(
    devnet: Devnet, book: AddressBook, home: Path, number: int = 1
) -> AsyncIterator[str]:
    """Yield the endpoint of a worker that announced itself; it ends with the context."""
    book.save(home)
    Keystore(home / "keystore", work_factor=1 << 12).import_key(
        "worker", devnet.keys[number], PASSWORD
    )
    password = home / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    command = ["worker", "start", "--rpc", devnet.rpc, "--home", str(home), "--deposit", "1 ether"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from pekanu.cli import main; main()",
        *command,
        "--password-file",
        str(password),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    words = ""
    try:
        async for line in process.stderr:
            words += line.decode()
            found = re.search(r"works at (\S+);", words)
            if found:
                break
        else:
            raise AssertionError(words)
        draining = asyncio.create_task(process.stderr.read())
        yield found.group(1)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    await draining
