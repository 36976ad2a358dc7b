"""A delivered search between two desks on a real chain, with any list and any knowledge.

Task, claim and collateral are put on chain by hand, so that any claim can stand there; all that
happens before the referee is the product's. What is not here: whole nodes (`nodes`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pekanu import catalog
from pekanu.catalog.inversion import Inversion, list_images
from pekanu.chain.ringer_contract import Searched
from pekanu.crypto.accumulator import accumulate, hash_accumulator
from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import region_root
from pekanu.dispute.place import Side
from pekanu.market.claim import Claim, Result
from pekanu.market.state import TaskState
from pekanu.market.task import Task, Terms
from pekanu.node.case_desk import CaseDesk
from pekanu.node.case_file import CaseFile
from pekanu.node.case_machine import CaseStep, CaseTask
from pekanu.node.dispute_machine import DisputeStep
from pekanu.ringers import Planted, SearchTerms, hash_ringers
from pekanu.ringers.cases import Kind, get_case_id, get_faulty_id
from pekanu.types import ZERO_HASH, Hash32, Seconds, Wei
from support.duel import PRICE, STAKE, Arena

BOND = Wei(10**16)
CLOCK = 300
SALT = keccak256(b"the ringers' salt")
PATTERN = "pin-[0-9]{3}"
#: The candidate that the client looks for, and its secret.
WANTED = 42
RINGERS = (7, 500, 900)
SOLUTIONS = (7, 42, 500, 900)


def build_inversion(points: Sequence[int] = SOLUTIONS, bogus: int = 3) -> Inversion:
    """Return the search for the images of some candidates, and for some of nobody's."""
    function = catalog.get("hash-search")
    data = function.parse_inputs({"pattern": PATTERN, "targets": "0" * 64})
    whole = function.build_inversion(data)
    tokens = [token for point in points if (token := whole.get_token(point)) is not None]
    tokens += [keccak256(b"nobody's %d" % n) for n in range(bogus)]
    return function.build_inversion(function.with_tokens(data, sorted(tokens)))


_PATIENCE_SECONDS = 8.0
#: Steps in which a party computes, or sends.
_ACTING = frozenset(
    {CaseStep.ASKING, CaseStep.ANSWERING, CaseStep.RULING, DisputeStep.MOVING}
    | {CaseStep.CLOSING, DisputeStep.CALLING_TIME}
)


@dataclass(frozen=True, kw_only=True)
class Search:
    """A task with a delivered list."""

    searched: Searched
    task_id: Hash32
    inversion: Inversion
    images: list[Hash32]
    result: Result
    output: bytes
    planted: Planted


@dataclass(kw_only=True)
class Hunt:
    """An arena in which one search was delivered."""

    arena: Arena
    search: Search = field(init=False)
    desks: list[CaseDesk] = field(default_factory=list)

    async def strike(
        self,
        points: Sequence[int] = SOLUTIONS,
        *,
        accumulated: Sequence[int] | None = None,
        output: bytes | None = None,
        ringers: Sequence[int] = RINGERS,
        targets: Sequence[int] = SOLUTIONS,
    ) -> Search:
        """Post, accept and deliver a list; the honest one unless told otherwise."""
        client, worker = self.arena.client, self.arena.worker
        inversion = build_inversion(targets)
        images = list_images(inversion)
        run = Terms(
            program_id=inversion.program.id,
            inputs_root=ZERO_HASH,
            max_steps=inversion.max_steps,
            clock=Seconds(CLOCK),
            extension=Seconds(60),
            first_extension=Seconds(120),
            last_extension=Seconds(60),
        )
        planted = Planted(targets=tuple(inversion.tokens), ringers=tuple(ringers), salt=SALT)
        terms = SearchTerms.build(
            run.hash(), inversion.domain, images, hash_ringers(ringers, SALT), BOND
        )
        now = await client.watch.refresh()
        task = Task(
            client=client.address,
            referee=client.referees.ringers.address,
            terms=terms.hash(),
            price=PRICE,
            stake=STAKE,
            offered_until=Seconds(now + 3600),
            compute_window=Seconds(600),
            audit_window=Seconds(600),
            response_window=Seconds(600),
            chunk_fee=Wei(1),
            salt=Hash32(secrets.token_bytes(32)),
        )
        if output is None:
            output = b"".join(point.to_bytes(32, "big") for point in points)
        inside = points if accumulated is None else accumulated
        result = Result(
            output_root=region_root(output),
            output_size=len(output),
            evidence=hash_accumulator(accumulate(list(inside))),
        )
        claim = Claim(
            results_root=result.leaf(),
            ciphertext_root=Hash32(secrets.token_bytes(32)),
            key_x=1,
            key_y=2,
        )
        task_id = task.id(client.domain)
        await client.send(client.market.post(task), task_id=task_id, name="post")
        await worker.send(worker.market.accept(task), task_id=task_id, name="accept")
        await worker.send(worker.market.deliver(task, claim), task_id=task_id, name="deliver")
        self.search = Search(
            searched=Searched(task=task, claim=claim, terms=terms, run=run),
            task_id=task_id,
            inversion=inversion,
            images=images,
            result=result,
            output=output,
            planted=planted,
        )
        return self.search

    def build_file(self, side: Side, **changes: Any) -> CaseFile:
        search = self.search
        desk = self.arena.client if side is Side.CHALLENGER else self.arena.worker
        assert desk.referees.ringers is not None
        known = CaseFile(
            contract=desk.referees.ringers,
            task_id=search.task_id,
            searched=search.searched,
            inversion=search.inversion,
            images=search.images,
            result=search.result,
            output=search.output,
            planted=search.planted if side is Side.CHALLENGER else None,
        )
        return replace(known, **changes)

    async def open_cases(self, side: Side, file: CaseFile | None = None) -> CaseDesk:
        """Return the cases of a party that knows the truth, or what it is given."""
        cases = self.build_cases(side, file)
        await self.arena.stack.enter_async_context(cases.running())
        return cases

    def build_cases(self, side: Side, file: CaseFile | None = None) -> CaseDesk:
        desk = self.arena.client if side is Side.CHALLENGER else self.arena.worker

        async def load(_task_id: Hash32) -> CaseFile:
            return file or self.build_file(side)

        assert desk.referees.ringers is not None
        cases = CaseDesk(desk, desk.referees.ringers, side, load)
        self.desks.append(cases)
        return cases

    def ask(
        self,
        cases: CaseDesk,
        kind: Kind,
        *,
        place: int | None = None,
        ringer: int | None = None,
        points: Sequence[int] = (),
    ) -> Hash32:
        """Begin a challenge of the client's."""
        case_id = get_case_id(self.search.task_id, kind, self.arena.client.address, points)
        if kind is Kind.FAULTY:
            leaf = self.search.result.leaf()
            case_id = get_faulty_id(self.search.task_id, self.arena.client.address, leaf)
        cases.begin(
            CaseTask(
                step=CaseStep.ASKING,
                case_id=case_id,
                task_id=self.search.task_id,
                side=Side.CHALLENGER,
                kind=kind.name.lower(),
                place=place,
                ringer=ringer,
            )
        )
        return case_id

    async def wait_ended(self, cases: CaseDesk, case_id: Hash32) -> CaseTask:
        """Return a case at its end; where nobody moves, chain time is turned on."""
        loop = asyncio.get_running_loop()
        client = self.arena.client
        end, quiet, seen = loop.time() + 60, loop.time(), None
        while loop.time() < end:
            task = cases.find(case_id)
            if task is not None and not task.step.is_live:
                return task
            disputes = [len(one.logged) for one in client.referees.disputes.iterate()]
            now = (task, client.referees.cases.find(case_id), disputes)
            if now != seen:
                quiet, seen = loop.time(), now
            # Who acts is waited for, but not for ever: a liar's moves are refused again and again.
            if loop.time() - quiet > (_PATIENCE_SECONDS if self._is_busy() else 1):
                await self._let_pass(case_id)
                quiet = loop.time()
            await asyncio.sleep(0.02)
        raise AssertionError(f"the case does not end: {cases.find(case_id)}")

    def _is_busy(self) -> bool:
        """Return whether somebody computes what the others wait for."""
        cases = [one.step for desk in self.desks for one in desk.list_tasks()]
        disputes = [one.step for desk in self.desks for one in desk.disputes.list_tasks()]
        return bool(_ACTING & {*cases, *disputes})

    async def _let_pass(self, case_id: Hash32) -> None:
        client = self.arena.client
        record = client.referees.cases.find(case_id)
        times = [one.tell().dispute.place.deadline for one in client.referees.disputes.iterate()]
        if record is not None and record.case.deadline:
            times.append(record.case.deadline)
        now = await client.watch.refresh()
        coming = [when for when in times if when >= now]
        if coming:
            self.arena.devnet.advance_time(min(coming) + 1 - now)

    async def fetch_state(self) -> TaskState:
        return await self.arena.client.market.fetch_task(self.search.task_id)

    async def fetch_gains(self) -> tuple[int, int]:
        """Return the free money of client and worker in the market, who had none."""
        client, worker = self.arena.client, self.arena.worker
        return await client.fetch_ledger(), await worker.fetch_ledger()

    async def finalize(self) -> None:
        desk, state = self.arena.worker, await self.fetch_state()
        now = await desk.watch.refresh()
        self.arena.devnet.advance_time(max(1, state.deadline + 1 - now))
        call = desk.market.finalize(self.search.searched.task, self.search.searched.claim)
        await desk.send(call, task_id=self.search.task_id, name="finalize")
