"""A storage provider and its clients on a real chain, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pekanu.chain import Account
from pekanu.chain.transactions import SenderOptions
from pekanu.node import market_desk
from pekanu.node.provider import keeper
from pekanu.node.provider.provider import (
    ProviderNode,
    ProviderOptions,
    deploy_provider,
    open_provider,
)
from pekanu.node.provider.terms import ProviderTerms
from pekanu.node.storage.keeping import fetch_state
from pekanu.node.storage.planning import PutRequest
from pekanu.node.storage.steps import Step
from pekanu.node.storage.stored import StoredObject
from pekanu.node.storage.storer import Ears, Storer, open_storer
from pekanu.storage.state import Status
from pekanu.storage.stores import FolderStore
from pekanu.types import Seconds, Wei
from support.nodes import Town

ETHER = 10**18
TERMS = ProviderTerms(response_window=Seconds(600), confirm_window=Seconds(600))
DAY = 86400
#: Number of the step in which a client pays.
_PAYMENT = 9


@dataclass
class Depot:
    """A town with a provider at work."""

    town: Town
    provider: ProviderNode
    deposit: int = ETHER

    async def open_storer(self, account: Account) -> Storer:
        desk = await self.town.open_desk(account)
        return await open_storer(desk, self.town.home)


@asynccontextmanager
async def open_depot(
    town: Town, account: Account, *, options: ProviderOptions | None = None
) -> AsyncIterator[Depot]:
    town.book.save(town.home)
    chosen = options or ProviderOptions(terms=TERMS, retracts=False)
    async with AsyncExitStack() as stack:
        desk = await town.open_desk(account)
        await deploy_provider(desk, town.home, Wei(ETHER))
        node = await stack.enter_async_context(open_provider(desk, town.home, chosen))
        await stack.enter_async_context(node.running())
        yield Depot(town=town, provider=node)


async def put(
    storer: Storer, *paths: Path, term: int = DAY, ears: Ears | None = None, shared: str = ""
) -> StoredObject:
    request = PutRequest(paths=paths, term=term, shared_domain=shared)
    return await storer.put(await storer.prepare(request), ears)


def find_port() -> int:
    """Return a port at which a provider can listen again after a kill."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def hurry(patch: Callable[[Any, str, Any], None]) -> None:
    """Let nodes look again, and send again what was lost, after a tenth of a second."""
    patch(keeper, "_LOOK_SECONDS", 0.1)
    patch(market_desk, "SenderOptions", partial(SenderOptions, rebroadcast_seconds=0.1))


def lose_leaf(provider: ProviderNode, place: int = 1000) -> None:
    """Change one byte in each pack of a provider."""
    folder = provider.shop.vault._store
    assert isinstance(folder, FolderStore)
    for path in folder._folder.glob("*/*"):
        data = bytearray(path.read_bytes())
        data[min(place, len(data) - 1)] ^= 1
        path.write_bytes(data)


class Vanished(Exception):
    """A client's node is gone."""


async def pay_only(storer: Storer, *paths: Path) -> StoredObject:
    """Pay for what is never uploaded."""

    def vanish(step: Step) -> None:
        if step.number == _PAYMENT:
            raise Vanished

    with contextlib.suppress(Vanished):
        await put(storer, *paths, ears=Ears(step=vanish))
    return storer.list()[-1]


async def wait_for(is_so: Callable[[], bool], seconds: float = 60) -> None:
    """Return once something is so; nobody announces it."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)


async def wait_status(storer: Storer, stored: StoredObject, status: Status) -> None:
    """Return once an agreement stands somewhere on chain."""
    async with asyncio.timeout(60):
        while (await fetch_state(storer, stored)).status is not status:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)


def write_tree(folder: Path, *, seed: int = 1, large: int = 3_000_000) -> Path:
    """Write a folder with a large file, small ones, an empty one, strange names and a link."""
    draw = random.Random(seed)
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "large.bin").write_bytes(draw.randbytes(large))
    for number in range(40):
        (folder / "deep" / f"small-{number:02}.txt").write_bytes(draw.randbytes(50 * number))
    (folder / "empty").write_bytes(b"")
    (folder / "deep" / "er" / "naïve 日本語 😀.txt").write_text("unicode", encoding="utf-8")
    (folder / "line\nbreak").write_bytes(b"strange")
    (folder / "run.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "nothing here").mkdir()
    (folder / "link").symlink_to("large.bin")
    return folder


def read_tree(folder: Path) -> dict[str, object]:
    """Return everything below a folder that a copy must have too."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_dir():
            found[name] = ("folder", path.stat().st_mode)
        else:
            info = path.stat()
            found[name] = ("file", info.st_mode, info.st_mtime_ns, path.read_bytes())
    return found
