"""Money is conserved by any sequence of calls over several agreements, in both contracts.

After each step `StorageWorld.check` holds the provider's contract to the model: every balance, and
free, owed and locked money against what the contract holds. No wei comes or goes elsewhere.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pekanu.errors import Rejected, TransactionReverted
from pekanu.storage import actions as act
from pekanu.storage.state import AgreementState, Status
from pekanu.types import ZERO_ADDRESS, Address, Seconds, Wei
from support.storage_world import (
    AGENT,
    OWNER,
    PENALTY,
    PRICE,
    PROVIDER,
    RESERVATION,
    RESPONSE,
    STRANGER,
    TERM,
    StorageWorld,
)

PEOPLE = st.sampled_from([PROVIDER, OWNER, AGENT, STRANGER])
VALUES = st.sampled_from([0, 1, RESERVATION, PRICE, PENALTY])
WHICH = st.integers(0, 2)


class StorageConservation(RuleBasedStateMachine):
    """Anybody calls anything, on any of three agreements; the third renews."""

    @initialize()
    def start(self) -> None:
        self.world = world = StorageWorld()
        begins = (0, 0, Seconds(world.now + 700))
        self.quotes = [
            world.make_quote(price=PRICE + n, starts_at=begin, valid_until=world.now + 10_000)
            for n, begin in enumerate(begins)
        ]
        self.states = [AgreementState() for _ in self.quotes]
        self.wealth = self.get_wealth()

    def get_wealth(self) -> int:
        """Return all money that anybody has here, what was burned included."""
        world = self.world
        places = [world.server.address, world.client.address, ZERO_ADDRESS]
        people = [PROVIDER, OWNER, AGENT, STRANGER]
        return sum(world.chain.balance(place) for place in (*places, *people))

    def attempt(self, which: int, action: act.Action) -> None:
        world = self.world
        world.quote, world.state = self.quotes[which], self.states[which]
        try:
            world.do(action)
        except Rejected:
            return
        self.states[which] = world.state

    def use(self, which: int) -> StorageWorld:
        self.world.quote, self.world.state = self.quotes[which], self.states[which]
        return self.world

    @rule(amount=VALUES)
    def deposit(self, amount: int) -> None:
        self.world.deposit(amount)

    @rule(who=PEOPLE, amount=VALUES)
    def withdraw(self, who: Address, amount: int) -> None:
        free = self.world.ledger.free if who == PROVIDER else 0
        try:
            self.world.server.call("withdraw", amount, sender=who)
        except TransactionReverted:
            assert amount > free
            return
        if who == PROVIDER:
            self.world.ledger = self.world.ledger.deposit(-amount)

    @rule(amount=VALUES)
    def rebate(self, amount: int) -> None:
        world, client = self.world, self.world.client.address
        try:
            world.server.call("rebate", client, amount, sender=PROVIDER)
        except TransactionReverted:
            assert amount > world.ledger.free
            return
        world.ledger = world.ledger.rebate(client, Wei(amount))

    @rule()
    def collect_into_budget(self) -> None:
        world, client = self.world, self.world.client.address
        world.client.call("collect", sender=STRANGER)
        world.ledger = world.ledger.owe(client, -world.ledger.get(client))

    @rule(amount=VALUES)
    def withdraw_budget(self, amount: int) -> None:
        self.world.client.call("withdraw", amount, sender=OWNER)

    @rule(seconds=st.sampled_from([1, 60, RESPONSE, RESPONSE + 1, 301, TERM // 2, TERM]))
    def wait(self, seconds: int) -> None:
        self.world.wait(seconds)

    @rule(which=WHICH, signed=st.booleans())
    def pay(self, which: int, signed: bool) -> None:  # noqa: FBT001 - drawn
        self.attempt(which, self.use(which).pay(is_signed=signed))

    @rule(which=WHICH, signed=st.booleans(), by_provider=st.booleans())
    def confirm(self, which: int, signed: bool, by_provider: bool) -> None:  # noqa: FBT001 - drawn
        many = act.ConfirmByProvider(sender=PROVIDER, is_provider=True)
        action = many if by_provider else self.use(which).confirm(is_signed=signed)
        self.attempt(which, action)

    @rule(
        which=WHICH,
        by_contract=st.booleans(),
        place=st.sampled_from([(0, 3, 1), (0, 18, 9), (1, 5, 1), (2, 0, 40)]),
        more=st.sampled_from([-1, 0, 10**9]),
    )
    def challenge(
        self,
        which: int,
        by_contract: bool,  # noqa: FBT001 - drawn
        place: tuple[int, int, int],
        more: int,
    ) -> None:
        world = self.use(which)
        chunk, leaf, count = place
        sender = world.client.address if by_contract else AGENT
        action = world.challenge(sender=sender, chunk=chunk, leaf=leaf, count=count)
        fields = {"chunk": chunk, "leaf": leaf, "count": count, "value": action.value + more}
        self.attempt(which, world.challenge(sender=sender, **fields))

    @rule(which=WHICH, count=st.sampled_from([1, 2, 32]), proven=st.booleans())
    def answer(self, which: int, count: int, proven: bool) -> None:  # noqa: FBT001 - drawn
        world = self.use(which)
        if world.state.status is Status.CHALLENGED and world.state.chunk == 1:
            self.attempt(which, world.answer_count(is_proven=proven))
        else:
            self.attempt(which, world.answer(count, is_proven=proven))

    @rule(which=WHICH, kind=st.sampled_from([act.Fine, act.Reclaim, act.Collect, act.GiveBack]))
    def named(self, which: int, kind: type[act.Action]) -> None:
        world = self.use(which)
        sender = world.client.address if kind is act.GiveBack else STRANGER
        self.attempt(which, kind(sender=sender))

    @rule(which=WHICH, contradicts=st.booleans())
    def equivocate(self, which: int, contradicts: bool) -> None:  # noqa: FBT001 - drawn
        self.attempt(which, self.use(which).fine_equivocation(contradicts=contradicts))

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "states"):
            return
        world = self.world
        assert world.held == world.ledger.total
        assert self.get_wealth() == self.wealth
        reserved = sum(
            quote.terms.penalty
            for quote, state in zip(self.quotes, self.states, strict=True)
            if state.status.is_live
        )
        assert world.ledger.locked >= reserved
        if all(state.status.is_live is False for state in self.states):
            for which, state in enumerate(self.states):
                if state.status is Status.FINED:
                    self.attempt(which, self.use(which).named(act.Collect, STRANGER))
            assert world.ledger.locked == 0


TestStorageConservation = StorageConservation.TestCase
TestStorageConservation.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
