"""What happens in the demonstration, scene by scene.

Each scene is one task between two people who have never traded, with real work (`goods`). Not here:
printing (`pekanu.cli`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from pekanu.demo.cheats import (
    AccusingClient,
    LyingWorker,
    ScramblingWorker,
    SkippingWorker,
    VanishingWorker,
)
from pekanu.demo.goods import Goods, MatrixProduct, PasswordSearch
from pekanu.demo.lies import Lie, falsify_output
from pekanu.demo.report import Bookkeeper, SceneReport
from pekanu.demo.town import Town
from pekanu.errors import PekanuError
from pekanu.market.state import Status
from pekanu.market.task import Task
from pekanu.node.case_machine import CaseStep
from pekanu.node.client import ClientNode
from pekanu.node.client_handle import JobHandle
from pekanu.node.client_task import ClientStep, ClientTask
from pekanu.node.dispute_story import DisputeStory, fetch_story
from pekanu.node.worker import WorkerNode
from pekanu.node.worker_machine import WorkerStep
from pekanu.types import Address, Hash32, format_wei


@dataclass(kw_only=True)
class _Stage:
    """A scene while it is played."""

    town: Town
    worker: Address
    goods: Goods
    story: list[str] = field(default_factory=list)
    ending: str = ""
    dispute: DisputeStory | None = None
    #: Those whose nodes are up.
    worker_node: WorkerNode | None = None
    client_node: ClientNode | None = None

    def tell(self, sentence: str) -> None:
        self.story.append(sentence)

    async def submit(self, client: ClientNode) -> JobHandle:
        return await client.submit(self.goods.build_request(self.worker))

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
                skipped += await self.town.pass_time(task, state, self._get_case_deadlines(task_id))
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
        if any(one.step in _AT_WORK or self._is_objecting(one) for one in tries):
            return True
        if worker is None or isinstance(worker, VanishingWorker):
            return False
        return any(
            one.step in (WorkerStep.EXECUTING, WorkerStep.SEALING) for one in worker.list_tasks()
        )

    def _is_objecting(self, task: ClientTask) -> bool:
        """Say whether a client does something about wrong outputs, now that it can."""
        if not (task.is_wrong and task.is_claim_on_chain) or task.is_resigned:
            return False
        if task.search is None or task.step is not ClientStep.DISPUTING or not self.client_node:
            return True
        # In a case the other side may owe the move, until its time is over.
        cases = self.client_node.searches.cases.list_tasks(task_id=task.task_id)
        return any(one.step is not CaseStep.WAITING for one in cases)

    def _get_case_deadlines(self, task_id: Hash32) -> list[int]:
        if self.client_node is None:
            return []
        cases = self.client_node.desk.referees.cases.iterate(task_id=task_id)
        return [one.case.deadline for one in cases if one.is_refuted is None]

    async def tell_dispute(self, client: ClientNode, task_id: Hash32) -> None:
        """Tell how the dispute about a task went, if there was one."""
        for record in client.desk.referees.disputes.iterate(task_id=task_id):
            self.dispute = story = await fetch_story(client.desk.chain, record)
            lengths = [f"{move.last - move.first:,}" for move in story.moves if move.points]
            self.tell(f"the dispute: {' → '.join(lengths)} steps, {len(story.moves)} transactions")


#: Steps in which a client computes.
_AT_WORK: Final = (ClientStep.FETCHING, ClientStep.OPENING, ClientStep.VERIFYING)


Play = Callable[[_Stage, ClientNode], Awaitable[None]]


async def _trade(stage: _Stage, client: ClientNode) -> None:
    handle = await stage.submit(client)
    (output,) = await handle.result()
    receipt = await handle.wait_final()
    verdict = receipt.tasks[-1].verdict
    stage.ending = receipt.tasks[-1].ending
    stage.tell(f"the output was verified before it was paid for: {verdict}")
    stage.tell(stage.goods.judge(output))
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
    #: What is bought, for the scene's number.
    goods: Callable[[int], Goods] = MatrixProduct


def _search(_number: int) -> Goods:
    return PasswordSearch()


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
    Scene(
        title="A search for a forgotten password, both are honest",
        lesson=(
            "The client has hidden secret solutions among what it asks for; they are found, so it "
            "pays without searching anything itself."
        ),
        worker=WorkerNode,
        play=_trade,
        goods=_search,
    ),
    Scene(
        title="The worker searches half, and says that it searched all",
        lesson=(
            "A hidden solution is missing from its list, between two neighbours that are shown on "
            "chain: price and stake go to the client."
        ),
        worker=SkippingWorker,
        play=_suffer,
        goods=_search,
    ),
    Scene(
        title="The client of a search never opens its ringers",
        lesson="Nobody needs to see them: the worker is paid after the audit.",
        worker=WorkerNode,
        play=_vanish,
        goods=_search,
    ),
)


async def play(town: Town, scene: Scene) -> SceneReport:
    """Return what came of a scene.

    Args:
        town: Where it is played.
        scene: Which.
    """
    buyer, seller = town.take_account(), town.take_account()
    stage = _Stage(town=town, worker=seller.address, goods=scene.goods(SCENES.index(scene)))
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
