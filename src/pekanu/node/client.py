"""The client's node: it buys a computation, start to end, and goes on with the next worker.

What is not here: what a try asks for next (`client_machine`), how that is done (`client_role`),
how workers are found and ranked (`offers`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Final, Self

from pekanu import catalog
from pekanu.chain.events import Announced
from pekanu.errors import InsufficientFunds
from pekanu.node import client_machine as machine
from pekanu.node.blobs import BlobStore
from pekanu.node.channel_keys import ChannelIdentity
from pekanu.node.client_challenge import ClientChallenges
from pekanu.node.client_draft import build_demand, build_job
from pekanu.node.client_handle import Confirm, JobHandle
from pekanu.node.client_job import ClientJob, JobRequest
from pekanu.node.client_role import ROLE, UNBOUND, ClientRole, Office
from pekanu.node.client_search import SearchDraft
from pekanu.node.client_searches import ClientSearches
from pekanu.node.client_task import ClientStep, ClientTask, WorkerRef
from pekanu.node.court import Trial
from pekanu.node.market_desk import MarketDesk
from pekanu.node.offers import Answers, Demand, Offer, ask_workers, draft_task
from pekanu.node.peer_client import PeerClient
from pekanu.node.peer_line import PeerAddress
from pekanu.node.peer_messages import BlobRef
from pekanu.node.peer_talk import PeerPatience
from pekanu.node.peer_wire import decode_message, encode_message
from pekanu.node.wares import Ware, find_ware
from pekanu.settings import get_program_cache
from pekanu.types import ZERO_HASH, Address, Hash32, Wei, format_wei

#: A worker on the network answers within seconds or is not there.
#: Tries at once that ask for an acceptance, or post it.
_ENTRIES: Final = 32
_PATIENCE: Final = PeerPatience(connect_seconds=3.0, read_seconds=30.0, patience_seconds=3.0)


class ClientNode:
    """A client; made by `open_client`.

    Args:
        desk: The account's desk at the market.
        home: The node's folder.
        identity: The client's channel key.
        draw: Gives bytes that nobody can foresee.
    """

    def __init__(
        self,
        desk: MarketDesk,
        home: Path,
        identity: ChannelIdentity,
        *,
        draw: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.desk = desk
        name = desk.address.lower()
        self.office = Office(
            desk=desk,
            blobs=BlobStore(home / "cache" / name / ROLE, clock=time.time),
            folder=home / "work" / name / ROLE,
            cache=get_program_cache(home),
            draw=draw,
            connect=self.connect,
        )
        self.challenges = ClientChallenges(self.office, self._find)
        #: Who may demand, complain and challenge for the client, where a request names nobody.
        self.agent: Address | None = None
        self.searches = ClientSearches(self.office, self._find)
        self._identity = identity
        self._peers: dict[WorkerRef, PeerClient] = {}
        #: Held by tries whose escrow does not stand yet.
        self.entries = asyncio.Semaphore(_ENTRIES)
        self._stack = AsyncExitStack()
        self._handles: list[JobHandle] = []
        self._drafting = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, desk: MarketDesk, home: Path) -> AsyncIterator[Self]:
        """Yield a node; jobs that are left unfinished wait for `resume`."""
        identity = ChannelIdentity.from_wallet(desk.account, desk.domain, now=time.time())
        node = cls(desk, home, identity)
        async with node.running():
            yield node

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Play what disputes there are while the context is open; stop following jobs then."""
        async with self.challenges.disputes.running(), self.searches.cases.running():
            try:
                yield
            finally:
                await self.close()

    async def ask_workers(self, job: ClientJob) -> Answers:
        """Return what workers that have not failed say to a job."""
        found = [
            build_ref(one)
            for one in self.desk.watch.index.list_workers()
            if one.account not in job.tried
            and one.account != self.desk.address
            and job.worker in (None, one.account)
        ]
        watch = self.desk.watch
        return await ask_workers(
            self._get_demand(job), found, watch.index, self.connect, await watch.refresh()
        )

    async def quote(self, request: JobRequest) -> list[Offer]:
        """Return what workers ask for a computation; nothing is kept or signed."""
        job = await asyncio.to_thread(self._build_job, request)
        return (await self.ask_workers(job)).offers

    async def submit(self, request: JobRequest, *, confirm: Confirm | None = None) -> JobHandle:
        """Return a job that was journaled and begun.

        Args:
            request: What is wanted.
            confirm: Shown each offer (price, risk, longest duration) before anything is signed.

        Raises:
            InvalidInput: The input does not fit the function.
            InvalidPolicy: The function cannot be verified so.
        """
        job = await asyncio.to_thread(self._build_job, request)
        self.record_job(job)
        return self._start(job, confirm)

    async def resume(self, *, confirm: Confirm | None = None) -> list[JobHandle]:
        """Return the jobs that a former process left unfinished, begun again.

        Tries of finished jobs that have not ended on chain are watched to their end too.
        """
        found = [decode_message(ClientJob, text.encode()) for text in self._load_jobs(live=False)]
        watched = [
            job
            for job in found
            if not job.is_done or any(one.step.is_live for one in self.load_tasks(job.job_id))
        ]
        return [self._start(job, confirm) for job in watched]

    def load_tasks(self, job_id: str | None = None, *, live_only: bool = False) -> list[ClientTask]:
        """Return this client's tries, oldest first."""
        found = self.desk.journal.load_states(
            ROLE, chain_id=self.desk.domain.chain_id, live_only=live_only, job_id=job_id
        )
        return [decode_message(ClientTask, text.encode()) for text in found]

    def record_job(self, job: ClientJob) -> None:
        """Write a job to the journal."""
        self.desk.journal.record_job(
            job.job_id,
            encode_message(job).decode(),
            self.desk.watch.now,
            is_live=not job.is_done,
        )

    async def draft(self, job: ClientJob, offer: Offer) -> ClientTask:
        """Return a try with a worker, journaled before anything is done for it.

        Raises:
            InsufficientFunds: Ledger and wallet together do not cover the price.
        """
        async with self._drafting:
            task = draft_task(
                self._get_demand(job),
                offer.quote,
                now=await self.desk.watch.refresh(),
                salt=Hash32(secrets.token_bytes(32)),
            )
            deposit = await self._get_missing(offer.price)
            hidden = await asyncio.to_thread(self._hide_ringers, job) if job.is_search else None
            search = None
            if hidden is not None:
                search = hidden.build_terms(offer.terms, Wei(offer.quote.bond))
                task = replace(task, terms=search.hash())
            task_id = task.id(self.desk.domain)
            drafted = ClientTask(
                step=ClientStep.FUNDING if deposit else ClientStep.ASKING,
                task_id=task_id,
                job_id=job.job_id,
                task=task,
                terms=offer.terms,
                search=search,
                ringers=() if hidden is None else hidden.planted.ringers,
                salt=ZERO_HASH if hidden is None else Hash32(hidden.planted.salt),
                worker=offer.worker,
                function=job.function,
                input=job.input if hidden is None else self._store(hidden.content),
                program=job.program,
                deposit=deposit,
                patience=machine.get_patience(task.audit_window),
            )
            self.office.hold(drafted)
            self.office.get_folder(drafted).create()
            self.build_role(job, lambda _: None).record(drafted)
            return drafted

    def build_role(self, job: ClientJob, set_progress: Callable[[float], None]) -> ClientRole:
        """Return what performs the instructions for a job."""
        court = self.searches if job.is_search else self.challenges
        return ClientRole(self.office, job, set_progress, court)

    def get_trial(self, task: ClientTask) -> Trial | None:
        """Return how the challenge of a try stands, if it was begun."""
        court = self.challenges if task.search is None else self.searches
        return court.get_trial(task)

    async def wait_over(self, task: ClientTask) -> None:
        """Return once no challenge of a try is under way."""
        court = self.challenges if task.search is None else self.searches
        await court.wait_over(task)

    def find_ware(self, job: ClientJob) -> Ware:
        """Return what a job computes."""
        return find_ware(job.function, job.program, self.office.blobs)

    async def connect(self, worker: WorkerRef) -> PeerClient:
        """Return the line to a worker, kept open; where it announces itself now, if it moved."""
        found = self.desk.watch.index.find_worker(worker.address)
        if found is not None:
            worker = build_ref(found)
        if worker not in self._peers:
            address = PeerAddress(
                endpoint=worker.endpoint,
                worker=worker.address,
                channel_key=worker.channel_key,
                domain=self.desk.domain,
            )
            peer = PeerClient(address, self._identity, patience=_PATIENCE)
            self._peers[worker] = await self._stack.enter_async_context(peer)
        return self._peers[worker]

    async def close(self) -> None:
        """Stop following all jobs; the journal keeps where they stand."""
        for handle in self._handles:
            await handle.stop()
        await self._stack.aclose()

    def _start(self, job: ClientJob, confirm: Confirm | None) -> JobHandle:
        handle = JobHandle(self, job, confirm)
        self._handles.append(handle)
        return handle

    def _find(self, task_id: Hash32) -> ClientTask | None:
        text = self.desk.journal.load_state(ROLE, task_id)
        return None if text is None else decode_message(ClientTask, text.encode())

    def _load_jobs(self, *, live: bool) -> list[str]:
        return self.desk.journal.load_jobs(live_only=live)

    def _build_job(self, request: JobRequest) -> ClientJob:
        agent = request.agent or self.agent
        return build_job(replace(request, agent=agent), self._store, self.office.draw)

    def _store(self, file: bytes) -> BlobRef:
        blob_id = self.office.blobs.put_file(BytesIO(file), self.desk.address)
        return BlobRef(blob_id=blob_id, size=len(file))

    def _hide_ringers(self, job: ClientJob) -> SearchDraft:
        content = self.office.blobs.get_path(job.input.blob_id).read_bytes()
        function = catalog.get(job.function)
        return SearchDraft.plant(function, content, job.ringers, self.office.draw)

    def _get_demand(self, job: ClientJob) -> Demand:
        referees = self.desk.referees
        referee = referees.ringers if job.is_search else referees.bisection
        return build_demand(job, self.desk.address, referee.address)

    async def _get_missing(self, price: Wei) -> Wei:
        """Return what must be deposited, beside what other tries have reserved."""
        reserved = sum(
            one.task.price for one in self.load_tasks(live_only=True) if one.step in UNBOUND
        )
        address = self.desk.address
        ledger, wallet = await asyncio.gather(
            self.desk.fetch_ledger(), self.desk.chain.get_balance(address)
        )
        missing = Wei(max(0, price - max(0, ledger - reserved)))
        if missing and wallet <= missing:
            raise InsufficientFunds(
                f"{address} has {format_wei(wallet)} and {format_wei(ledger)} in the market, "
                f"which does not cover {format_wei(price)} and gas",
                hint="fund the account, or lower the price",
            )
        return missing


def build_ref(announced: Announced) -> WorkerRef:
    """Return where a worker says that it is reached."""
    return WorkerRef(
        address=announced.account,
        endpoint=announced.endpoint,
        channel_key=Hash32(announced.channel_key),
    )


@asynccontextmanager
async def open_client(desk: MarketDesk, home: Path) -> AsyncIterator[ClientNode]:
    """Yield a client's node; jobs that are left unfinished wait for `resume`."""
    async with ClientNode.open(desk, home) as node:
        yield node
