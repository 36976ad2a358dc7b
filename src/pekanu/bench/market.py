"""What the market adds to a computation: submit to verified result; and many tasks at once.

A client and a worker in this process, executions in another, a development chain beside them.
Not here: gas (`gas`), how many tasks are queued (`queue`).
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from pekanu import catalog
from pekanu.bench import queue
from pekanu.demo.town import open_town
from pekanu.node.client import ClientNode
from pekanu.node.client_job import JobRequest
from pekanu.node.worker import WorkerNode
from pekanu.types import Address, Wei

RUNS: Final = 5


async def measure() -> dict[str, float]:
    """Return seconds by name: to a verified result, to the end on chain; then those of a queue."""
    with tempfile.TemporaryDirectory(prefix="pekanu-bench-") as folder:
        async with open_town(Path(folder)) as town:
            buyer, seller = town.take_account(), town.take_account()
            async with town.open_worker(seller, WorkerNode), town.open_client(buyer) as client:
                deposit = client.desk.market.deposit(Wei(10**18))
                await client.desk.sender.send(deposit, key="money for the benchmark")
                first = await _buy(client, seller.address)
                runs = [await _buy(client, seller.address) for _ in range(RUNS)]
    return {
        "first_verified_seconds": round(first[0], 3),
        "verified_seconds": round(statistics.median(run[0] for run in runs), 3),
        "verified_seconds_worst": round(max(run[0] for run in runs), 3),
        "settled_seconds": round(statistics.median(run[1] for run in runs), 3),
        **await queue.measure(),
    }


async def _buy(client: ClientNode, worker: Address) -> tuple[float, float]:
    function = catalog.get("matmul")
    matrix = np.arange(9, dtype=np.int64).reshape(3, 3)
    data = function.parse_inputs({"a": matrix, "b": matrix})
    request = JobRequest(
        function="matmul", items=(data,), policy=catalog.parse_policy("check"), worker=worker
    )
    started = time.perf_counter()
    handle = await client.submit(request)
    await handle.result()
    verified = time.perf_counter() - started
    await handle.wait_final()
    return verified, time.perf_counter() - started
