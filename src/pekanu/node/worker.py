"""The worker's node: it announces, quotes, accepts, computes, delivers and is paid.

What is not here: what a task asks for next (`worker_machine`), how that is done (`worker_role`),
prices and refusals (`worker_terms`), HTTP (`peer_server`).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pekanu.catalog import get, names
from pekanu.chain import Call, MarketContract
from pekanu.chain.market_contract import build_retraction
from pekanu.errors import InvalidMessage, UsageError
from pekanu.market.typed_data import build_acceptance, build_approval, get_signable
from pekanu.node import worker_machine as machine
from pekanu.node.blobs import BlobStore
from pekanu.node.channel_keys import ChannelIdentity, get_key_path
from pekanu.node.executors import Executor
from pekanu.node.input_facts import find_facts, find_program_facts
from pekanu.node.market_desk import MarketDesk
from pekanu.node.market_index import WORKER_ROLE
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.peer_handler import Delivered
from pekanu.node.peer_listener import PeerListener
from pekanu.node.peer_messages import (
    Acceptance,
    AcceptanceRequest,
    ApprovalNotice,
    BlobRef,
    Info,
    KeyOpening,
    Phase,
    Quote,
    QuoteRequest,
    TaskStatus,
)
from pekanu.node.peer_server import build_peer_app
from pekanu.node.peer_wire import decode_message
from pekanu.node.signatures import is_signed_by
from pekanu.node.task_drivers import TaskDrivers
from pekanu.node.worker_defence import WorkerDefence
from pekanu.node.worker_earnings import Earnings, fetch_earnings
from pekanu.node.worker_machine import WorkerStep, WorkerTask
from pekanu.node.worker_role import ROLE, WorkerRole, Workshop
from pekanu.node.worker_searches import WorkerSearches
from pekanu.node.worker_terms import (
    Facts,
    Load,
    WorkerTerms,
    build_offers,
    build_program_offer,
    build_quote,
    check_load,
    check_program,
    check_task,
    get_expiry,
)
from pekanu.settings import get_program_cache
from pekanu.types import Address, Hash32, Wei
from pekanu.version import __version__

#: How long an input is kept for which no task came.
_STRANGER_SECONDS: Final = 6 * 3600.0
#: What a client is told in each step.
_PHASES: Final = {
    WorkerStep.ACCEPTING: Phase.ACCEPTED,
    WorkerStep.EXECUTING: Phase.EXECUTING,
    WorkerStep.SEALING: Phase.SEALING,
    WorkerStep.SHOWING: Phase.SEALED,
    WorkerStep.SETTLING: Phase.SEALED,
    WorkerStep.FAILED: Phase.FAILED,
    WorkerStep.LAPSED: Phase.FINISHED,
    WorkerStep.FINISHED: Phase.FINISHED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerOptions:
    """How a worker's node runs."""

    terms: WorkerTerms = field(default_factory=WorkerTerms)
    #: Where it listens.
    host: str = "127.0.0.1"
    #: 0 takes a free one.
    port: int = 0
    #: What it announces, when that is not where it listens.
    endpoint: str = ""
    #: Take the announcement back at the end.
    retracts: bool = True


def build_announcement(
    market: MarketContract, terms: WorkerTerms, endpoint: str, key: bytes
) -> Call:
    """Build: say where a worker can be reached, by which channel key, and on which terms."""
    return market.announce(WORKER_ROLE, endpoint, key, terms.hash())


class WorkerNode:
    """A worker, which is also the `PeerHandler` of its server.

    Args:
        desk: The account's desk at the market.
        executor: Runs what is sold.
        home: The node's folder.
        options: Terms and addresses.
        draw: Gives secret bytes.
    """

    def __init__(
        self,
        desk: MarketDesk,
        executor: Executor,
        home: Path,
        options: WorkerOptions | None = None,
        *,
        draw: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.desk, self.options = desk, options or WorkerOptions()
        self.terms = self.options.terms.under(
            desk.referees.bisection.address, desk.referees.ringers.address
        )
        self.endpoint = ""
        name = desk.address.lower()
        self.blobs = BlobStore(home / "cache" / name / ROLE, clock=time.time)
        self._key_file = get_key_path(home, desk.address)
        self._shop = Workshop(
            desk=desk,
            blobs=self.blobs,
            executor=executor,
            folder=home / "work" / name / ROLE,
            cache=get_program_cache(home),
            draw=draw,
        )
        self.defence = WorkerDefence(self._shop, self._find)
        self.searches = WorkerSearches(self._shop, self._find)
        self.role = self.build_role()
        self._executor = executor
        self._tasks = TaskDrivers(self.role, desk.watch, kind="task", forget=self._forget)
        self._progress: dict[Hash32, float] = {}
        self._accepting = asyncio.Lock()
        sold = self.terms.functions or tuple(names())
        self._programs = {name: get(name).program_id for name in sold}

    def build_role(self) -> WorkerRole:
        """Return what performs the instructions for this worker's tasks."""
        return WorkerRole(self._shop, self._set_progress, self._is_disputing)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve, and carry on with what the journal holds, while the context is open."""
        identity = ChannelIdentity.load(
            self._key_file, self.desk.account, self.desk.domain, now=time.time()
        )
        app = build_peer_app(self, identity, domain=self.desk.domain, blobs=self.blobs)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._tasks.stop)
            self._resume()
            await stack.enter_async_context(self.defence.disputes.running())
            await stack.enter_async_context(self.searches.cases.running())
            evicting = asyncio.create_task(self._evict())
            stack.callback(evicting.cancel)
            listener = await stack.enter_async_context(
                PeerListener(app, host=self.options.host, port=self.options.port)
            )
            self.endpoint = self.options.endpoint or listener.endpoint
            await self._announce(self.endpoint, identity.binding.key)
            if self.options.retracts:
                stack.push_async_callback(self._retract)
            yield

    async def run(self) -> None:
        """Work until cancelled."""
        async with self.running():
            await asyncio.Event().wait()

    def list_tasks(self, *, live_only: bool = True) -> list[WorkerTask]:
        """Return this worker's tasks, oldest first."""
        found = self.desk.journal.load_states(
            ROLE, chain_id=self.desk.domain.chain_id, live_only=live_only
        )
        return [decode_message(WorkerTask, text.encode()) for text in found]

    async def fetch_earnings(self) -> Earnings:
        """Return what the tasks in the journal brought."""
        return await fetch_earnings(self.desk, self.list_tasks(live_only=False))

    # --- what peers ask ---------------------------------------------------------------------------

    def is_customer(self, peer: Address) -> bool:
        """Return whether a peer has a live task here."""
        return any(task.task.client == peer for task in self._tasks)

    async def fetch_info(self) -> Info:
        """Return what is sold here."""
        return Info(
            worker=self.desk.address,
            chain_id=self.desk.domain.chain_id,
            market=self.desk.domain.market,
            version=__version__,
            functions=build_offers(self.terms, self._programs),
            programs=build_program_offer(self.terms),
            capacity=max(0, self.terms.capacity - len(self._list_busy())),
            max_input_bytes=self.terms.max_input_bytes,
        )

    async def fetch_quote(
        self,
        peer: Address,  # noqa: ARG002 - everybody pays the same
        request: QuoteRequest,
    ) -> Quote:
        """Return a price for a computation."""
        is_sold = self._programs.get(request.function) == request.program_id
        if not (is_sold or request.program_bytes):
            raise PeerRefused("terms", f"{request.function} of this program is not sold here")
        return build_quote(self.terms, request, len(self._list_busy()), self.desk.watch.now)

    async def check_input(self, peer: Address, blob: BlobRef) -> None:
        """Refuse an input that is too large, or from somebody who could not pay."""
        if blob.size > self.terms.max_input_bytes:
            raise PeerRefused("quota", f"inputs have at most {self.terms.max_input_bytes} bytes")
        if (
            not self.is_customer(peer)
            and await self.desk.fetch_ledger(peer) < self.terms.base_price
        ):
            raise PeerRefused(
                "funds", "the client has no money in the market", hint="deposit into it first"
            )

    async def accept(self, peer: Address, request: AcceptanceRequest) -> Acceptance:
        """Return the signed acceptance of a task whose input is held."""
        task_id = request.task.id(self.desk.domain)
        if request.task.client != peer:
            raise PeerRefused("terms", "the task is another client's")
        async with self._accepting:
            known = self._find(task_id)
            if known is None:
                weight = await self._check(peer, request)
                known = self._begin(task_id, request, weight)
        if known.step is not WorkerStep.ACCEPTING:
            raise PeerRefused("terms", "the task was accepted before")
        document = build_acceptance(self.desk.domain, known.task, self.desk.address, known.expiry)
        return Acceptance(
            worker=self.desk.address,
            expiry=known.expiry,
            signature=self.desk.account.sign_typed_data(document),
        )

    async def fetch_status(self, peer: Address, task_id: Hash32) -> TaskStatus:
        """Return where a task stands."""
        return self._get_status(self._get(peer, task_id))

    async def fetch_claim(self, peer: Address, task_id: Hash32) -> Delivered:
        """Return the claim of a sealed task."""
        task = self._get(peer, task_id)
        if task.step is WorkerStep.ACCEPTING:
            self.desk.watch.wake(task_id)  # the client knows earlier that the escrow stands
        if task.claim is None:
            raise PeerRefused("early", f"the task is {task.step.value}")
        folder = self._shop.get_folder(task)
        results = await asyncio.to_thread(folder.load_results)
        return Delivered(claim=task.claim, results=results, ciphertext_size=task.ciphertext_size)

    async def get_ciphertext_path(self, peer: Address, task_id: Hash32) -> Path:
        """Return the finished ciphertext."""
        task = self._get(peer, task_id)
        if task.claim is None:
            raise PeerRefused("early", f"the task is {task.step.value}")
        return self._shop.get_folder(task).ciphertext

    async def fetch_key(self, peer: Address, task_id: Hash32) -> KeyOpening:
        """Return the seal's key, once a reorganization cannot erase the escrow."""
        task = self._get(peer, task_id)
        if task.claim is None or task.key is None or task.blinding is None:
            raise PeerRefused("early", f"the task is {task.step.value}")
        seen = await self.desk.fetch_sighting(task_id)
        if not (seen.state.status.is_bound and seen.is_final):
            raise PeerRefused("early", "the escrow is not final yet")
        return KeyOpening(key=task.key, blinding=task.blinding)

    async def approve(self, peer: Address, notice: ApprovalNotice) -> TaskStatus:
        """Take the client's approval, which must be of the claim that was made here."""
        task = self._get(peer, notice.task_id)
        if task.claim is None:
            raise PeerRefused("early", f"the task is {task.step.value}")
        if task.claim.hash(task.task_id, self.desk.address) != notice.claim_hash:
            raise PeerRefused("terms", "the approval is of another claim")
        document = build_approval(self.desk.domain, task.task, notice.claim_hash)
        if not is_signed_by(peer, get_signable(document), notice.signature):
            raise PeerRefused("terms", "the client did not sign this approval")
        self._tasks.feed(task.task_id, machine.ApprovalTaken(signature=notice.signature))
        return self._get_status(self._tasks.find(task.task_id) or task)

    # --- within -----------------------------------------------------------------------------------

    async def _check(self, peer: Address, request: AcceptanceRequest) -> int:
        """Return the weight of a task that this worker takes; refuse one that it does not."""
        count, max_steps = request.task.count, request.terms.max_steps
        try:
            facts = await asyncio.to_thread(self._find_facts, request)
        except (UsageError, InvalidMessage) as error:
            raise PeerRefused("terms", error.message) from error
        now = await self.desk.watch.refresh()
        check_task(self.terms, request.task, request.agreement, facts, now)
        weight = facts.weigh(facts.count_steps(count, max_steps), count)
        check_load(self.terms, request.task, weight, await self._fetch_load(peer))
        return weight

    def _find_facts(self, request: AcceptanceRequest) -> Facts:
        """Return what is asked for, from the files that are held; blocks."""
        path, count = self.blobs.get_path(request.input.blob_id), request.task.count
        if request.program is not None:
            check_program(self.terms, request.program.size)
            program = self.blobs.get_path(request.program.blob_id)
            return find_program_facts(program, request.terms.max_steps, path, count)
        if request.function not in self._programs:
            raise PeerRefused("terms", f"{request.function} is not sold here")
        return find_facts(get(request.function), path, count)

    def _begin(self, task_id: Hash32, request: AcceptanceRequest, weight: int) -> WorkerTask:
        """Reserve and journal a task, before its acceptance is signed."""
        task = WorkerTask(
            step=WorkerStep.ACCEPTING,
            task_id=task_id,
            task=request.task,
            terms=request.terms,
            search=request.search,
            worker=self.desk.address,
            function=request.function,
            input=request.input,
            program=request.program,
            steps=weight,
            expiry=get_expiry(self.terms, self.desk.watch.now),
        )
        self._hold(task)
        self.role.record(task)
        self._tasks.drive(task.task_id, task)
        return task

    def _resume(self) -> None:
        for task in self.list_tasks():
            with contextlib.suppress(PeerRefused):
                self._hold(task)
            self._tasks.drive(task.task_id, task)

    def _hold(self, task: WorkerTask) -> None:
        """Keep the files of a task until it ends."""
        for blob in (task.input, task.program):
            if blob is not None:
                self.blobs.hold(blob.blob_id, task.task_id.hex())

    def _forget(self, task: WorkerTask) -> None:
        self._progress.pop(task.task_id, None)

    async def _evict(self) -> None:
        """Delete, now and then, what strangers left."""
        while True:
            await asyncio.to_thread(self.blobs.evict, age_seconds=_STRANGER_SECONDS)
            await asyncio.sleep(_STRANGER_SECONDS / 6)

    async def _announce(self, endpoint: str, key: bytes) -> None:
        found = self.desk.watch.index.find_worker(self.desk.address)
        digest = self.terms.hash()
        if found is not None and (found.endpoint, found.channel_key, found.terms_hash) == (
            endpoint,
            key,
            digest,
        ):
            return
        call = build_announcement(self.desk.market, self.terms, endpoint, key)
        await self.desk.sender.send(call, key=f"announce:{secrets.token_hex(16)}")

    async def _retract(self) -> None:
        call = build_retraction(self.desk.market, WORKER_ROLE)
        await self.desk.sender.send(call, key=f"retract:{secrets.token_hex(16)}")

    async def _fetch_load(self, client: Address) -> Load:
        """Return what is promised, as of one block: what is escrowed is not reserved as well."""
        busy, market = self._list_busy(), self.desk.market
        waiting = [one for one in busy if one.step is WorkerStep.ACCEPTING]
        block = hex(await self.desk.chain.fetch_block_number())
        mine, theirs, escrowed = await asyncio.gather(
            market.fetch_ledger(self.desk.address, block),
            market.fetch_ledger(client, block),
            asyncio.gather(*(market.is_known(one.task_id, block) for one in waiting)),
        )
        reserved = [one.task for one, known in zip(waiting, escrowed, strict=True) if not known]
        return Load(
            tasks=len(busy),
            client_tasks=sum(one.task.client == client for one in busy),
            weight=sum(one.steps for one in busy),
            reserved_stake=Wei(sum(task.stake for task in reserved)),
            client_reserved_price=Wei(
                sum(task.price for task in reserved if task.client == client)
            ),
            ledger=mine,
            client_ledger=theirs,
        )

    def _list_busy(self) -> list[WorkerTask]:
        """Return the tasks that hold a slot."""
        tasks = list(self._tasks)
        return [one for one in tasks if one.claim is None and one.step is not WorkerStep.FAILED]

    def _find(self, task_id: Hash32) -> WorkerTask | None:
        driven = self._tasks.find(task_id)
        if driven is not None:
            return driven
        text = self.desk.journal.load_state(ROLE, task_id)
        return None if text is None else decode_message(WorkerTask, text.encode())

    def _get(self, peer: Address, task_id: Hash32) -> WorkerTask:
        task = self._find(task_id)
        if task is None or task.task.client != peer:
            raise PeerRefused("unknown", "there is no such task of yours here")
        return task

    def _is_disputing(self, task_id: Hash32) -> bool:
        return self.defence.disputes.is_playing(task_id) or self.searches.cases.is_playing(task_id)

    def _set_progress(self, task_id: Hash32, progress: float) -> None:
        self._progress[task_id] = progress

    def _get_status(self, task: WorkerTask) -> TaskStatus:
        phase = _PHASES.get(task.step, Phase.DELIVERED)
        progress = self._progress.get(task.task_id, 0.0) if task.claim is None else 1.0
        if phase is Phase.EXECUTING and progress == 0 and not self._executor.free_slots:
            phase = Phase.QUEUED
        return TaskStatus(phase=phase, progress=round(progress * 1_000_000), message=task.message)
