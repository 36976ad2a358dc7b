"""Disputes between two desks on a real chain: a claim as somebody wants it, and who knows what.

Task, claim and collateral are put on chain by hand, so that any claim can stand there; all that
happens in a dispute is the product's. What is not here: whole nodes (`nodes`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pekanu.chain import Account, AddressBook, Connection, Devnet
from pekanu.crypto.merkle import build_proof, get_root, region_root
from pekanu.dispute.ending import build_result
from pekanu.dispute.moves import ShownItem
from pekanu.dispute.place import Side, get_id
from pekanu.machine.program import Program
from pekanu.machine.trace import States, Trace
from pekanu.market.claim import Claim, Result
from pekanu.market.state import Status, TaskState
from pekanu.market.task import Task, Terms
from pekanu.node.dispute_desk import DisputeDesk
from pekanu.node.dispute_index import DisputeRecord
from pekanu.node.dispute_machine import DisputeStep, DisputeTask
from pekanu.node.dispute_subject import Subject
from pekanu.node.journal import open_journal
from pekanu.node.market_desk import MarketDesk, open_desk
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei
from support.crash import wait_until

PRICE, STAKE, BOND = Wei(10**16), Wei(5 * 10**16), Wei(10**15)
ETHER = 10**18
CLOCK = 300


@dataclass(frozen=True, kw_only=True)
class Bargain:
    """A task with a delivered claim."""

    task: Task
    terms: Terms
    claim: Claim
    results: tuple[Result, ...]
    program: Program
    contents: tuple[bytes, ...]
    task_id: Hash32

    def show(self, item: int) -> ShownItem:
        roots = [region_root(content) for content in self.contents]
        return ShownItem(
            count=len(roots),
            index=item,
            result=self.results[item],
            result_path=tuple(build_proof([one.leaf() for one in self.results], item)),
            input_root=roots[item],
            input_path=tuple(build_proof(roots, item)),
        )


@dataclass(kw_only=True)
class Arena:
    """A market, a client, a worker, and challengers; all that is opened is closed with it."""

    devnet: Devnet
    book: AddressBook
    home: Path
    client: MarketDesk
    worker: MarketDesk
    stack: AsyncExitStack
    #: Blocks on a ruling before a desk relies on it.
    confirmations: int = 1
    bargains: dict[Hash32, Bargain] = field(default_factory=dict)

    async def open_desk(self, account: Account) -> MarketDesk:
        chain = await self.stack.enter_async_context(Connection.open(self.devnet.rpc))
        journal = self.stack.enter_context(
            open_journal(self.home / "journal.db", account.address, purpose="a test")
        )
        return await self.stack.enter_async_context(
            open_desk(chain, account, journal, self.book, confirmations=self.confirmations)
        )

    async def strike(  # one a field of the task
        self,
        program: Program,
        max_steps: int,
        results: Sequence[Result] | None = None,
        *,
        contents: Sequence[bytes] = (b"",),
        agent: Address = ZERO_ADDRESS,
    ) -> Bargain:
        """Post, accept and deliver; the results are the true ones unless others are given."""
        desk, referee = self.client, self.client.referees.bisection
        if results is None:
            states = [Trace(program, one).get_state(max_steps) for one in contents]
            results = [build_result(state) for state in states]
        terms = Terms(
            program_id=program.id,
            inputs_root=get_root([region_root(one) for one in contents]),
            max_steps=max_steps,
            bond=BOND,
            clock=Seconds(CLOCK),
            extension=Seconds(60),
            first_extension=Seconds(120),
            last_extension=Seconds(60),
        )
        now = await desk.watch.refresh()
        task = Task(
            client=desk.address,
            agent=agent,
            referee=referee.address,
            terms=terms.hash(),
            count=len(contents),
            price=PRICE,
            stake=STAKE,
            offered_until=Seconds(now + 3600),
            compute_window=Seconds(600),
            audit_window=Seconds(600),
            response_window=Seconds(600),
            chunk_fee=Wei(1),
            salt=Hash32(secrets.token_bytes(32)),
        )
        claim = Claim(
            results_root=get_root([one.leaf() for one in results]),
            ciphertext_root=Hash32(secrets.token_bytes(32)),
            key_x=1,
            key_y=2,
        )
        task_id = task.id(desk.domain)
        await desk.send(desk.market.post(task), task_id=task_id, name="post")
        await self.worker.send(self.worker.market.accept(task), task_id=task_id, name="accept")
        deliver = self.worker.market.deliver(task, claim)
        await self.worker.send(deliver, task_id=task_id, name="deliver")
        bargain = Bargain(
            task=task,
            terms=terms,
            claim=claim,
            results=tuple(results),
            program=program,
            contents=tuple(contents),
            task_id=task_id,
        )
        self.bargains[task_id] = bargain
        return bargain

    async def open_disputes(
        self,
        desk: MarketDesk,
        knows: Callable[[Bargain, int], States],
        *,
        defends: bool = False,
        owner: str = "challenger",
        kind: type[Subject] = Subject,
    ) -> DisputeDesk:
        """Return the disputes of a party that knows some states of each item."""

        async def load(task: DisputeTask) -> Subject:
            bargain = self.bargains[Hash32(task.task_id)]
            return kind(
                program=bargain.program,
                states=knows(bargain, task.item),
                item=bargain.show(task.item),
                terms=bargain.terms,
            )

        def adopt(record: DisputeRecord) -> DisputeTask | None:
            if record.worker != desk.address or record.task_id is None:
                return None
            history = record.tell()
            return build_task(
                self.bargains[record.task_id],
                worker=record.worker,
                challenger=record.challenger,
                number=history.dispute.place.number,
                side=Side.WORKER,
                owner="worker",
                item=history.item,
            )

        if defends:
            owner = "worker"
        disputes = DisputeDesk(desk, owner, load, adopt if defends else None)
        await self.stack.enter_async_context(disputes.running())
        return disputes

    def challenge(
        self,
        disputes: DisputeDesk,
        desk: MarketDesk,
        bargain: Bargain,
        *,
        item: int = 0,
        bond: int = 100 * BOND,
    ) -> Hash32:
        """Begin a challenge."""
        task = build_task(
            bargain,
            worker=self.worker.address,
            challenger=desk.address,
            number=secrets.randbelow(1 << 64),
            side=Side.CHALLENGER,
            owner="challenger",
            item=item,
        )
        speaks = desk.address in (bargain.task.client, bargain.task.agent)
        task = replace(task, bond=bond, step=DisputeStep.CHALLENGING, for_client=speaks)
        disputes.begin(task)
        return Hash32(task.dispute)

    async def fetch_state(self, bargain: Bargain) -> TaskState:
        return await self.client.market.fetch_task(bargain.task_id)

    async def wait_status(self, bargain: Bargain, status: Status) -> None:
        """Return when a task has a status in the last block, however new that is."""
        end = asyncio.get_running_loop().time() + 60
        while (await self.fetch_state(bargain)).status is not status:
            if asyncio.get_running_loop().time() > end:
                raise AssertionError(f"it never is {status.name.lower()}")
            await asyncio.sleep(0.01)

    async def wait_events(self, dispute: Hash32, count: int) -> None:
        """Return when so many things have happened in a dispute."""

        def holds() -> bool:
            record = self.client.referees.disputes.find(dispute)
            return record is not None and len(record.logged) >= count

        await wait_until(holds)

    async def wait_ended(
        self, disputes: DisputeDesk, dispute: Hash32, *, lets_time_pass: bool = False
    ) -> DisputeTask:
        """Return a dispute at its end; a silent side's clock may be run out."""
        loop = asyncio.get_running_loop()
        quiet, seen = loop.time(), None
        end = loop.time() + 60
        while loop.time() < end:
            task = disputes.find(dispute)
            if task is not None and not task.step.is_live:
                return task
            if task != seen:
                quiet, seen = loop.time(), task
            record = self.client.referees.disputes.find(dispute)
            if lets_time_pass and record is not None and loop.time() - quiet > 1:
                deadline = record.tell().dispute.place.deadline
                now = await self.client.watch.refresh()
                self.devnet.advance_time(max(1, deadline + 1 - now))
                quiet = loop.time()
            await asyncio.sleep(0.02)
        raise AssertionError(f"the dispute does not end: {disputes.find(dispute)}")


def build_task(bargain: Bargain, **fields: object) -> DisputeTask:
    worker, challenger, number = fields["worker"], fields["challenger"], fields["number"]
    return DisputeTask(
        step=DisputeStep.WAITING,
        dispute=get_id(worker, challenger, number),  # type: ignore[arg-type]
        task_id=bargain.task_id,
        task=bargain.task,
        terms=bargain.terms,
        claim=bargain.claim,
        **fields,  # type: ignore[arg-type]
    )


@asynccontextmanager
async def open_arena(
    devnet: Devnet, book: AddressBook, home: Path, accounts: Sequence[Account]
) -> AsyncIterator[Arena]:
    """Yield an arena with a client and a worker with collateral."""
    async with AsyncExitStack() as stack:
        arena = Arena(
            devnet=devnet,
            book=book,
            home=home,
            client=None,  # type: ignore[arg-type]
            worker=None,  # type: ignore[arg-type]
            stack=stack,
        )
        arena.client = await arena.open_desk(accounts[0])
        arena.worker = await arena.open_desk(accounts[1])
        yield arena
