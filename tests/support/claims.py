"""A claim that stands on chain because its client approves nothing."""

from __future__ import annotations

import asyncio

from pekanu.market.state import Status
from pekanu.node.client_events import Ask
from pekanu.node.client_task import ClientStep
from pekanu.node.worker import WorkerNode
from pekanu.types import Hash32
from support.cheats import CheatingClient
from support.crash import wait_until
from support.nodes import TERMS, Town, WorkerKind, build_request

#: Accounts of the client that does not look at what comes, and of the worker.
CLIENT, WORKER = 5, 1


class IdleClient(CheatingClient):
    """Buys, and never asks for what it bought."""

    drops = frozenset({Ask.CLAIM})


async def leave_claim(town: Town, kind: WorkerKind = WorkerNode) -> Hash32:
    """Return the task whose result a worker of a kind has delivered on chain."""
    await town.open_worker(town.devnet.accounts[WORKER], kind=kind)
    client = await town.open_client(town.devnet.accounts[CLIENT], kind=IdleClient)
    handle = await client.submit(build_request())

    def is_accepted() -> bool:
        return handle.task is not None and handle.task.step is ClientStep.WAITING

    await wait_until(is_accepted)
    assert handle.task is not None
    task_id = Hash32(handle.task.task_id)
    await handle.stop()
    # The worker waits for an approval until it must deliver.
    await asyncio.to_thread(town.devnet.advance_time, TERMS.compute_window - 60)
    for _ in range(1200):
        if (await client.desk.market.fetch_task(task_id)).status is Status.DELIVERED:
            return task_id
        await asyncio.sleep(0.05)
    raise AssertionError("the worker does not deliver")
