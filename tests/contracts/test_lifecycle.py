"""Each call of the market where it holds and where somebody breaks its rule, with all balances.

`World.do` tries every action on the contract and on the pure model and compares word and balances.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pekanu.errors import Rejected
from pekanu.market import actions as act
from pekanu.market.state import Status
from pekanu.types import Address, Seconds, Wei
from support.world import AGENT, CHALLENGER, CLIENT, FEE, PRICE, STAKE, STRANGER, WORKER, World


def refuse(world: World, action: act.Action, reason: str, evidence: bytes = b"") -> None:
    with pytest.raises(Rejected) as caught:
        world.do(action, evidence)
    assert caught.value.reason == f"market: {reason}"


# --- offer and acceptance


def test_post__when_paid__then_the_price_is_locked(world: World) -> None:
    world.do(act.Post(sender=CLIENT, value=PRICE))
    assert world.state.status is Status.OPEN
    assert (world.ledger.locked, world.ledger.get(CLIENT)) == (PRICE, 0)


def test_post__when_overpaid__then_the_rest_is_free_money(world: World) -> None:
    world.do(act.Post(sender=CLIENT, value=Wei(PRICE + 7)))
    assert world.ledger.get(CLIENT) == 7


def test_post__when_underpaid__then_the_ledger_pays_the_rest(world: World) -> None:
    world.deposit(CLIENT, 10)
    refuse(world, act.Post(sender=CLIENT, value=Wei(PRICE - 11)), "balance too low")
    world.do(act.Post(sender=CLIENT, value=Wei(PRICE - 10)))
    assert world.ledger.get(CLIENT) == 0


def test_post__when_not_the_client__then_refused(world: World) -> None:
    refuse(world, act.Post(sender=STRANGER, value=PRICE), "not the client")


def test_post__when_used_before__then_refused_for_ever(world: World) -> None:
    world.do(act.Post(sender=CLIENT, value=PRICE))
    refuse(world, act.Post(sender=CLIENT, value=PRICE), "task used")
    world.do(act.Cancel(sender=CLIENT))
    refuse(world, act.Post(sender=CLIENT, value=PRICE), "task used")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"count": 0}, "no items"),
        ({"compute_window": 59}, "window out of bounds"),
        ({"audit_window": 1}, "window out of bounds"),
        ({"response_window": 0}, "window out of bounds"),
        ({"response_window": 30 * 86400 + 1}, "window out of bounds"),
        ({"price": 1 << 96}, "too much money"),
        ({"stake": 1 << 255}, "too much money"),
        ({"chunk_fee": (1 << 256) - 1}, "too much money"),
        ({"offered_until": 5}, "offer over"),
    ],
)
def test_post__when_terms_are_hostile__then_refused(
    world: World, changes: dict[str, int], reason: str
) -> None:
    world.task = world.make_task(**changes)
    refuse(world, act.Post(sender=CLIENT), reason)


def test_cancel__when_open__then_the_price_returns(world: World) -> None:
    world.do(act.Post(sender=CLIENT, value=PRICE))
    refuse(world, act.Cancel(sender=WORKER), "not the client")
    world.do(act.Cancel(sender=CLIENT))
    assert (world.ledger.get(CLIENT), world.ledger.locked) == (PRICE, 0)
    refuse(world, act.Cancel(sender=CLIENT), "not open")
    refuse(world, act.Accept(sender=WORKER, value=STAKE), "not open")


def test_accept__when_open__then_the_stake_is_locked(world: World) -> None:
    world.do(act.Post(sender=CLIENT, value=PRICE))
    refuse(world, act.Accept(sender=WORKER, value=Wei(STAKE - 1)), "balance too low")
    world.do(act.Accept(sender=WORKER, value=STAKE))
    assert (world.state.worker, world.ledger.locked) == (WORKER, PRICE + STAKE)
    refuse(world, act.Accept(sender=STRANGER, value=STAKE), "not open")
    refuse(world, act.Cancel(sender=CLIENT), "not open")


def test_accept__when_the_offer_ends__then_valid_at_the_last_second_only(world: World) -> None:
    world.do(act.Post(sender=CLIENT, value=PRICE))
    world.pass_to(world.task.offered_until + 1)
    refuse(world, act.Accept(sender=WORKER, value=STAKE), "offer over")
    world.pass_to(world.task.offered_until)
    world.do(act.Accept(sender=WORKER, value=STAKE))


def test_post_accepted__when_signed__then_both_are_bound_at_once(world: World) -> None:
    world.accept()
    assert world.state.status is Status.ACCEPTED
    assert world.state.deadline == world.now + world.task.compute_window
    assert world.ledger.locked == PRICE + STAKE


def test_post_accepted__when_the_signature_is_not_the_workers__then_refused(world: World) -> None:
    world.deposit(WORKER, STAKE)
    action = act.PostAccepted(
        sender=CLIENT,
        value=PRICE,
        worker=WORKER,
        expiry=Seconds(world.now + 300),
        is_signed=False,
    )
    refuse(world, action, "worker did not sign")


def test_post_accepted__when_the_acceptance_is_over__then_refused(world: World) -> None:
    world.deposit(WORKER, STAKE)
    action = act.PostAccepted(
        sender=CLIENT, value=PRICE, worker=WORKER, expiry=Seconds(world.now), is_signed=True
    )
    world.pass_to(world.now + 1)
    refuse(world, action, "acceptance over")
    world.pass_to(world.now - 1)
    world.do(action)


def test_post_accepted__when_the_worker_has_no_collateral__then_refused(world: World) -> None:
    world.deposit(WORKER, STAKE - 1)
    action = act.PostAccepted(
        sender=CLIENT,
        value=PRICE,
        worker=WORKER,
        expiry=Seconds(world.now + 300),
        is_signed=True,
    )
    refuse(world, action, "balance too low")


# --- delivery and payment


def test_settle__when_approved_before_delivery__then_two_transactions_suffice(world: World) -> None:
    world.accept()
    world.do(act.Settle(sender=STRANGER, claim_hash=world.claim_hash, is_signed=True))
    assert world.get_gains() == {CLIENT: -PRICE, WORKER: PRICE}
    assert world.ledger.locked == 0


def test_settle__when_not_signed__then_refused(world: World) -> None:
    world.accept()
    action = act.Settle(sender=WORKER, claim_hash=world.claim_hash, is_signed=False)
    refuse(world, action, "client did not sign")


def test_settle__when_settled__then_never_again(world: World) -> None:
    world.accept()
    action = act.Settle(sender=WORKER, claim_hash=world.claim_hash, is_signed=True)
    world.do(action)
    refuse(world, action, "not live")


def test_deliver__when_in_time__then_the_audit_begins(world: World) -> None:
    world.accept()
    action = act.Deliver(sender=WORKER, claim_hash=world.claim_hash)
    refuse(world, act.Deliver(sender=STRANGER, claim_hash=world.claim_hash), "not the worker")
    world.pass_to(world.state.deadline + 1)
    refuse(world, action, "deadline over")
    world.pass_to(world.state.deadline)
    world.do(action)
    assert world.state.deadline == world.now + world.task.audit_window
    refuse(world, action, "not accepted")


def test_expire__when_the_worker_never_delivers__then_the_client_gets_price_and_stake(
    world: World,
) -> None:
    world.accept()
    world.pass_to(world.state.deadline)
    refuse(world, act.Expire(sender=CLIENT), "too early")
    world.pass_to(world.state.deadline + 1)
    world.do(act.Expire(sender=STRANGER))
    assert world.get_gains() == {CLIENT: STAKE, WORKER: -STAKE}


def test_approve__when_by_the_client__then_paid(world: World) -> None:
    world.deliver()
    refuse(world, act.Approve(sender=AGENT, claim_hash=world.claim_hash), "not the client")
    world.do(act.Approve(sender=CLIENT, claim_hash=world.claim_hash))
    assert world.get_gains() == {CLIENT: -PRICE, WORKER: PRICE}


def test_finalize__when_the_client_vanishes__then_the_worker_is_paid(world: World) -> None:
    world.deliver()
    action = act.Finalize(sender=STRANGER, claim_hash=world.claim_hash)
    world.pass_to(world.state.deadline)
    refuse(world, action, "too early")
    world.pass_to(world.state.deadline + 1)
    world.do(action)
    assert world.get_gains() == {CLIENT: -PRICE, WORKER: PRICE}
    refuse(world, action, "not delivered")


@pytest.mark.parametrize("part", [0, 1, PRICE])
def test_resolve__when_both_sign__then_the_price_is_split(world: World, part: int) -> None:
    world.accept()
    action = act.Resolve(
        sender=STRANGER, to_client=Wei(part), is_client_signed=True, is_worker_signed=True
    )
    world.do(action)
    assert world.get_gains() == {CLIENT: part - PRICE, WORKER: PRICE - part}
    refuse(world, action, "not live")


@pytest.mark.parametrize("taker", [WORKER, CHALLENGER, CLIENT])
def test_resolve__when_an_open_offer_was_taken__then_its_taker_signs(
    world: World, taker: Address
) -> None:
    world.deposit(taker, STAKE)
    world.do(act.Post(sender=CLIENT, value=PRICE))
    world.do(act.Accept(sender=taker, value=Wei(0)))
    action = act.Resolve(
        sender=STRANGER, to_client=Wei(1), is_client_signed=True, is_worker_signed=True
    )
    world.do(action)
    paid = [(CLIENT, 1), (taker, STAKE + PRICE - 1)]
    for who in (CLIENT, taker):
        assert world.ledger.get(who) == sum(amount for one, amount in paid if one == who)
    assert world.ledger.locked == 0
    refuse(world, action, "not live")


@pytest.mark.parametrize(
    ("part", "signers", "reason"),
    [
        (1, {"worker"}, "client did not sign"),
        (1, {"client"}, "worker did not sign"),
        (PRICE + 1, {"client", "worker"}, "more than the price"),
    ],
)
def test_resolve__when_one_did_not_agree__then_refused(
    world: World, part: int, signers: set[str], reason: str
) -> None:
    world.accept()
    action = act.Resolve(
        sender=CLIENT,
        to_client=Wei(part),
        is_client_signed="client" in signers,
        is_worker_signed="worker" in signers,
    )
    refuse(world, action, reason)


# --- demands


def test_demand_key__when_answered__then_the_audit_begins_anew(world: World) -> None:
    world.deliver()
    refuse(world, act.DemandKey(sender=WORKER, claim_hash=world.claim_hash), "not the client")
    world.do(act.DemandKey(sender=AGENT, claim_hash=world.claim_hash))
    reveal = act.RevealKey(sender=WORKER, claim_hash=world.claim_hash, is_opening=True)
    wrong = act.RevealKey(sender=WORKER, claim_hash=world.claim_hash, is_opening=False)
    refuse(world, wrong, "wrong key")
    world.pass_to(world.state.deadline)
    world.do(reveal)
    assert world.state.deadline == world.now + world.task.audit_window
    refuse(world, reveal, "key not demanded")
    again = act.DemandKey(sender=CLIENT, claim_hash=world.claim_hash)
    refuse(world, again, "demanded before")


def test_demand_key__when_unanswered__then_forfeited(world: World) -> None:
    world.deliver()
    world.do(act.DemandKey(sender=CLIENT, claim_hash=world.claim_hash))
    forfeit = act.Forfeit(sender=STRANGER, claim_hash=world.claim_hash)
    world.pass_to(world.state.deadline)
    refuse(world, forfeit, "too early")
    world.pass_to(world.state.deadline + 1)
    reveal = act.RevealKey(sender=WORKER, claim_hash=world.claim_hash, is_opening=True)
    refuse(world, reveal, "deadline over")
    world.do(forfeit)
    assert world.get_gains() == {CLIENT: STAKE, WORKER: -STAKE}


def test_demand_key__when_the_audit_is_over__then_refused(world: World) -> None:
    world.deliver()
    world.pass_to(world.state.deadline + 1)
    refuse(world, act.DemandKey(sender=CLIENT, claim_hash=world.claim_hash), "deadline over")


def demand(world: World, item: int, first: int, count: int, **changes: object) -> act.DemandChunks:
    chunks = world.batch.items[item].chunks if first >= 32 else None
    fields: dict[str, object] = {
        "sender": CLIENT,
        "claim_hash": world.claim_hash,
        "value": Wei(FEE * count),
        "item": item,
        "first": first,
        "count": count,
        "chunks": chunks,
    }
    return act.DemandChunks(**(fields | changes))


def supply(world: World, item: int, first: int, count: int, bits: int) -> None:
    action = act.SupplyChunks(sender=WORKER, claim_hash=world.claim_hash, supplied=bits)
    world.do(action, world.batch.supply_evidence(item, first, count))


def test_demand_chunks__when_supplied_in_parts__then_the_fee_is_the_workers(world: World) -> None:
    world.use([bytes(range(256)) * 20])  # 5,120 bytes: six chunks
    world.deliver()
    world.do(demand(world, 0, 1, 5))
    refuse(world, demand(world, 0, 0, 1), "demand open")
    supply(world, 0, 3, 3, 0b11100)
    supply(world, 0, 2, 1, 0b00010)
    finalize = act.Finalize(sender=WORKER, claim_hash=world.claim_hash)
    world.pass_to(world.state.deadline)
    refuse(world, finalize, "demand open")
    supply(world, 0, 1, 1, 0b00001)
    assert world.state.status is Status.DELIVERED
    assert world.state.deadline == world.now + world.task.audit_window
    assert world.ledger.get(WORKER) == 5 * FEE


def test_demand_chunks__when_they_do_not_exist__then_the_result_answers(world: World) -> None:
    world.use([b"short"])
    world.deliver()
    world.do(demand(world, 0, 5, 20))
    supply(world, 0, 0, 0, (1 << 20) - 1)
    assert world.state.status is Status.DELIVERED
    assert world.ledger.get(WORKER) == 20 * FEE


def test_demand_chunks__when_unanswered__then_the_fee_returns(world: World) -> None:
    world.use([bytes(5000)])
    world.deliver()
    world.do(demand(world, 0, 0, 3))
    supply(world, 0, 0, 2, 0b011)
    world.pass_to(world.state.deadline + 1)
    world.do(act.Forfeit(sender=CLIENT, claim_hash=world.claim_hash))
    assert world.get_gains() == {CLIENT: STAKE + 3 * FEE, WORKER: -STAKE}


def test_demand_chunks__when_demanded_before__then_refused(world: World) -> None:
    world.use([bytes(80_000), b"second"])
    world.deliver()
    world.do(demand(world, 0, 40, 2))
    supply(world, 0, 40, 2, 0b11)
    refuse(world, demand(world, 0, 40, 2), "demanded before")
    refuse(world, demand(world, 0, 0, 32), "demanded before")
    world.do(demand(world, 0, 64, 15))
    assert world.state.status is Status.DEMANDED


@pytest.mark.parametrize(
    ("item", "first", "count", "reason"),
    [
        (2, 0, 1, "no such item"),
        (0, 0, 0, "no such chunks"),
        (0, 0, 33, "no such chunks"),
        (0, 65536, 1, "no such chunks"),
        (0, 31, 2, "more than one group"),
        (0, 64, 16, "no such chunks"),
    ],
)
def test_demand_chunks__when_out_of_range__then_refused(
    world: World, item: int, first: int, count: int, reason: str
) -> None:
    world.use([bytes(80_000), b"second"])  # 80,000 bytes: 79 chunks
    world.deliver()
    action = demand(world, 0, first, count)
    action = replace(action, item=item)
    refuse(world, action, reason)


def test_settle__when_a_demand_is_half_met__then_the_fees_are_split(world: World) -> None:
    world.use([bytes(5000)])
    world.deliver()
    world.do(demand(world, 0, 0, 5))
    supply(world, 0, 0, 2, 0b00011)
    world.do(act.Settle(sender=WORKER, claim_hash=world.claim_hash, is_signed=True))
    assert world.get_gains() == {CLIENT: 3 * FEE - PRICE, WORKER: PRICE + 2 * FEE}
    assert world.ledger.locked == 0
