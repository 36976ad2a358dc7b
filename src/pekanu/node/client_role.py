"""Performing what a client's machine says: ask the worker, verify, send.

What is not here: what to do next (`client_machine`), which worker (`offers`, `client`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never

from pekanu import catalog
from pekanu.chain import Call
from pekanu.chain.events import ChunksSupplied, Refuted
from pekanu.crypto import pedersen
from pekanu.errors import (
    InsufficientFunds,
    InvalidMessage,
    InvalidProof,
    JournalError,
    PekanuError,
    ProtocolError,
    TransactionReverted,
    UsageError,
)
from pekanu.market import delivery
from pekanu.market.claim import Result
from pekanu.market.state import GROUP, Status
from pekanu.market.typed_data import build_acceptance, build_approval, get_signable
from pekanu.node import client_events
from pekanu.node import client_machine as machine
from pekanu.node.batch_file import split_items
from pekanu.node.blobs import BlobStore
from pekanu.node.client_events import Ask, ClientCall
from pekanu.node.client_job import ClientJob
from pekanu.node.client_search import OpenedSearch
from pekanu.node.client_task import ClientStep, ClientTask, SearchFault, WorkerRef
from pekanu.node.court import Court
from pekanu.node.delivery_folder import DeliveryFolder
from pekanu.node.journal import Entry
from pekanu.node.market_desk import MarketDesk
from pekanu.node.peer_client import PeerClient
from pekanu.node.peer_errors import PeerRefused, PeerUnreachable
from pekanu.node.peer_messages import AcceptanceRequest, ApprovalNotice
from pekanu.node.peer_wire import encode_message
from pekanu.node.polls import Polls
from pekanu.node.signatures import is_signed_by
from pekanu.node.task_driver import Look
from pekanu.node.verification import Verification, Verifier
from pekanu.node.wares import find_ware
from pekanu.types import Wei

ROLE: Final = "client"
#: Steps in which no escrow stands yet.
UNBOUND: Final = (ClientStep.FUNDING, ClientStep.ASKING, ClientStep.POSTING)
#: The ledger covers the price, so that nothing goes with the call.
_NOTHING: Final = Wei(0)
#: Refusals of a task that pass with time.
_PASSING: Final = frozenset({"busy", "quota"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Office:
    """What a client works with."""

    desk: MarketDesk
    blobs: BlobStore
    #: A folder for each task.
    folder: Path
    #: Compiled programs.
    cache: Path
    #: Gives bytes that nobody can foresee.
    draw: Callable[[int], bytes]
    connect: Callable[[WorkerRef], Awaitable[PeerClient]]
    polls: Polls = field(default_factory=Polls)

    def hold(self, task: ClientTask) -> None:
        """Keep the files of a task until it ends."""
        for blob in (task.input, task.program):
            if blob is not None:
                self.blobs.hold(blob.blob_id, task.task_id.hex())

    def release(self, task: ClientTask) -> None:
        """Give back the files that a task held."""
        for blob in (task.input, task.program):
            if blob is not None:
                self.blobs.release(blob.blob_id, task.task_id.hex())

    def get_folder(self, task: ClientTask) -> DeliveryFolder:
        """Return where a task's delivery lies."""
        return DeliveryFolder(self.folder / task.task_id.hex(), task.task_id, task.task.count)


class ClientRole:
    """The client's side of a `TaskDriver`, for one job.

    Args:
        office: What it works with.
        job: Whose tries these are.
        set_progress: Told how far the worker is, 0 to 1.
        court: Where wrong results are taken.
    """

    def __init__(
        self,
        office: Office,
        job: ClientJob,
        set_progress: Callable[[float], None],
        court: Court[ClientTask],
    ) -> None:
        self._office, self._desk, self._job = office, office.desk, job
        self._set_progress, self._court = set_progress, court
        #: Why a try ended that no other worker can help.
        self.failure: PekanuError | None = None
        #: The last try ended because the worker has no room now.
        self.is_busy = False
        #: Likewise because it gave no answer.
        self.is_unreachable = False

    def handle(
        self, task: ClientTask, event: client_events.ClientEvent
    ) -> tuple[ClientTask, Sequence[client_events.ClientInstruction]]:
        """Return the machine's move."""
        return machine.handle(task, event)

    def record(self, task: ClientTask) -> None:
        """Write a task to the journal."""
        domain = self._desk.domain
        entry = Entry(
            role=ROLE,
            task_id=task.task_id,
            chain_id=domain.chain_id,
            market=domain.market,
            step=task.step.value,
            is_live=task.step.is_live,
            state=encode_message(task).decode(),
            job_id=task.job_id,
        )
        self._desk.journal.record(entry, self._desk.watch.now)

    async def look(self, task: ClientTask) -> Look[client_events.ClientEvent]:
        """Return what the chain says of a task."""
        seen = await self._desk.fetch_sighting(task.task_id)
        index = self._desk.watch.index
        refuted = index.find_last(task.task_id, Refuted)
        event = client_events.ChainSeen(
            state=seen.state,
            # Who proved the fault is told by an event, which may come a moment later.
            is_final=seen.is_final and (seen.state.status is not Status.REFUTED or bool(refuted)),
            now=self._desk.watch.now,
            claim=index.find_claim(task.task_id),
            refuted_by=refuted.challenger if refuted else None,
            trial=self._court.get_trial(task),
        )
        return Look(event=event, times=machine.get_wake_times(task, seen.state))

    def is_live(self, task: ClientTask) -> bool:
        """Return whether anything is left to do."""
        return task.step.is_live

    def is_droppable(self, instruction: client_events.ClientInstruction) -> bool:
        """Return whether it is given up when nobody asks for it any more."""
        return isinstance(instruction, Ask)

    async def perform(  # noqa: PLR0911 - one return a case
        self, task: ClientTask, instruction: client_events.ClientInstruction
    ) -> client_events.ClientEvent | None:
        """Do what the machine says; return what came of it."""
        match instruction:
            case client_events.Send(call):
                return await self._send(task, call)
            case client_events.Close():
                self._office.release(task)
                return None
            case Ask.ACCEPTANCE:
                return await self._ask_acceptance(task)
            case Ask.KEY_ON_CHAIN:
                found = self._desk.watch.index.find_key(task.task_id)
                return (
                    client_events.KeyHeld(key=found.key, blinding=found.blinding) if found else None
                )
            case Ask.VERDICT:
                return await asyncio.to_thread(self._judge, task)
            case Ask.APPROVAL:
                await self._approve(task)
                return None
            case Ask.CULPRIT:
                return await self._find_culprit(task)
            case client_events.BeginDispute():
                self._court.begin(task)
                self._desk.watch.wake(task.task_id)
                return None
            case Ask.CLAIM | Ask.CIPHERTEXT | Ask.KEY:
                return await self._fetch(task, instruction)
            case _:
                assert_never(instruction)

    # --- the worker's node ------------------------------------------------------------------------

    async def _ask_acceptance(self, task: ClientTask) -> client_events.ClientEvent:
        request = AcceptanceRequest(
            task=task.task,
            terms=task.terms,
            search=task.search,
            function=task.function,
            input=task.input,
            program=task.program,
        )
        try:
            peer = await self._office.connect(task.worker)
            for blob in (task.program, task.input):
                if blob is not None:
                    with self._office.blobs.get_path(blob.blob_id).open("rb") as source:
                        await peer.upload_input(blob, source)
            found = await peer.accept(request)
        except ProtocolError as error:
            self.is_busy = isinstance(error, PeerRefused) and error.code in _PASSING
            self.is_unreachable = isinstance(error, PeerUnreachable) and error.may_pass
            return client_events.AcceptanceRefused(message=error.message)
        document = build_acceptance(self._desk.domain, task.task, task.worker.address, found.expiry)
        if found.worker != task.worker.address or not is_signed_by(
            task.worker.address, get_signable(document), found.signature
        ):
            return client_events.AcceptanceRefused(message="the worker's acceptance is not signed")
        return client_events.AcceptanceHeld(expiry=found.expiry, signature=found.signature)

    async def _fetch(self, task: ClientTask, question: Ask) -> client_events.ClientEvent | None:
        """Get a part of the delivery; what does not hold under the claim is the worker's lie."""
        peer = await self._office.connect(task.worker)
        fetch = {
            Ask.CLAIM: self._fetch_claim,
            Ask.CIPHERTEXT: self._fetch_ciphertext,
            Ask.KEY: self._fetch_key,
        }[question]
        try:
            return await fetch(task, peer)
        except (PeerUnreachable, PeerRefused):
            raise
        except (ProtocolError, UsageError) as error:
            return client_events.PeerLied(message=error.message)

    async def _fetch_claim(self, task: ClientTask, peer: PeerClient) -> client_events.ClientEvent:
        async def report() -> None:
            self._set_progress((await peer.fetch_status(task.task_id)).progress / 1_000_000)

        found = await self._office.polls.ask(
            lambda: peer.fetch_claim(task.task_id, task.task.count), between=report
        )
        if task.claim is not None and found.claim != task.claim:
            raise InvalidProof("the worker shows another claim than the one on chain")
        folder = self._office.get_folder(task)
        await asyncio.to_thread(folder.store_results, found.claim, found.results)
        return client_events.ClaimHeld(claim=found.claim)

    async def _fetch_ciphertext(
        self, task: ClientTask, peer: PeerClient
    ) -> client_events.ClientEvent:
        folder = self._office.get_folder(task)
        if task.claim is None:
            raise JournalError("a ciphertext is to be fetched before there is a claim")
        size = folder.get_ciphertext_size()
        await peer.download_ciphertext(task.task_id, size, folder.ciphertext)
        try:
            await asyncio.to_thread(folder.check_ciphertext, task.claim)
        except (InvalidProof, InvalidMessage):
            folder.ciphertext.unlink(missing_ok=True)
            raise
        return client_events.CiphertextHeld()

    async def _fetch_key(self, task: ClientTask, peer: PeerClient) -> client_events.ClientEvent:
        if task.claim is None:
            raise JournalError("a key is to be fetched before there is a claim")
        found = await self._office.polls.ask(lambda: peer.fetch_key(task.task_id))
        point = (task.claim.key_x, task.claim.key_y)
        # Through a thread: two multiplications on the curve.
        if not await asyncio.to_thread(pedersen.is_opening, point, found.key, found.blinding):
            raise InvalidProof("the worker's key does not open its commitment")
        return client_events.KeyHeld(key=found.key, blinding=found.blinding)

    async def _approve(self, task: ClientTask) -> None:
        if task.claim is None or not task.is_verified:
            raise JournalError("an approval is to be signed before the output is verified")
        digest = task.claim.hash(task.task_id, task.worker.address)
        document = build_approval(self._desk.domain, task.task, digest)
        notice = ApprovalNotice(
            task_id=task.task_id,
            claim_hash=digest,
            signature=await self._desk.sign_typed_data(document),
        )
        peer = await self._office.connect(task.worker)
        await peer.approve(notice)

    # --- verification -----------------------------------------------------------------------------

    def _judge(self, task: ClientTask) -> client_events.ClientEvent:
        """Open the outputs and verify them under the job's policy; blocks."""
        if task.key is None:
            raise JournalError("an output is to be opened without a key")
        folder = self._office.get_folder(task)
        try:
            outputs = folder.audit(task.key)
        except (ProtocolError, UsageError) as error:
            # Of a search the ringers can be asked for, whatever the list is.
            fault = SearchFault(kind="ringers") if task.search else None
            return client_events.OutputRefused(what=error.message, fault=fault)
        if isinstance(outputs, delivery.Complaint):
            return client_events.SealBroken()
        if task.search is not None:
            return self._judge_search(task, outputs[0], folder)
        found = self._verify(outputs, folder.load_results())
        if found.wrong_item is not None:
            return client_events.OutputRefused(what=found.verdict.what, item=found.wrong_item)
        folder.store_outputs(outputs)
        return client_events.OutputVerified(what=found.verdict.what)

    def _judge_search(
        self, task: ClientTask, output: bytes, folder: DeliveryFolder
    ) -> client_events.ClientEvent:
        """Look for the ringers in an opened list, and for faults; blocks."""
        blobs, function = self._office.blobs, catalog.get(task.function)
        opened = OpenedSearch.load(function, task, blobs.get_path(task.input.blob_id))
        verdict, fault, points = opened.audit(output, folder.load_results()[0])
        if fault is not None:
            return client_events.OutputRefused(what=verdict.what, item=0, fault=fault)
        wanted = blobs.get_path(self._job.input.blob_id).read_bytes()
        folder.store_outputs([function.format_points(wanted, points)])
        return client_events.OutputVerified(what=verdict.what)

    def _verify(self, outputs: Sequence[bytes], results: Sequence[Result]) -> Verification:
        job = self._job
        path = self._office.blobs.get_path(job.input.blob_id)
        items = split_items(path.read_bytes(), job.count)
        verifier = Verifier(
            ware=find_ware(job.function, job.program, self._office.blobs),
            policy=catalog.parse_policy(job.policy),
            max_steps=job.max_steps,
            cache=self._office.cache,
            draw=self._office.draw,
        )
        return verifier.verify(items, results, outputs)

    async def _find_culprit(self, task: ClientTask) -> client_events.ClientEvent:
        item = await self._court.find_culprit(task)
        if item is None:
            return client_events.NoCulprit()
        number = int.from_bytes(self._office.draw(8), "big")
        return client_events.CulpritFound(item=item, number=number)

    # --- the chain --------------------------------------------------------------------------------

    async def _send(self, task: ClientTask, call: ClientCall) -> client_events.ClientEvent | None:
        if call is ClientCall.DEPOSIT:
            return await self._deposit(task)
        if call is ClientCall.POST_ACCEPTED:
            return await self._post(task)
        if call is ClientCall.DEMAND_CHUNKS:
            return await self._demand_chunks(task)
        await self._send_built(task, await self._build(task, call), call.value)
        return None

    async def _build(self, task: ClientTask, call: ClientCall) -> Call:
        market, claim = self._desk.market, task.claim
        if call is ClientCall.EXPIRE:
            return market.expire(task.task)
        if claim is None:
            raise JournalError(f"{call.value} is to be sent before there is a claim")
        match call:
            case ClientCall.DEMAND_KEY:
                return market.demand_key(task.task, claim)
            case ClientCall.FORFEIT:
                return market.forfeit(task.task, claim)
            case ClientCall.COMPLAIN:
                folder = self._office.get_folder(task)
                evidence = await asyncio.to_thread(
                    folder.build_complaint, task.key or 0, task.blinding or 0
                )
                return market.complain(task.task, claim, evidence)
            case _:
                raise JournalError(f"{call.value} is not built here")

    async def _deposit(self, task: ClientTask) -> client_events.ClientEvent:
        if task.deposit:
            call = self._desk.market.deposit(Wei(task.deposit))
            try:
                await self._send_built(task, call, ClientCall.DEPOSIT.value)
            except InsufficientFunds as error:
                self.failure = error
                return client_events.AcceptanceRefused(message=error.message)
        return client_events.Funded()

    async def _post(self, task: ClientTask) -> client_events.ClientEvent | None:
        call = self._desk.market.post_accepted(
            task.task, task.worker.address, task.expiry, task.acceptance or b"", value=_NOTHING
        )
        try:
            await self._send_built(task, call, ClientCall.POST_ACCEPTED.value)
        except InsufficientFunds as error:
            self.failure = error
            return client_events.PostRefused(message=error.message)
        except TransactionReverted as error:
            if "task used" in error.reason:
                return None  # it stands already
            self.is_busy = "acceptance over" in error.reason
            return client_events.PostRefused(message=error.message)
        return None

    async def _demand_chunks(self, task: ClientTask) -> client_events.ClientEvent | None:
        if task.claim is None:
            raise JournalError("chunks are to be demanded before there is a claim")
        folder = self._office.get_folder(task)
        events = self._desk.watch.index.iterate(task.task_id, ChunksSupplied)
        supplied = [(event.item, event.evidence) for event in events]
        missing = await asyncio.to_thread(folder.rebuild, supplied)
        if missing is None:
            return client_events.CiphertextHeld()
        item, first, count, evidence = missing
        chunks = delivery.Layout.from_size(self._job.output_bytes).chunk_count
        if not count:
            count = min(GROUP, chunks)
            if task.search is not None and chunks * task.task.chunk_fee > task.task.price:
                return client_events.ListWithheld(
                    what="the list was withheld, and to have it published would cost more than "
                    "the search"
                )
        call = self._desk.market.demand_chunks(
            task.task, task.claim, item=item, first=first, count=count, evidence=evidence
        )
        await self._send_built(task, call, f"{ClientCall.DEMAND_CHUNKS.value}:{item}:{first}")
        return None

    async def _send_built(self, task: ClientTask, call: Call, name: str) -> None:
        await self._desk.send(call, task_id=task.task_id, name=name)
