"""A worker under load: many tasks queued at once; none may be lost, and each deadline must be met.

One client's node and one worker's in this process, executions in others, a development chain beside
them. Not here: a single task's overhead (`market`), batches (`batch`).
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from pekanu import catalog
from pekanu.demo.town import open_town
from pekanu.errors import ExecutionFailed
from pekanu.node.client import ClientNode
from pekanu.node.client_handle import JobHandle
from pekanu.node.client_job import JobRequest
from pekanu.node.worker import WorkerNode
from pekanu.node.worker_terms import WorkerTerms
from pekanu.types import Wei

COUNT: Final = 1000
_PRICE: Final = Wei(10**13)
#: The collateral and the money of a benchmark's parties cover all tasks at once.
_TERMS: Final = WorkerTerms(
    base_price=_PRICE,
    gigastep_price=_PRICE,
    stake=_PRICE,
    bond=Wei(10**9),
    capacity=2 * COUNT,
    client_capacity=2 * COUNT,
)


async def measure(count: int = COUNT) -> dict[str, float]:
    """Return how long so many tasks take that are queued at once, and how many ended well.

    Args:
        count: Tasks, each a product of two small matrices, all different.

    Raises:
        ExecutionFailed: One was lost, late or wrong.
    """
    with tempfile.TemporaryDirectory(prefix="pekanu-bench-") as folder:
        async with open_town(Path(folder)) as town:
            buyer, seller = town.take_account(), town.take_account()
            async with (
                town.open_worker(seller, WorkerNode, terms=_TERMS),
                town.open_client(buyer) as client,
            ):
                deposit = client.desk.market.deposit(Wei(10**18))
                await client.desk.sender.send(deposit, key="money for the benchmark")
                started = time.perf_counter()
                handles = [await _submit(client, number) for number in range(count)]
                outputs = await asyncio.gather(*(handle.result() for handle in handles))
                verified = time.perf_counter() - started
                endings = [await _end(handle) for handle in handles]
                settled = time.perf_counter() - started
    function = catalog.get("matmul")
    for number, (output,) in enumerate(outputs):
        if not np.array_equal(np.asarray(function.decode_output(output)), [[number * number]]):
            raise ExecutionFailed(f"the output of task {number} is wrong")
    if endings != ["settled"] * count:
        raise ExecutionFailed(f"{count - endings.count('settled')} tasks of {count} were lost")
    return {
        "queued_tasks": count,
        "queued_settled": endings.count("settled"),
        "queued_verified_seconds": round(verified, 1),
        "queued_settled_seconds": round(settled, 1),
    }


async def _submit(client: ClientNode, number: int) -> JobHandle:
    matrix = np.full((1, 1), number, dtype=np.int64)
    data = catalog.get("matmul").parse_inputs({"a": matrix, "b": matrix})
    policy = catalog.parse_policy("check")
    return await client.submit(JobRequest(function="matmul", items=(data,), policy=policy))


async def _end(handle: JobHandle) -> str:
    receipt = await handle.wait_final()
    return receipt.tasks[-1].ending if len(receipt.tasks) == 1 else "tried again"
