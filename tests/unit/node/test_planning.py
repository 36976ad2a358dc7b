"""The pass over the files: beside other work, and ended when nobody waits for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pekanu.errors import InvalidInput
from pekanu.node.storage.planning import PutRequest, plan_files
from pekanu.node.storage.sealing import StorageSecret

SECRET = StorageSecret(secret=bytes(range(32)))


def build_request(path: Path, phrase: str = "") -> PutRequest:
    return PutRequest(paths=(path,), term=3600, shared_domain=phrase)


async def test_plan_files__when_asked__then_measured_in_the_domain_that_was_asked_for(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"some bytes")
    told: list[tuple[int, int]] = []
    own = await plan_files(build_request(path), SECRET, lambda *done: told.append(done))
    shared = await plan_files(build_request(path, "a phrase"), SECRET)
    assert told[-1] == (10, 10)
    assert own.source.size == 10
    assert own.domain == SECRET.own_domain
    assert own.plan.manifest.chunks[0].key != shared.plan.manifest.chunks[0].key


async def test_plan_files__of_nothing__then_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no"):
        await plan_files(build_request(tmp_path / "nothing"), SECRET)


async def test_plan_files__when_cancelled__then_the_reading_ends(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    planning = asyncio.create_task(
        plan_files(
            build_request(path), SECRET, lambda *_: loop.call_soon_threadsafe(begun.set) and None
        )
    )
    await asyncio.wait_for(begun.wait(), 30)
    planning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await planning
    # A terabyte takes longer.
    await asyncio.wait_for(loop.shutdown_default_executor(), 30)
