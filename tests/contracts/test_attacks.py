"""Attacks that broke published systems, and those that this design invites, one test each."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_keys.constants import SECPK1_N

from pekanu.crypto.keccak import keccak256
from pekanu.errors import Rejected, TransactionReverted
from pekanu.market import actions as act
from pekanu.market import typed_data
from pekanu.market.state import Status
from pekanu.types import ZERO_ADDRESS, Address, Seconds, Wei
from support.world import CHALLENGER, CLIENT, ETHER, PRICE, STAKE, STRANGER, WORKER, World, sign


def revert(world: World, name: str, *args: object, sender: str = STRANGER, value: int = 0) -> str:
    """Return the reason of a refused call; nothing has moved."""
    with pytest.raises(TransactionReverted) as caught:
        world.market.call(name, *args, sender=sender, value=value)
    world.check()
    return caught.value.reason


# --- published systems


def test_inverted_timeout__when_called_right_after_acceptance__then_no_deposit_moves(
    world: World,
) -> None:
    # SmartJudge: a party could time the other out at once, and nobody after the deadline.
    world.accept()
    for who in (CLIENT, WORKER, STRANGER):
        with pytest.raises(Rejected, match="too early"):
            world.do(act.Expire(sender=who))
    world.pass_to(world.state.deadline + 10**8)
    world.do(act.Expire(sender=STRANGER))


def test_garbage_proof__when_everything_is_right__then_never_paid_for(world: World) -> None:
    # A FairSwap fork returned true before it had looked.
    world.deliver()
    task, claim = world.task.to_abi(), world.batch.claim.to_abi()
    right = world.batch.complaint(0, 5, 0)
    for cut in range(0, len(right), 97):
        revert(world, "complain", task, claim, right[:cut], sender=CLIENT)
    for place in range(0, len(right), 61):
        flipped = bytearray(right)
        flipped[place] ^= 1
        revert(world, "complain", task, claim, bytes(flipped), sender=CLIENT)


def test_true_proof__when_the_seal_is_wrong__then_never_refused() -> None:
    # An OptiSwap check indexed out of bounds: every complaint reverted.
    for chunk in range(5):
        fresh = World()
        fresh.use([bytes(4400)], lies={(0, 5, chunk): b"\x07" * 32})
        fresh.deliver()
        complaint = act.Complain(sender=CLIENT, claim_hash=fresh.claim_hash, is_wrong=True)
        fresh.do(complaint, fresh.batch.complaint(0, 5, chunk))
        assert fresh.state.status is Status.FORFEITED


def test_zero_worker__when_named_in_an_acceptance__then_refused(world: World) -> None:
    # A hackathon contract paid out to the zero address, for which ecrecover vouches.
    world.deposit(WORKER, STAKE)
    action = act.PostAccepted(
        sender=CLIENT,
        value=PRICE,
        worker=ZERO_ADDRESS,
        expiry=Seconds(world.now + 9),
        is_signed=False,
    )
    with pytest.raises(Rejected, match="no worker"):
        world.do(action)


def test_replay__when_a_task_has_ended__then_nothing_pays_again(world: World) -> None:
    # The same contract drained other tasks' money by settling twice.
    world.deliver()
    world.do(act.Settle(sender=STRANGER, claim_hash=world.claim_hash, is_signed=True))
    task, claim = world.task.to_abi(), world.batch.claim.to_abi()
    calls: list[tuple[str, list[object]]] = [
        ("settle", [task, claim, world.sign_approval()]),
        ("approve", [task, claim]),
        ("finalize", [task, claim]),
        ("expire", [task]),
        ("cancel", [task]),
        ("accept", [task]),
        ("deliver", [task, claim]),
        ("demand_key", [task, claim]),
        ("forfeit", [task, claim]),
        ("complain", [task, claim, world.batch.complaint(0, 5, 0)]),
    ]
    world.pass_to(world.now + 10**7)
    for name, args in calls:
        for sender in (CLIENT, WORKER, STRANGER):
            assert revert(world, name, *args, sender=sender)


def test_refund_callback__when_a_party_refuses_money__then_it_blocks_nobody(world: World) -> None:
    # Dave: a contract that reverts on a refund bricked the game. Here money is pulled.
    challenger = world.referee.address
    world.task = world.make_task(referee=challenger)
    world.deliver()
    number = keccak256(b"1")
    opened = act.OpenChallenge(
        sender=challenger,
        value=Wei(5),
        claim_hash=world.claim_hash,
        number=number,
        challenger=challenger,
    )
    world.do(opened)
    world.do(act.RuleAgainstWorker(sender=challenger, number=number))
    assert world.ledger.get(challenger) == 5 + STAKE // 2
    data = world.market.encode("withdraw", 5)
    with pytest.raises(TransactionReverted):
        world.referee.call("pass_on", world.market.address, data)
    world.market.call("withdraw", PRICE, sender=CLIENT)


def test_reentrancy__when_a_withdrawal_calls_back__then_it_takes_its_own_once(
    world: World,
) -> None:
    thief = world.referee
    world.deposit(CLIENT, ETHER)
    world.chain.evm.set_balance(STRANGER, ETHER)
    put = world.market.encode("deposit")
    thief.call("pass_on", world.market.address, put, sender=STRANGER, value=100)
    world.ledger = world.ledger.deposit(thief.address, Wei(100))
    thief.call("set_open", True)
    take = world.market.encode("withdraw", 60)
    for attempt in (take, world.market.encode("withdraw", 40), put):
        thief.call("set_attempt", world.market.address, attempt)
        with pytest.raises(TransactionReverted):
            thief.call("pass_on", world.market.address, take)
        world.check()
    thief.call("set_attempt", ZERO_ADDRESS, b"")
    thief.call("pass_on", world.market.address, take)
    assert world.market.call("ledger", thief.address) == 40


def test_inner_node__when_passed_for_a_result__then_refused(world: World) -> None:
    # A proof check without depth takes an inner node for a leaf, and a leaf for an inner node.
    world.use([b"a", b"b", b"c", b"d"])
    world.deliver()
    paths = [world.batch.results_tree.path(0)]
    for wrong in (paths[0][:1], [*paths[0], bytes(32)], []):
        evidence = world.batch.complaint(0, 5, 0, path=wrong)
        task, claim = world.task.to_abi(), world.batch.claim.to_abi()
        reason = revert(world, "complain", task, claim, evidence, sender=CLIENT)
        assert reason == "seal: not the result"


# --- signatures


def accept_with(world: World, signature: bytes, expiry: int = 0) -> str:
    expiry = expiry or world.now + 300
    task = world.task.to_abi()
    world.market.call("deposit", sender=WORKER, value=STAKE)
    world.ledger = world.ledger.deposit(WORKER, STAKE)
    args = [task, WORKER, expiry, signature]
    return revert(world, "post_accepted", *args, sender=CLIENT, value=PRICE)


@pytest.mark.parametrize("change", ["chain", "market", "task", "expiry"])
def test_acceptance__when_signed_for_another__then_worthless(world: World, change: str) -> None:
    domain, task, expiry = world.domain, world.task, world.now + 300
    match change:
        case "chain":
            domain = replace(domain, chain_id=domain.chain_id + 1)
        case "market":
            domain = replace(domain, market=world.seal_check.address)
        case "task":
            task = replace(task, price=Wei(task.price * 2))
        case _:
            expiry += 1
    document = typed_data.build_acceptance(domain, task, WORKER, expiry)
    reason = accept_with(world, sign("worker", document), world.now + 300)
    assert reason == "market: worker did not sign"


@pytest.mark.parametrize("shape", ["empty", "short", "long", "high s", "v 0", "zeros", "id alone"])
def test_acceptance__when_the_signature_is_not_canonical__then_refused(
    world: World, shape: str
) -> None:
    good = world.sign_acceptance(WORKER, world.now + 300)
    s = int.from_bytes(good[32:64], "big")
    signatures = {
        "empty": b"",
        "short": good[:64],
        "long": good + b"\0",
        "high s": good[:32] + (SECPK1_N - s).to_bytes(32, "big") + bytes([55 - good[64]]),
        "v 0": good[:64] + bytes([good[64] - 27]),
        "zeros": bytes(65),
        "id alone": sign("worker", typed_data.build_approval(world.domain, world.task, bytes(32))),
    }
    assert accept_with(world, signatures[shape]) == "market: worker did not sign"


def test_approval__when_signed_for_another_claim_or_task__then_worthless(world: World) -> None:
    world.accept()
    other = world.make_task(salt=keccak256(b"other"))
    documents = [
        typed_data.build_approval(world.domain, world.task, keccak256(b"other claim")),
        typed_data.build_approval(world.domain, other, world.claim_hash),
        typed_data.build_resolution(world.domain, world.task, 0),
    ]
    task, claim = world.task.to_abi(), world.batch.claim.to_abi()
    for document in documents:
        reason = revert(world, "settle", task, claim, sign("client", document), sender=WORKER)
        assert reason == "market: client did not sign"
    stolen = sign("worker", typed_data.build_approval(world.domain, world.task, world.claim_hash))
    reason = revert(world, "settle", task, claim, stolen, sender=WORKER)
    assert reason == "market: client did not sign"


def test_contract_wallet__when_it_signs_by_eip_1271__then_it_buys_and_pays(world: World) -> None:
    wallet = Address(world.referee.address)
    world.task = world.make_task(client=wallet, agent=ZERO_ADDRESS, referee=ZERO_ADDRESS)
    task = world.task.to_abi()
    world.batch = world.seal([b"an honest output"])
    world.market.call("deposit", sender=WORKER, value=STAKE)
    signature = world.sign_acceptance(WORKER, world.now + 300)
    post = world.market.encode("post_accepted", task, WORKER, world.now + 300, signature)
    world.referee.call("pass_on", world.market.address, post, sender=STRANGER, value=PRICE)
    document = typed_data.build_approval(world.domain, world.task, world.claim_hash)
    digest = keccak256(b"\x19" + b"".join(typed_data.get_signable(document)))
    settle = [task, world.batch.claim.to_abi(), b"any bytes"]
    with pytest.raises(TransactionReverted, match="client did not sign"):
        world.market.call("settle", *settle, sender=STRANGER)
    world.referee.call("sign", digest)
    world.market.call("settle", *settle, sender=STRANGER)
    assert world.market.call("ledger", WORKER) == PRICE + STAKE


# --- this design's own


def test_hostile_referee__when_it_opens_challenges__then_it_cannot_reach_a_balance(
    world: World,
) -> None:
    # Bonds come with the call: a referee of the attacker's own has no hold on anybody's ledger.
    world.deposit(CHALLENGER, ETHER)
    world.deliver()
    opened = act.OpenChallenge(
        sender=world.referee.address,
        claim_hash=world.claim_hash,
        number=keccak256(b"1"),
        challenger=CHALLENGER,
    )
    world.do(opened)
    world.do(act.RuleAgainstWorker(sender=world.referee.address, number=keccak256(b"1")))
    assert world.ledger.get(CHALLENGER) == ETHER + STAKE // 2


def test_front_run_demand__when_the_approval_is_signed__then_settle_ends_it(world: World) -> None:
    world.deliver()
    world.do(act.DemandKey(sender=CLIENT, claim_hash=world.claim_hash))
    world.do(act.Settle(sender=WORKER, claim_hash=world.claim_hash, is_signed=True))
    assert world.get_gains() == {CLIENT: -PRICE, WORKER: PRICE}


def test_forced_money__when_sent_without_a_call__then_refused(world: World) -> None:
    with pytest.raises(TransactionReverted):
        world.chain.send(world.market.address, b"", STRANGER, 5)
    world.check()
