"""What a put is asked for, and the pass over its files in a thread, beside whatever else happens.

Not here: the pass itself (`plan`), offers and agreements (`storer`).
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path

from pekanu.node.pieces import Progress
from pekanu.node.storage.plan import Plan, build_plan
from pekanu.node.storage.sealing import StorageSecret
from pekanu.node.storage.source import Source, scan
from pekanu.storage.domains import EncryptionDomain
from pekanu.types import Address, Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class PutRequest:
    """What is to be stored, and on which terms."""

    paths: tuple[Path, ...]
    #: Seconds.
    term: int
    #: What the object is called; empty: as its first path.
    name: str = ""
    #: The only provider to ask.
    provider: Address | None = None
    #: Most that may be paid.
    max_price: Wei | None = None
    #: Phrase of a shared encryption domain; empty: the client's own.
    shared_domain: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """Files that were read, cut and measured; nobody was asked yet."""

    source: Source
    plan: Plan
    domain: EncryptionDomain


class _Stopped(Exception):
    """Nobody waits for the plan any more."""


async def plan_files(
    request: PutRequest, secret: StorageSecret, reading: Progress | None = None
) -> Planned:
    """Read, cut and measure the files of a request; where this is cancelled the reading ends.

    Args:
        request: Names them.
        secret: Of the client.
        reading: Told bytes read, in a thread.

    Raises:
        InvalidInput: A path cannot be read.
    """
    is_stopped = threading.Event()

    def tell(done: int, total: int) -> None:
        if is_stopped.is_set():
            raise _Stopped
        if reading is not None:
            reading(done, total)

    def run() -> Planned:
        source = scan(request.paths, name=request.name)
        domain = (
            EncryptionDomain.shared(request.shared_domain)
            if request.shared_domain
            else secret.own_domain
        )
        plan = build_plan(source, domain, secret, progress=tell)
        return Planned(source=source, plan=plan, domain=domain)

    try:
        return await asyncio.to_thread(run)
    finally:
        is_stopped.set()
