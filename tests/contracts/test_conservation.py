"""Money is conserved by any sequence of calls over several tasks.

After each step `World.check` holds the contract to the model: every balance, and the sum of free
and locked money against what the contract holds.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pekanu.crypto.keccak import keccak256
from pekanu.errors import Rejected, TransactionReverted
from pekanu.market import actions as act
from pekanu.market.state import TaskState
from pekanu.types import Address, Seconds, Wei
from support.world import AGENT, CHALLENGER, CLIENT, FEE, STRANGER, WORKER, World

PEOPLE = st.sampled_from([CLIENT, AGENT, WORKER, CHALLENGER, STRANGER])
TASKS = 3
NUMBERS = st.sampled_from([keccak256(bytes([i])) for i in range(3)])
VALUES = st.sampled_from([0, 1, FEE, 10**16, 5 * 10**16])


class Conservation(RuleBasedStateMachine):
    """Anybody calls anything, on any of three tasks."""

    @initialize()
    def start(self) -> None:
        self.world = World()
        self.tasks = []
        self.states = [TaskState() for _ in range(TASKS)]
        self.acceptances = []
        for i in range(TASKS):
            task = self.world.make_task(salt=keccak256(bytes([i])), stake=Wei(10**16 + i))
            self.world.task = task
            wrong = {(0, 5, 0): bytes(32)} if i else {}
            self.tasks.append((task, self.world.seal([bytes(1500)], lies=wrong)))
        for account in (CLIENT, WORKER, CHALLENGER):
            self.world.deposit(account, 10**17)

    def attempt(self, which: int, action: act.Action, evidence: bytes = b"") -> None:
        self.world.task, self.world.batch = self.tasks[which]
        self.world.state = self.states[which]
        try:
            self.world.do(action, evidence)
        except Rejected:
            return
        self.states[which] = self.world.state

    def hash_of(self, which: int) -> bytes:
        task, batch = self.tasks[which]
        return batch.claim.hash(task.id(self.world.domain), WORKER)

    @rule(who=PEOPLE, amount=VALUES)
    def deposit(self, who: Address, amount: int) -> None:
        self.world.deposit(who, amount)

    @rule(who=PEOPLE, amount=VALUES)
    def withdraw(self, who: Address, amount: int) -> None:
        free = self.world.ledger.get(who)
        try:
            self.world.market.call("withdraw", amount, sender=who)
        except TransactionReverted:
            assert amount > free
            return
        self.world.ledger = self.world.ledger.withdraw(who, Wei(amount))

    @rule(seconds=st.sampled_from([1, 60, 120, 301, 601]))
    def wait(self, seconds: int) -> None:
        self.world.pass_to(self.world.now + seconds)

    @rule(which=st.integers(0, TASKS - 1), value=VALUES, signed=st.booleans())
    def bind(self, which: int, value: int, signed: bool) -> None:  # noqa: FBT001 - drawn
        action = act.PostAccepted(
            sender=CLIENT,
            value=Wei(value),
            worker=WORKER,
            expiry=Seconds(self.world.now + 9),
            is_signed=signed,
        )
        self.attempt(which, action)

    @rule(
        which=st.integers(0, TASKS - 1),
        kind=st.sampled_from([act.Post, act.Accept, act.Cancel, act.Expire]),
        who=PEOPLE,
        value=VALUES,
    )
    def plain(self, which: int, kind: type[act.Action], who: Address, value: int) -> None:
        if kind in {act.Cancel, act.Expire}:
            value = 0
        self.attempt(which, kind(sender=who, value=Wei(value)))

    @rule(which=st.integers(0, TASKS - 1))
    def deliver(self, which: int) -> None:
        self.attempt(which, act.Deliver(sender=WORKER, claim_hash=self.hash_of(which)))

    @rule(
        which=st.integers(0, TASKS - 1),
        kind=st.sampled_from([act.Approve, act.Finalize, act.DemandKey, act.Forfeit]),
        who=PEOPLE,
    )
    def claimed(self, which: int, kind: type[act.ClaimAction], who: Address) -> None:
        self.attempt(which, kind(sender=who, claim_hash=self.hash_of(which)))

    @rule(which=st.integers(0, TASKS - 1), signed=st.booleans())
    def settle(self, which: int, signed: bool) -> None:  # noqa: FBT001 - drawn
        fields = {"claim_hash": self.hash_of(which), "is_signed": signed}
        self.attempt(which, act.Settle(sender=STRANGER, **fields))

    @rule(which=st.integers(0, TASKS - 1), part=VALUES)
    def resolve(self, which: int, part: int) -> None:
        action = act.Resolve(
            sender=STRANGER, to_client=Wei(part), is_client_signed=True, is_worker_signed=True
        )
        self.attempt(which, action)

    @rule(which=st.integers(0, TASKS - 1), opens=st.booleans())
    def reveal(self, which: int, opens: bool) -> None:  # noqa: FBT001 - drawn
        fields = {"claim_hash": self.hash_of(which), "is_opening": opens}
        self.attempt(which, act.RevealKey(sender=WORKER, **fields))

    @rule(which=st.integers(0, TASKS - 1), count=st.integers(1, 3), value=VALUES)
    def demand(self, which: int, count: int, value: int) -> None:
        action = act.DemandChunks(
            sender=CLIENT,
            value=Wei(value),
            claim_hash=self.hash_of(which),
            item=0,
            first=0,
            count=count,
        )
        self.attempt(which, action)

    @rule(which=st.integers(0, TASKS - 1), chunk=st.integers(0, 1))
    def supply(self, which: int, chunk: int) -> None:
        demand = self.states[which].demand
        if demand is None or chunk >= demand.count:
            return
        missing = sum(1 << k for k in range(2, demand.count))
        fields = {"claim_hash": self.hash_of(which), "supplied": 1 << chunk | missing}
        evidence = self.tasks[which][1].supply_evidence(0, chunk, 1)
        self.attempt(which, act.SupplyChunks(sender=WORKER, **fields), evidence)

    @rule(which=st.integers(0, TASKS - 1), who=PEOPLE)
    def complain(self, which: int, who: Address) -> None:
        fields = {"claim_hash": self.hash_of(which), "is_wrong": which > 0}
        evidence = self.tasks[which][1].complaint(0, 5, 0)
        self.attempt(which, act.Complain(sender=who, **fields), evidence)

    @rule(which=st.integers(0, TASKS - 1), number=NUMBERS, who=PEOPLE, bond=VALUES)
    def challenge(self, which: int, number: bytes, who: Address, bond: int) -> None:
        action = act.OpenChallenge(
            sender=self.world.referee.address,
            value=Wei(bond),
            claim_hash=self.hash_of(which),
            number=number,
            challenger=who,
        )
        self.attempt(which, action)

    @rule(
        which=st.integers(0, TASKS - 1),
        number=NUMBERS,
        kind=st.sampled_from([act.Dismiss, act.RuleAgainstWorker, act.CloseChallenge]),
    )
    def rule_on(self, which: int, number: bytes, kind: type[act.Action]) -> None:
        self.attempt(which, kind(sender=self.world.referee.address, number=number))

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "states"):
            world = self.world
            assert world.chain.balance(world.market.address) == world.ledger.total
            if all(s.status.is_terminal and not s.challenges for s in self.states):
                waiting = [s.stake_waits for s in self.states]
                assert any(waiting) or world.ledger.locked == 0


TestConservation = Conservation.TestCase
TestConservation.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
