"""What happens in the demonstration, scene by scene.

Each scene is one task between two people who have never traded, with real work: a product of two
500 x 500 matrices of 64-bit integers. Not here: printing (`pekanu.cli`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pekanu import catalog
from pekanu.demo.cheats import GarbageWorker, ScramblingWorker, VanishingWorker
from pekanu.demo.report import Bookkeeper, SceneReport
from pekanu.demo.town import Town
from pekanu.errors import PekanuError
from pekanu.market.state import Status
from pekanu.market.task import Task
from pekanu.node.client import ClientNode
from pekanu.node.client_handle import JobHandle
from pekanu.node.client_job import JobRequest
from pekanu.node.worker import WorkerNode
from pekanu.types import Address, Hash32, format_wei

SIZE: Final = 500


@dataclass(kw_only=True)
class _Stage:
    """A scene while it is played."""

    town: Town
    worker: Address
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    story: list[str] = field(default_factory=list)
    ending: str = ""

    def tell(self, sentence: str) -> None:
        self.story.append(sentence)

    async def submit(self, client: ClientNode) -> JobHandle:
        function = catalog.get("matmul")
        data = function.parse_inputs({"a": self.left, "b": self.right})
        policy = catalog.parse_policy("check")
        request = JobRequest(function="matmul", items=(data,), policy=policy, worker=self.worker)
        return await client.submit(request)

    def is_product(self, output: bytes) -> bool:
        product = catalog.get("matmul").decode_output(output)
        return isinstance(product, np.ndarray) and np.array_equal(product, self.left @ self.right)

    async def wait_bound(self, handle: JobHandle) -> tuple[Hash32, Task]:
        """Return the task once its escrow stands."""
        while True:
            if handle.task is not None:
                state = await self.town.market.fetch_task(handle.task.task_id)
                if state.status is not Status.NONE:
                    return handle.task.task_id, handle.task.task
            await handle.wait_changed(0.1)

    async def play_out(self, task_id: Hash32, task: Task) -> None:
        """Let chain time pass, from one deadline to the next, until the task has ended."""
        state = await self.town.market.fetch_task(task_id)
        skipped = 0
        while not state.status.is_terminal:
            seen = await self.town.settle_down(task_id, state)
            if seen == state:
                skipped += await self.town.pass_time(task, state)
                seen = await self.town.settle_down(task_id, state)
            if seen.status is not state.status:
                self.tell(f"on chain: {seen.status.name.lower()}")
            state = seen
        self.ending = state.status.name.lower()
        if skipped:
            self.tell(f"the development chain's clock was turned on by {skipped} seconds")


Play = Callable[[_Stage, ClientNode], Awaitable[None]]


async def _trade(stage: _Stage, client: ClientNode) -> None:
    handle = await stage.submit(client)
    (output,) = await handle.result()
    receipt = await handle.wait_final()
    verdict = receipt.tasks[-1].verdict
    stage.ending = receipt.tasks[-1].ending
    stage.tell(f"the output was verified before it was paid for: {verdict}")
    right = "equals" if stage.is_product(output) else "DIFFERS FROM"
    stage.tell(f"the product {right} NumPy's")
    stage.tell(f"{format_wei(receipt.paid_wei)} went to the worker")


async def _suffer(stage: _Stage, client: ClientNode) -> None:
    """Buy from a worker that breaks the protocol; tell what the client's node says of it."""
    handle = await stage.submit(client)
    task_id, task = await stage.wait_bound(handle)
    final = asyncio.create_task(handle.wait_final())
    await stage.play_out(task_id, task)
    await final
    try:
        await handle.result()
        stage.tell("the output was accepted")
    except PekanuError as error:
        stage.tell(f"the client is told: {error}")
    last = handle.get_receipt().tasks[-1]
    if last.verdict:
        stage.tell(f"what its node found: {last.verdict}")


async def _vanish(stage: _Stage, client: ClientNode) -> None:
    """Buy, and never come back."""
    handle = await stage.submit(client)
    task_id, task = await stage.wait_bound(handle)
    await client.close()
    stage.tell("the client's node went away as soon as the escrow stood")
    await stage.play_out(task_id, task)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One scene."""

    title: str
    #: What it shows, in a sentence.
    lesson: str
    worker: type[WorkerNode]
    play: Play


SCENES: Final = (
    Scene(
        title="Both are honest",
        lesson="Output for price, in two transactions.",
        worker=WorkerNode,
        play=_trade,
    ),
    Scene(
        title="The worker delivers garbage, well sealed",
        lesson=(
            "The check finds it and nothing is approved; but no referee is named yet who could "
            "refuse it on chain, so the price is lost (SECURITY.md)."
        ),
        worker=GarbageWorker,
        play=_suffer,
    ),
    Scene(
        title="The worker seals something else",
        lesson="One wrong place, shown in one transaction: price and stake go to the client.",
        worker=ScramblingWorker,
        play=_suffer,
    ),
    Scene(
        title="The worker vanishes",
        lesson="Not delivered in time: price and stake go to the client.",
        worker=VanishingWorker,
        play=_suffer,
    ),
    Scene(
        title="The client vanishes",
        lesson="The worker delivers on chain and is paid after the audit.",
        worker=WorkerNode,
        play=_vanish,
    ),
)


async def play(town: Town, scene: Scene) -> SceneReport:
    """Return what came of a scene.

    Args:
        town: Where it is played.
        scene: Which.
    """
    buyer, seller = town.take_account(), town.take_account()
    draw = np.random.default_rng(SCENES.index(scene))
    limits = np.iinfo(np.int64)
    left, right = (
        draw.integers(limits.min, limits.max, size=(SIZE, SIZE), dtype=np.int64) for _ in range(2)
    )
    stage = _Stage(town=town, worker=seller.address, left=left, right=right)
    parties = {"client": buyer.address, "worker": seller.address}
    books = Bookkeeper(town.chain, town.market, parties)
    await books.open()
    started = time.perf_counter()
    async with town.open_worker(seller, scene.worker), town.open_client(buyer) as client:
        await scene.play(stage, client)
    seconds = time.perf_counter() - started
    balances, expenses = await books.close()
    return SceneReport(
        title=scene.title,
        story=tuple(stage.story),
        ending=stage.ending,
        balances=balances,
        expenses=expenses,
        seconds=seconds,
    )
