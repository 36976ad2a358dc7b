"""Parties that are contracts which take no money, burn all gas or call back: they hurt nobody else.

At each seat and through every end of a task and of a dispute: all balances are as for anybody, the
others take out all that is theirs, and the contract takes its own once it wants to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from pekanu.dispute.game import Outcome
from pekanu.dispute.moves import Prove, TimeOut
from pekanu.dispute.place import Side
from pekanu.errors import TransactionReverted
from pekanu.market import actions as act
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei
from support.evm import Contract
from support.referee import BOND, RefereeWorld
from support.runs import KnownRun, get_counter_steps, make_counter, scramble
from support.world import CHALLENGER, CLIENT, FEE, PRICE, STAKE, STRANGER, WORKER, World

WorldT = TypeVar("WorldT", bound=World)

STEPS = get_counter_steps(20)
TRUE = KnownRun(make_counter(20), b"", STEPS)
FALSE = KnownRun(make_counter(20), b"", STEPS, departs=STEPS // 2, change=scramble)
HALF = STAKE // 2
#: What a seat has put into the market before anything is won or lost.
STAKES = {"client": PRICE, "worker": STAKE, "challenger": BOND}


# --- who refuses, and how -------------------------------------------------------------------------


def refuse(_world: World, wallet: Contract) -> None:
    wallet.call("set_open", False)


def burn(_world: World, wallet: Contract) -> None:
    wallet.call("set_burning", True, False)


def call_back(world: World, wallet: Contract) -> None:
    """Take the same money once more as it comes."""
    wallet.call("set_open", True)
    attempt = world.market.encode("withdraw", 1)
    wallet.call("set_attempt", world.market.address, attempt)


def take(_world: World, wallet: Contract) -> None:
    """Be a contract like any other."""
    wallet.call("set_open", True)
    wallet.call("set_burning", False, False)
    wallet.call("set_attempt", ZERO_ADDRESS, b"")


KINDS: dict[str, Callable[[World, Contract], None]] = {
    "takes nothing": refuse,
    "burns all gas": burn,
    "calls back": call_back,
}


@dataclass
class Seats:
    """Who sits where: one of them is a contract."""

    client: Address = CLIENT
    worker: Address = WORKER
    challenger: Address = CHALLENGER
    names: tuple[str, ...] = field(default=("client", "worker", "challenger"))

    def get_gains(self, world: World) -> dict[str, int]:
        """Return what each has in the ledger beyond what it put in."""
        return {name: world.ledger.get(getattr(self, name)) - STAKES[name] for name in self.names}


def seat(world: WorldT, who: str, kind: str) -> tuple[Seats, Contract]:
    """Put a contract on a seat."""
    wallet = world.deploy_wallet()
    KINDS[kind](world, wallet)
    seats = Seats(**{who: wallet.address})  # type: ignore[arg-type]
    world.worker = seats.worker
    world.task = world.make_task(
        client=seats.client,
        referee=world.task.referee,
        terms=world.task.terms,
        agent=ZERO_ADDRESS,
    )
    return seats, wallet


def hold_to_payouts(world: World, wallet: Contract) -> None:
    """Assert that the others take out all their money, and the contract its own if it wants to."""
    for account in world.accounts:
        if account not in {wallet.address, world.referee.address}:
            withdraw(world, account, world.ledger.get(account))
    owed = world.ledger.get(wallet.address)
    assert world.chain.balance(world.market.address) == owed
    for make_bad in KINDS.values():
        take(world, wallet)
        make_bad(world, wallet)
        refuse_payout(world, wallet, owed or 1)
    take(world, wallet)
    withdraw(world, wallet.address, owed)
    assert world.chain.balance(world.market.address) == 0
    refuse_payout(world, wallet, 1)


def withdraw(world: World, account: Address, amount: Wei) -> None:
    before = world.chain.balance(account)
    world.send(account, world.market, "withdraw", [amount])
    world.ledger = world.ledger.withdraw(account, amount)
    assert world.chain.balance(account) == before + amount
    world.check()


def refuse_payout(world: World, wallet: Contract, amount: int) -> None:
    """Assert that a withdrawal fails and changes nothing."""
    with pytest.raises(TransactionReverted):
        world.send(wallet.address, world.market, "withdraw", [amount])
    world.check()


def pass_deadline(world: World) -> None:
    world.pass_to(max(world.now, world.state.deadline + 1))


def finalize(world: World) -> None:
    pass_deadline(world)
    world.do(act.Finalize(sender=STRANGER, claim_hash=world.claim_hash))


# --- ends without a dispute -----------------------------------------------------------------------


def cancel(world: World, seats: Seats) -> None:
    world.deposit(seats.worker, STAKE)
    world.do(act.Post(sender=seats.client, value=PRICE))
    world.do(act.Cancel(sender=seats.client))


def accept_and_pay(world: World, seats: Seats) -> None:
    world.do(act.Post(sender=seats.client, value=PRICE))
    world.do(act.Accept(sender=seats.worker, value=STAKE))
    world.do(act.Deliver(sender=seats.worker, claim_hash=world.claim_hash))
    finalize(world)


def expire(world: World, _seats: Seats) -> None:
    world.accept()
    pass_deadline(world)
    world.do(act.Expire(sender=STRANGER))


def approve(world: World, seats: Seats) -> None:
    world.deliver()
    world.do(act.Approve(sender=seats.client, claim_hash=world.claim_hash))


def settle(world: World, _seats: Seats) -> None:
    world.accept()
    world.do(act.Settle(sender=STRANGER, claim_hash=world.claim_hash, is_signed=True))


def deliver_and_wait(world: World, _seats: Seats) -> None:
    world.deliver()
    finalize(world)


def withhold_key(world: World, seats: Seats) -> None:
    world.deliver()
    world.do(act.DemandKey(sender=seats.client, claim_hash=world.claim_hash))
    pass_deadline(world)
    world.do(act.Forfeit(sender=STRANGER, claim_hash=world.claim_hash))


def reveal_key(world: World, seats: Seats) -> None:
    world.deliver()
    world.do(act.DemandKey(sender=seats.client, claim_hash=world.claim_hash))
    revealing = act.RevealKey(sender=seats.worker, claim_hash=world.claim_hash, is_opening=True)
    world.do(revealing)
    finalize(world)


def demand_chunk(world: World, seats: Seats) -> None:
    world.deliver()
    demand = act.DemandChunks(
        sender=seats.client, value=FEE, claim_hash=world.claim_hash, item=0, first=0, count=1
    )
    world.do(demand)


def withhold_chunk(world: World, seats: Seats) -> None:
    demand_chunk(world, seats)
    pass_deadline(world)
    world.do(act.Forfeit(sender=STRANGER, claim_hash=world.claim_hash))


def supply_chunk(world: World, seats: Seats) -> None:
    demand_chunk(world, seats)
    supplying = act.SupplyChunks(sender=seats.worker, claim_hash=world.claim_hash, supplied=1)
    world.do(supplying, world.batch.supply_evidence(0, 0, 1))
    finalize(world)


def complain(world: World, seats: Seats) -> None:
    world.use([bytes(4400)], lies={(0, 5, 0): b"\x07" * 32})
    world.deliver()
    complaint = act.Complain(sender=seats.client, claim_hash=world.claim_hash, is_wrong=True)
    world.do(complaint, world.batch.complaint(0, 5, 0))


def resolve(world: World, _seats: Seats) -> None:
    world.deliver()
    world.do(
        act.Resolve(
            sender=STRANGER, to_client=Wei(PRICE // 4), is_client_signed=True, is_worker_signed=True
        )
    )


#: Each end, and what client and worker gain.
ENDS: dict[str, tuple[Callable[[World, Seats], None], int, int]] = {
    "cancelled": (cancel, 0, 0),
    "expired": (expire, STAKE, -STAKE),
    "approved": (approve, -PRICE, PRICE),
    "settled": (settle, -PRICE, PRICE),
    "finalized": (deliver_and_wait, -PRICE, PRICE),
    "accepted openly and finalized": (accept_and_pay, -PRICE, PRICE),
    "key withheld": (withhold_key, STAKE, -STAKE),
    "key revealed": (reveal_key, -PRICE, PRICE),
    "chunk withheld": (withhold_chunk, STAKE + FEE, -STAKE),
    "chunk supplied": (supply_chunk, -PRICE, PRICE + FEE),
    "complained": (complain, STAKE, -STAKE),
    "resolved": (resolve, PRICE // 4 - PRICE, PRICE - PRICE // 4),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("who", ["client", "worker"])
@pytest.mark.parametrize("end", ENDS)
def test_task__when_a_party_refuses_money__then_it_ends_as_for_anybody(
    end: str, who: str, kind: str
) -> None:
    world = World()
    seats, wallet = seat(world, who, kind)
    world.use()
    play, client, worker = ENDS[end]

    play(world, seats)

    assert seats.get_gains(world) == {"client": client, "worker": worker, "challenger": -BOND}
    assert world.ledger.locked == 0
    hold_to_payouts(world, wallet)


# --- disputes -------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Court:
    """A delivered claim, a challenge of it, and who challenged."""

    world: RefereeWorld
    seats: Seats
    key: Hash32
    who: Address


def convict(court: Court) -> None:
    assert court.world.play(court.key, FALSE, TRUE, court.who) is Outcome.REFUTED


def acquit(court: Court) -> None:
    assert court.world.play(court.key, TRUE, FALSE, court.who) is Outcome.UPHELD
    finalize(court.world)


def never_open(court: Court) -> None:
    """The worker says nothing."""
    assert court.world.play(court.key, None, TRUE, court.who) is Outcome.REFUTED


def leave_worker(court: Court) -> None:
    """The worker opens, and then says nothing."""
    world, key = court.world, court.key
    for side, run, who in (
        (Side.WORKER, FALSE, court.seats.worker),
        (Side.CHALLENGER, TRUE, court.who),
    ):
        move = world.plan(key, side, run, who)
        assert move is not None
        world.move(key, move)
    world.pass_to(world.cases[key].dispute.place.deadline + 1)
    world.move(key, TimeOut(sender=STRANGER))
    assert world.cases[key].dispute.outcome is Outcome.REFUTED


def leave_challenger(court: Court) -> None:
    """The challenger says nothing any more."""
    assert court.world.play(court.key, TRUE, None, court.who) is Outcome.UPHELD
    finalize(court.world)


def bait(court: Court) -> None:
    """Client and worker settle meanwhile; the stake waits."""
    world = court.world
    world.do(act.Settle(sender=STRANGER, claim_hash=world.claim_hash, is_signed=True))
    convict(court)


def bait_in_vain(court: Court) -> None:
    """The same, and the challenger was wrong."""
    world = court.world
    world.do(act.Settle(sender=STRANGER, claim_hash=world.claim_hash, is_signed=True))
    assert world.play(court.key, TRUE, FALSE, court.who) is Outcome.UPHELD


def overtake(court: Court) -> None:
    """The client approves what it has challenged: its bond is the worker's."""
    world = court.world
    world.do(act.Approve(sender=court.seats.client, claim_hash=world.claim_hash))
    world.do(act.CloseChallenge(sender=STRANGER, number=court.key))


def forfeit(court: Court) -> None:
    """The worker answers no demand either: the task ends before the dispute does."""
    world = court.world
    world.do(act.DemandKey(sender=court.seats.client, claim_hash=world.claim_hash))
    pass_deadline(world)
    world.do(act.Forfeit(sender=STRANGER, claim_hash=world.claim_hash))
    world.do(act.CloseChallenge(sender=STRANGER, number=court.key))


#: Whether the worker lied, what comes then, and what client, worker and challenger gain; the client
#: challenges where the last is None, and its bond is not counted as put in.
DISPUTES: dict[str, tuple[bool, Callable[[Court], None], int, int, int | None]] = {
    "convicted": (True, convict, STAKE - HALF, -STAKE, HALF),
    "convicted by the client": (True, convict, STAKE + BOND, -STAKE, None),
    "acquitted": (False, acquit, -PRICE, PRICE + BOND, -BOND),
    "acquitted of the client's charge": (False, acquit, -PRICE, PRICE + BOND, None),
    "never opened": (True, never_open, STAKE - HALF, -STAKE, HALF),
    "worker gone": (True, leave_worker, STAKE - HALF, -STAKE, HALF),
    "challenger gone": (False, leave_challenger, -PRICE, PRICE + BOND, -BOND),
    "client gone": (False, leave_challenger, -PRICE, PRICE + BOND, None),
    "baited": (True, bait, STAKE - HALF - PRICE, PRICE - STAKE, HALF),
    "baited in vain": (False, bait_in_vain, -PRICE, PRICE + BOND, -BOND),
    "overtaken": (False, overtake, -PRICE, PRICE + BOND, None),
    "forfeited": (True, forfeit, STAKE, -STAKE, 0),
    "forfeited to the client": (True, forfeit, STAKE + BOND, -STAKE, None),
}
TRIALS = [
    (end, who)
    for end, found in DISPUTES.items()
    for who in ("client", "worker", "challenger")
    if who != "challenger" or found[-1] is not None
]


def open_court(who: str, kind: str, *, is_lie: bool, is_clients: bool) -> tuple[Court, Contract]:
    world = RefereeWorld([TRUE], [(FALSE if is_lie else TRUE).result])
    seats, wallet = seat(world, who, kind)
    world.deliver()
    challenger = seats.client if is_clients else seats.challenger
    key = world.challenge(challenger, for_client=is_clients)
    return Court(world=world, seats=seats, key=key, who=challenger), wallet


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("end", "who"), TRIALS)
def test_dispute__when_a_party_refuses_money__then_it_ends_as_for_anybody(
    end: str, who: str, kind: str
) -> None:
    is_lie, play, client, worker, challenger = DISPUTES[end]
    court, wallet = open_court(who, kind, is_lie=is_lie, is_clients=challenger is None)

    play(court)

    gains = {"client": client, "worker": worker, "challenger": challenger or 0}
    if challenger is None:
        gains["challenger"] = -BOND  # it has put nothing in
    assert court.seats.get_gains(court.world) == gains
    assert court.world.ledger.locked == 0
    hold_to_payouts(court.world, wallet)


@pytest.mark.parametrize("who", ["worker", "challenger"])
def test_withdrawal__when_it_rules_on_the_payees_dispute_meanwhile__then_neither_happens(
    who: str,
) -> None:
    court, wallet = open_court(who, "takes nothing", is_lie=True, is_clients=False)
    world, key = court.world, court.key
    world.deposit(wallet.address, 100)
    while world.cases[key].dispute.outcome is None:
        move = world.plan(key, Side.WORKER, FALSE, court.seats.worker)
        move = move or world.plan(key, Side.CHALLENGER, TRUE, court.who)
        assert move is not None
        if isinstance(move, Prove):
            take(world, wallet)
            name, arguments = world.build_call(world.cases[key], move)
            attempt = world.referee.encode(name, *arguments)
            wallet.call("set_attempt", world.referee.address, attempt)
            refuse_payout(world, wallet, 100)
            wallet.call("set_attempt", ZERO_ADDRESS, b"")
        world.move(key, move)
    withdraw(world, wallet.address, Wei(100))
    gains = {"client": STAKE - HALF, "worker": -STAKE, "challenger": HALF}
    assert court.seats.get_gains(world) == gains


# --- signatures -----------------------------------------------------------------------------------


def test_settle__when_the_clients_contract_burns_all_gas__then_the_worker_is_paid_later() -> None:
    world = World()
    seats, wallet = seat(world, "client", "takes nothing")
    world.use()
    world.deliver()
    wallet.call("set_burning", True, True)
    task, claim = world.task.to_abi(), world.batch.claim.to_abi()
    with pytest.raises(TransactionReverted):
        world.market.call("settle", task, claim, b"", sender=WORKER)
    world.check()

    finalize(world)

    assert seats.get_gains(world)["worker"] == PRICE
    hold_to_payouts(world, wallet)


def test_post__when_the_workers_contract_burns_all_gas__then_the_client_keeps_its_money() -> None:
    world = World()
    _, wallet = seat(world, "worker", "takes nothing")
    world.use()
    world.deposit(wallet.address, STAKE)
    wallet.call("set_burning", True, True)
    arguments: list[Any] = [world.task.to_abi(), wallet.address, Seconds(world.now + 300), b""]
    before = world.chain.balance(CLIENT)
    with pytest.raises(TransactionReverted):
        world.market.call("post_accepted", *arguments, sender=CLIENT, value=PRICE)
    assert world.chain.balance(CLIENT) == before
    world.check()
