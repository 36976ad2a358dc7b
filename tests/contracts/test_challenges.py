"""The three calls of a task's referee: who gets bonds and stake, and who can bait whom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pekanu.crypto.keccak import keccak256
from pekanu.errors import Rejected
from pekanu.market import actions as act
from pekanu.market.state import Status
from pekanu.types import Address, Wei
from support.world import AGENT, CHALLENGER, CLIENT, PRICE, STAKE, STRANGER, WORKER, World

BOND = Wei(3 * 10**15)
NUMBERS = [keccak256(f"challenge {i}".encode()) for i in range(4)]
FIRST, SECOND, THIRD, _ = NUMBERS
HALF = STAKE // 2


def challenge(world: World, who: Address, number: bytes = FIRST) -> None:
    world.do(
        act.OpenChallenge(
            sender=world.referee.address,
            value=BOND,
            claim_hash=world.claim_hash,
            number=number,
            challenger=who,
        )
    )


def dismiss(world: World, number: bytes = FIRST) -> None:
    world.do(act.Dismiss(sender=world.referee.address, number=number))


def rule(world: World, number: bytes = FIRST) -> None:
    world.do(act.RuleAgainstWorker(sender=world.referee.address, number=number))


def close(world: World, number: bytes = FIRST) -> None:
    world.do(act.CloseChallenge(sender=STRANGER, number=number))


def settle(world: World) -> None:
    world.do(act.Settle(sender=STRANGER, claim_hash=world.claim_hash, is_signed=True))


def finalize(world: World) -> None:
    world.pass_to(world.state.deadline + 1)
    world.do(act.Finalize(sender=STRANGER, claim_hash=world.claim_hash))


@pytest.fixture
def delivered(world: World) -> Iterator[World]:
    world.deliver()
    yield world
    if world.state.status.is_terminal:
        assert world.ledger.locked == sum(c.bond for c in world.state.challenges), "money is stuck"


def test_rule__when_a_challenger_is_right__then_the_stake_is_halved(delivered: World) -> None:
    challenge(delivered, CHALLENGER)
    rule(delivered)
    assert delivered.state.status is Status.REFUTED
    assert delivered.get_gains() == {CLIENT: STAKE - HALF, WORKER: -STAKE}
    assert delivered.ledger.get(CHALLENGER) == BOND + HALF


@pytest.mark.parametrize("who", [CLIENT, AGENT])
def test_rule__when_the_client_challenged__then_it_gets_the_whole_stake(
    delivered: World, who: Address
) -> None:
    challenge(delivered, who)
    rule(delivered)
    bond = BOND if who == CLIENT else 0
    assert delivered.get_gains() == {CLIENT: STAKE + bond, WORKER: -STAKE}
    assert delivered.ledger.get(AGENT) == BOND - bond


def test_dismiss__when_a_challenge_is_false__then_the_bond_is_the_workers(
    delivered: World,
) -> None:
    challenge(delivered, CHALLENGER)
    with pytest.raises(Rejected, match="challenged"):
        finalize(delivered)
    dismiss(delivered)
    finalize(delivered)
    assert delivered.get_gains() == {CLIENT: -PRICE, WORKER: PRICE + BOND}


def test_dismiss__when_a_shill_loses_on_purpose__then_the_next_challenge_still_wins(
    delivered: World,
) -> None:
    challenge(delivered, STRANGER, FIRST)
    challenge(delivered, CHALLENGER, SECOND)
    dismiss(delivered, FIRST)
    with pytest.raises(Rejected, match="challenge used"):
        challenge(delivered, STRANGER, FIRST)
    rule(delivered, SECOND)
    assert delivered.ledger.get(CHALLENGER) == BOND + HALF
    assert delivered.get_gains() == {CLIENT: STAKE - HALF, WORKER: BOND - STAKE}


def test_rule__when_the_worker_challenges_itself__then_half_the_stake_is_lost(
    delivered: World,
) -> None:
    challenge(delivered, WORKER)
    rule(delivered)
    assert delivered.get_gains() == {CLIENT: STAKE - HALF, WORKER: HALF + BOND - STAKE}


def test_settle__when_the_client_challenged_before__then_its_bond_is_lost(
    delivered: World,
) -> None:
    challenge(delivered, CLIENT)
    settle(delivered)
    assert delivered.state.status is Status.SETTLED
    with pytest.raises(Rejected, match="challenge closed"):
        rule(delivered)
    close(delivered)
    assert delivered.get_gains() == {CLIENT: -PRICE, WORKER: PRICE + BOND}
    with pytest.raises(Rejected, match="no such challenge"):
        close(delivered)


def test_settle__when_others_challenge__then_the_stake_waits_for_them(delivered: World) -> None:
    challenge(delivered, CHALLENGER)
    settle(delivered)
    assert delivered.get_gains() == {CLIENT: -PRICE, WORKER: PRICE - STAKE}
    with pytest.raises(Rejected, match="challenge open"):
        close(delivered)
    rule(delivered)
    assert delivered.ledger.get(CHALLENGER) == BOND + HALF
    assert delivered.get_gains() == {CLIENT: STAKE - HALF - PRICE, WORKER: PRICE - STAKE}


def test_settle__when_others_challenge_and_lose__then_the_stake_returns_with_the_last(
    delivered: World,
) -> None:
    challenge(delivered, CHALLENGER, FIRST)
    challenge(delivered, STRANGER, SECOND)
    challenge(delivered, CLIENT, THIRD)
    settle(delivered)
    dismiss(delivered, FIRST)
    assert delivered.get_gains()[WORKER] == PRICE - STAKE + BOND
    dismiss(delivered, SECOND)
    close(delivered, THIRD)
    assert delivered.get_gains() == {CLIENT: -PRICE, WORKER: PRICE + 3 * BOND}


def test_rule__when_the_stake_waited__then_the_others_bonds_return(delivered: World) -> None:
    challenge(delivered, CHALLENGER, FIRST)
    challenge(delivered, STRANGER, SECOND)
    challenge(delivered, CLIENT, THIRD)
    settle(delivered)
    rule(delivered, FIRST)
    with pytest.raises(Rejected, match="challenge closed"):
        rule(delivered, SECOND)
    close(delivered, SECOND)
    close(delivered, THIRD)
    assert delivered.ledger.get(STRANGER) == BOND
    assert delivered.get_gains() == {CLIENT: STAKE - HALF - PRICE, WORKER: PRICE - STAKE + BOND}


def test_resolve__when_others_challenge__then_the_stake_waits_and_the_clients_bond_returns(
    delivered: World,
) -> None:
    challenge(delivered, CHALLENGER, FIRST)
    challenge(delivered, CLIENT, SECOND)
    agreed = act.Resolve(
        sender=STRANGER, to_client=PRICE, is_client_signed=True, is_worker_signed=True
    )
    delivered.do(agreed)
    close(delivered, SECOND)
    assert delivered.get_gains() == {CLIENT: BOND, WORKER: -STAKE}
    rule(delivered, FIRST)
    assert delivered.get_gains() == {CLIENT: BOND + STAKE - HALF, WORKER: -STAKE}


def test_forfeit__when_challenges_are_open__then_their_bonds_return(delivered: World) -> None:
    challenge(delivered, CHALLENGER, FIRST)
    challenge(delivered, CLIENT, SECOND)
    delivered.do(act.DemandKey(sender=CLIENT, claim_hash=delivered.claim_hash))
    delivered.pass_to(delivered.state.deadline + 1)
    delivered.do(act.Forfeit(sender=STRANGER, claim_hash=delivered.claim_hash))
    close(delivered, FIRST)
    close(delivered, SECOND)
    assert delivered.ledger.get(CHALLENGER) == BOND
    assert delivered.get_gains() == {CLIENT: STAKE + BOND, WORKER: -STAKE}


def test_challenge__when_late__then_refused_but_during_a_demand_admitted(delivered: World) -> None:
    delivered.do(act.DemandKey(sender=CLIENT, claim_hash=delivered.claim_hash))
    delivered.pass_to(delivered.state.deadline + 1)
    challenge(delivered, CHALLENGER, FIRST)
    rule(delivered)


def test_challenge__when_the_audit_is_over__then_refused(delivered: World) -> None:
    delivered.pass_to(delivered.state.deadline + 1)
    with pytest.raises(Rejected, match="deadline over"):
        challenge(delivered, CHALLENGER)


@pytest.mark.parametrize("sender", [CLIENT, WORKER, CHALLENGER])
def test_challenge__when_not_by_the_referee__then_refused(
    delivered: World, sender: Address
) -> None:
    opened = act.OpenChallenge(
        sender=sender,
        value=BOND,
        claim_hash=delivered.claim_hash,
        number=FIRST,
        challenger=CHALLENGER,
    )
    with pytest.raises(Rejected, match="not the referee"):
        delivered.do(opened)
    challenge(delivered, CHALLENGER)
    for action in (
        act.Dismiss(sender=sender, number=FIRST),
        act.RuleAgainstWorker(sender=sender, number=FIRST),
    ):
        with pytest.raises(Rejected, match="not the referee"):
            delivered.do(action)
    dismiss(delivered)
