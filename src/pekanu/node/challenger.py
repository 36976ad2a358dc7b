"""The challenger's node: it recomputes others' claims and takes lies to the referee for the reward.

It challenges only what it has itself computed otherwise, only for a reward that is worth its gas,
and never binds more than it was allowed to. What is not here: how it knows what a task computes
(`challenger_library`), the play (`dispute_desk`).
Source: design/product.md, "Command line"; design/market.md, "Parties".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from pekanu.chain import Call
from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import get_root
from pekanu.dispute.ending import build_result
from pekanu.dispute.moves import Challenge
from pekanu.dispute.place import Side, get_id
from pekanu.dispute.rules import get_bond
from pekanu.errors import ChainError, JournalError
from pekanu.machine.trace import Trace
from pekanu.market.claim import Result
from pekanu.market.state import TaskState
from pekanu.node.audit_bundle import SUFFIX, AuditBundle
from pekanu.node.challenger_library import Library
from pekanu.node.dispute_desk import DisputeDesk
from pekanu.node.dispute_machine import DisputeStep, DisputeTask
from pekanu.node.dispute_subject import Subject
from pekanu.node.market_desk import MarketDesk
from pekanu.node.market_index import StandingClaim
from pekanu.settings import get_program_cache
from pekanu.types import Address, Hash32, Wei, format_wei

_LOG: Final = logging.getLogger(__name__)
ROLE: Final = "challenger"
#: Seconds between two looks at the claims that stand.
_LOOK_SECONDS: Final = 1.0
#: Gas of a challenger's moves in a dispute of any length, with a margin.
DISPUTE_GAS: Final = 600_000


class Finding(StrEnum):
    """What a challenger made of a claim."""

    #: It computes the same.
    RIGHT = "right"
    #: It has challenged it.
    CHALLENGED = "challenged"
    #: It cannot get program and inputs.
    UNKNOWN = "unknown"
    #: Something is wrong, but without the results nobody can tell in which item.
    NO_RESULTS = "wrong, but no results say in which item"
    #: The reward does not pay for gas and trouble.
    NOT_WORTH = "wrong, but not worth a challenge"
    #: Its bond would be more than may be bound at once.
    TOO_DEAR = "wrong, but the bond is more than may be bound"
    #: It is named as the agent, unasked: its bond would be at the client's mercy.
    UNASKED = "names this account as its agent, unasked"
    #: The audit is over.
    LATE = "the audit is over"
    #: It is this account's own.
    OWN = "its own"


#: Findings that a later look may change.
_PASSING: Final = (
    Finding.UNKNOWN,
    Finding.NO_RESULTS,
    Finding.NOT_WORTH,
    Finding.TOO_DEAR,
    Finding.LATE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspicion:
    """A claim of which something was computed otherwise here."""

    standing: StandingClaim
    bundle: AuditBundle
    item: int
    #: Of a challenge now.
    bond: Wei
    for_client: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ChallengerOptions:
    """What a challenger takes upon itself."""

    #: Most that bonds may bind at once.
    max_bound: Wei = Wei(10**17)
    #: Least that a challenge must bring beside its gas.
    min_profit: Wei = Wei(0)
    #: Clients that have asked this account to be their agent.
    agent_for: frozenset[Address] = frozenset()


class ChallengerNode:
    """A challenger.

    Args:
        desk: The account's desk at the market.
        home: The node's folder.
        library: What it can find out.
        options: What it takes upon itself.
    """

    def __init__(
        self,
        desk: MarketDesk,
        home: Path,
        library: Library,
        options: ChallengerOptions | None = None,
    ) -> None:
        self.desk, self.library = desk, library
        self.options = options or ChallengerOptions()
        self._folder = home / "work" / desk.address.lower() / ROLE
        self._cache = get_program_cache(home)
        self.disputes = DisputeDesk(desk, ROLE, self._load)
        #: What was made of each claim that stands.
        self.findings: dict[StandingClaim, Finding] = {}
        self._computed: dict[Hash32, list[Result]] = {}
        self._looking = asyncio.Lock()

    @asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        """Play the disputes that there are while the context is open; begin none unasked."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with self.disputes.running():
            yield

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch and challenge while the context is open."""
        async with self.playing():
            watching = asyncio.create_task(self._watch())
            try:
                yield
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def run(self) -> None:
        """Watch until cancelled."""
        async with self.running():
            await asyncio.Event().wait()

    async def look(self) -> None:
        """Look once at each claim that stands and was not decided about."""
        async with self._looking:
            await self._look()

    async def judge(
        self, standing: StandingClaim, bundle: AuditBundle, state: TaskState
    ) -> Finding | Suspicion:
        """Recompute what was claimed; return the first item that is wrong, or what else is so.

        Args:
            standing: The claim.
            bundle: What its task computes.
            state: Of the task now, for the bond.
        """
        results = self._computed.get(standing.task_id)
        if results is None:
            results = await asyncio.to_thread(self._compute, bundle)
            self._computed[standing.task_id] = results
        if get_root([one.leaf() for one in results]) == standing.claim.results_root:
            return Finding.RIGHT
        item = 0
        if len(results) > 1:
            if not bundle.fits(standing.claim) or bundle.results is None:
                return Finding.NO_RESULTS
            pairs = enumerate(zip(results, bundle.results, strict=True))
            item = next(place for place, (mine, theirs) in pairs if mine != theirs)
        for_client = standing.task.agent == self.desk.address
        return Suspicion(
            standing=standing,
            bundle=bundle,
            item=item,
            bond=get_bond(state, bundle.terms, for_client=for_client),
            for_client=for_client,
        )

    async def challenge(self, suspicion: Suspicion) -> Hash32:
        """Return the dispute of a claim that is challenged now; the rest goes by itself."""
        standing = suspicion.standing
        await asyncio.to_thread(suspicion.bundle.write, self._get_path(standing.task_id))
        self.disputes.begin(self._build_dispute(suspicion))
        return self._get_dispute(standing)

    def find_dispute(self, standing: StandingClaim) -> DisputeTask | None:
        """Return this account's dispute of a claim, if it was begun."""
        return self.disputes.find(self._get_dispute(standing))

    def build_call(self, suspicion: Suspicion) -> Call:
        """Return the transaction by which a challenge begins, as it would be sent now."""
        standing, bundle = suspicion.standing, suspicion.bundle
        return self.desk.referees.bisection.challenge(
            standing.task,
            standing.claim,
            bundle.terms,
            Challenge(
                item=suspicion.item,
                number=self._get_number(standing),
                for_client=suspicion.for_client,
                bond=suspicion.bond,
            ),
        )

    # --- within -----------------------------------------------------------------------------------

    async def _look(self) -> None:
        claims = self.desk.watch.index.list_claims()
        self.findings = {one: self.findings[one] for one in claims if one in self.findings}
        for standing in claims:
            known = self.findings.get(standing)
            if known is not None and known not in _PASSING:
                continue
            found = await self._examine(standing)
            if found is not known:
                _LOG.info("task %s: %s", standing.task_id.hex(), found.value)
            self.findings[standing] = found
            if found not in _PASSING:
                self._computed.pop(standing.task_id, None)

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except ChainError as error:
                _LOG.warning("the chain cannot be asked: %s", error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _examine(self, standing: StandingClaim) -> Finding:  # noqa: PLR0911 - one a finding
        task, me = standing.task, self.desk.address
        if task.referee != self.desk.referees.bisection.address:
            return Finding.UNKNOWN
        if me in (task.client, standing.worker):
            return Finding.OWN
        if task.agent == me and task.client not in self.options.agent_for:
            return Finding.UNASKED
        if self.find_dispute(standing) is not None:
            return Finding.CHALLENGED
        state = await self.desk.market.fetch_task(standing.task_id)
        if not state.status.is_claimed or self.desk.watch.now > state.deadline:
            return Finding.LATE
        bundle = await asyncio.to_thread(self.library.find, standing.task_id, task)
        if bundle is None:
            return Finding.UNKNOWN
        found = await self.judge(standing, bundle, state)
        return await self._decide(found) if isinstance(found, Suspicion) else found

    async def _decide(self, suspicion: Suspicion) -> Finding:
        """Challenge what is worth it."""
        refusal = await self._find_refusal(
            suspicion.standing, suspicion.bond, for_client=suspicion.for_client
        )
        if refusal is not None:
            return refusal
        await self.challenge(suspicion)
        return Finding.CHALLENGED

    async def _find_refusal(
        self, standing: StandingClaim, bond: Wei, *, for_client: bool
    ) -> Finding | None:
        """Return why a lie is left alone: the reward, or what is bound already."""
        bound = sum(one.bond for one in self.disputes.list_tasks())
        if bound + bond > self.options.max_bound:
            return Finding.TOO_DEAR
        if for_client:
            # The reward is the client's; it is for the client to have asked.
            return None
        block = await self.desk.chain.fetch_block("latest")
        gas_price = 2 * block.base_fee if block is not None else 0
        reward = standing.task.stake // 2 - DISPUTE_GAS * gas_price
        if reward <= self.options.min_profit:
            _LOG.info("a lie is worth %s, less gas", format_wei(standing.task.stake // 2))
            return Finding.NOT_WORTH
        return None

    def _compute(self, bundle: AuditBundle) -> list[Result]:
        program, last = bundle.load_program(), bundle.terms.max_steps
        results = []
        for content in bundle.list_contents():
            trace = Trace(program, content, cache=self._cache, checkpoints=self._states)
            results.append(build_result(trace.get_state(last)))
        return results

    async def _load(self, dispute: DisputeTask) -> Subject:
        """Return what is known of a disputed item, from the bundle that was kept."""
        return await asyncio.to_thread(self._load_kept, dispute)

    def _load_kept(self, dispute: DisputeTask) -> Subject:
        path = self._get_path(Hash32(dispute.task_id))
        if not path.exists():
            raise JournalError(f"{path} is gone, without which its dispute cannot be played")
        bundle = AuditBundle.read(path)
        program, content = bundle.load_program(), bundle.list_contents()[dispute.item]
        states = Trace(program, content, cache=self._cache, checkpoints=self._states)
        return Subject(program=program, states=states, terms=bundle.terms)

    @property
    def _states(self) -> Path:
        return self._folder / "states"

    def _get_path(self, task_id: Hash32) -> Path:
        return self._folder / f"{task_id.hex()}{SUFFIX}"

    def _get_number(self, standing: StandingClaim) -> int:
        """Return the one number under which this account challenges a task."""
        digest = keccak256(standing.task_id + self.desk.address.lower().encode())
        return int.from_bytes(digest[:8], "big")

    def _get_dispute(self, standing: StandingClaim) -> Hash32:
        return get_id(standing.worker, self.desk.address, self._get_number(standing))

    def _build_dispute(self, suspicion: Suspicion) -> DisputeTask:
        standing = suspicion.standing
        return DisputeTask(
            step=DisputeStep.CHALLENGING,
            dispute=self._get_dispute(standing),
            owner=ROLE,
            side=Side.CHALLENGER,
            worker=standing.worker,
            challenger=self.desk.address,
            number=self._get_number(standing),
            task_id=standing.task_id,
            task=standing.task,
            terms=suspicion.bundle.terms,
            claim=standing.claim,
            item=suspicion.item,
            for_client=suspicion.for_client,
            bond=suspicion.bond,
        )
