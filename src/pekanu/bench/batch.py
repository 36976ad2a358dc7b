"""A batch of a thousand distinct inputs, executed, opened and checked, and what its gas comes to.

A client's and a worker's node, executions in processes, a development chain of their own beside
them. Not here: the gas of single calls (`gas`).
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pekanu import catalog
from pekanu.demo.town import open_town
from pekanu.errors import ExecutionFailed
from pekanu.node.client_job import JobRequest
from pekanu.node.worker import WorkerNode
from pekanu.node.worker_terms import WorkerTerms
from pekanu.types import Wei

COUNT: Final = 1000
#: A thousand base prices must lie below the worker's collateral.
_TERMS: Final = WorkerTerms(base_price=Wei(10**13), gigastep_price=Wei(10**13))


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchFigures:
    """What a batch took."""

    #: Of all its transactions, which are two.
    gas: int
    #: From submission to the outputs of all items, opened and checked.
    verified_seconds: float


async def measure(count: int = COUNT) -> BatchFigures:
    """Return what a batch took.

    Args:
        count: Items: products of two small matrices, all different.

    Raises:
        ExecutionFailed: It took more than two transactions, or an output is wrong.
    """
    function = catalog.get("matmul")
    draw = np.random.default_rng(count)
    pairs = [draw.integers(-(2**31), 2**31, (2, 4, 4), dtype=np.int64) for _ in range(count)]
    items = tuple(function.parse_inputs({"a": left, "b": right}) for left, right in pairs)
    policy = catalog.parse_policy("check")
    with tempfile.TemporaryDirectory(prefix="pekanu-bench-") as folder:
        async with open_town(Path(folder)) as town:
            buyer, seller = town.take_account(), town.take_account()
            async with (
                town.open_worker(seller, WorkerNode, terms=_TERMS) as worker,
                town.open_client(buyer) as client,
            ):
                deposit = client.desk.market.deposit(Wei(10**18))
                await client.desk.sender.send(deposit, key="money for the benchmark")
                started = time.perf_counter()
                handle = await client.submit(
                    JobRequest(function="matmul", items=items, policy=policy)
                )
                outputs = await handle.result()
                seconds = time.perf_counter() - started
                receipt = await handle.wait_final()
                (task,) = receipt.tasks
                costs = [*receipt.costs, *worker.desk.journal.load_costs(task.task_id)]
    right = [
        np.array_equal(np.asarray(function.decode_output(output)), left @ other)
        for output, (left, other) in zip(outputs, pairs, strict=True)
    ]
    if not all(right) or [cost.call for cost in costs] != ["post_accepted", "settle"]:
        raise ExecutionFailed(f"the batch was not settled as it should be: {costs}")
    return BatchFigures(gas=sum(cost.gas_used for cost in costs), verified_seconds=seconds)
