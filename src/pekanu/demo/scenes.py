"""What happens in the demonstration, scene by scene.

Each scene is one task between two people who have never traded, with real work: a product of two
250 x 250 matrices of 64-bit integers. Not here: printing (`pekanu.cli`).
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
from pekanu.demo.cheats import (
    AccusingClient,
    LyingWorker,
    ScramblingWorker,
    VanishingWorker,
)
from pekanu.demo.lies import Lie, falsify_output
from pekanu.demo.report import Bookkeeper, SceneReport
from pekanu.demo.town import Town
from pekanu.errors import PekanuError
from pekanu.market.state import Status
from pekanu.market.task import Task
from pekanu.node.client import ClientNode
from pekanu.node.client_handle import JobHandle
from pekanu.node.client_job import JobRequest
from pekanu.node.client_machine import ClientStep, ClientTask
from pekanu.node.dispute_story import DisputeStory, fetch_story
from pekanu.node.worker import WorkerNode
from pekanu.node.worker_machine import WorkerStep
from pekanu.types import Address, Hash32, format_wei

SIZE: Final = 250


@dataclass(kw_only=True)
class _Stage:
    """A scene while it is played."""

    town: Town
    worker: Address
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    story: list[str] = field(default_factory=list)
    ending: str = ""
    dispute: DisputeStory | None = None
    #: Those whose nodes are up.
    worker_node: WorkerNode | None = None
    client_node: ClientNode | None = None

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
            if seen == state and not self.is_busy():
                skipped += await self.town.pass_time(task, state)
                seen = await self.town.settle_down(task_id, state)
            if seen.status is not state.status:
                self.tell(f"on chain: {seen.status.name.lower()}")
            state = seen
        self.ending = state.status.name.lower()
        if skipped:
            self.tell(f"the development chain's clock was turned on by {skipped} seconds")

    def is_busy(self) -> bool:
        """Say whether somebody computes or plays, so that nobody waits for the clock."""
        client, worker = self.client_node, self.worker_node
        tries = client.load_tasks(live_only=True) if client is not None else []
        if any(one.step in _AT_WORK or (one.is_wrong and _may_object(one)) for one in tries):
            return True
        if worker is None or isinstance(worker, VanishingWorker):
            return False
        return any(
            one.step in (WorkerStep.EXECUTING, WorkerStep.SEALING) for one in worker.list_tasks()
        )

    async def tell_dispute(self, client: ClientNode, task_id: Hash32) -> None:
        """Tell how the dispute about a task went, if there was one."""
        for record in client.desk.watch.disputes.iterate(task_id=task_id):
            self.dispute = story = await fetch_story(client.desk.chain, record)
            lengths = [f"{move.last - move.first:,}" for move in story.moves if move.points]
            self.tell(f"the dispute: {' → '.join(lengths)} steps, {len(story.moves)} transactions")


#: Steps in which a client computes.
_AT_WORK: Final = (ClientStep.FETCHING, ClientStep.OPENING, ClientStep.VERIFYING)


def _may_object(task: ClientTask) -> bool:
    """Say whether a client still does something about wrong outputs, now that it can."""
    return task.is_claim_on_chain and not task.is_resigned


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
    await stage.tell_dispute(client, task_id)
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
    stage.client_node = None
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
    client: type[ClientNode] = ClientNode


class _OneBitWorker(LyingWorker):
    """Says that one bit of the output was another from two thirds of the run on."""

    lie = Lie(lambda end: 2 * end // 3, falsify_output)


SCENES: Final = (
    Scene(
        title="Both are honest",
        lesson="Output for price, in two transactions.",
        worker=WorkerNode,
        play=_trade,
    ),
    Scene(
        title="The worker changes one bit of the output, and seals that well",
        lesson=(
            "The check finds it, and the referee narrows hundreds of millions of steps to one "
            "instruction: the price comes back, with the whole stake."
        ),
        worker=_OneBitWorker,
        play=_suffer,
    ),
    Scene(
        title="The client challenges a correct result",
        lesson="The same game, won by the worker: it gets the client's bond, and then its price.",
        worker=WorkerNode,
        play=_suffer,
        client=AccusingClient,
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
    async with (
        town.open_worker(seller, scene.worker) as worker,
        town.open_client(buyer, scene.client) as client,
    ):
        stage.worker_node, stage.client_node = worker, client
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
        dispute=stage.dispute,
    )
