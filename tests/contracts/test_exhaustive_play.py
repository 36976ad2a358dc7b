"""Robust fairness: whatever the others do, whoever follows the protocol gets its due.

All strategies of all others, in every order, on the contract and in the pure model at once.
Source: design/market.md, "Parties".
"""

from __future__ import annotations

import pytest

from pekanu.market import actions as act
from pekanu.market.state import Challenge, Status
from pekanu.types import Wei
from support.play import (
    BOND,
    BY_CHALLENGER,
    BY_CLIENT,
    CHALLENGER,
    CLIENT,
    FEE,
    PRICE,
    RIGHT,
    STAKE,
    STRANGER,
    WORKER,
    WRONG_RESULT,
    WRONG_SEAL,
    Play,
)

Moves = list[tuple[act.Action, str | None]]


def by_client(play: Play) -> Moves:
    """Return what a client without scruples tries, signing whatever helps."""
    return [
        (act.Post(sender=CLIENT), None),
        (
            act.PostAccepted(sender=CLIENT, worker=WORKER, expiry=play.expiry, is_signed=True),
            None,
        ),
        (act.Cancel(sender=CLIENT), None),
        (play.settle(RIGHT), RIGHT),
        (play.settle(WRONG_RESULT), WRONG_RESULT),
        (play.named(act.Approve, CLIENT), None),
        (play.named(act.DemandKey, CLIENT), None),
        (play.demand_chunks(0), None),
        (play.demand_chunks(32), None),
        (play.named(act.Complain, CLIENT, is_wrong=play.claim == WRONG_SEAL), None),
        (play.challenge(BY_CLIENT, CLIENT), None),
    ]


def by_worker(play: Play) -> Moves:
    """Return what a worker without scruples tries."""
    deliveries: Moves = [
        (act.Deliver(sender=WORKER, claim_hash=play.claim_hash(name)), name)
        for name in (RIGHT, WRONG_SEAL, WRONG_RESULT)
    ]
    return [
        (act.Accept(sender=WORKER), None),
        *deliveries,
        (play.named(act.RevealKey, WORKER, is_opening=True), None),
        (play.named(act.RevealKey, WORKER, is_opening=False), None),
        (play.supply(), None),
    ]


def by_challenger(play: Play) -> Moves:
    return [(play.challenge(BY_CHALLENGER, CHALLENGER), None)]


def by_anyone(play: Play) -> Moves:
    return [(action, None) for action in play.anyone()]


def rule_truly(play: Play, _challenge: Challenge) -> list[bool]:
    return [play.claim == WRONG_RESULT]


def rule_with_shills(play: Play, challenge: Challenge) -> list[bool]:
    """Return the truth, and for a challenger that loses on purpose the untruth as well."""
    if play.claim == WRONG_RESULT and challenge.challenger == CHALLENGER:
        return [True, False]
    return [play.claim == WRONG_RESULT]


def get_closing(play: Play) -> act.Action | None:
    """Return the call by which anybody gets the bond of an overtaken challenge moved."""
    state = play.world.state
    for challenge in state.challenges:
        mine = challenge.challenger == CLIENT
        if (
            state.status in {Status.FORFEITED, Status.REFUTED}
            or state.stake_lost
            or (state.status in {Status.SETTLED, Status.RESOLVED} and mine)
        ):
            return act.CloseChallenge(sender=STRANGER, number=challenge.number)
    return None


def get_worker_move(play: Play) -> act.Action | None:
    """Return what an honest worker does."""
    state = play.world.state
    late = play.world.now > state.deadline
    match state.status:
        case Status.OPEN if play.world.now <= play.world.task.offered_until:
            return act.Accept(sender=WORKER)
        case Status.ACCEPTED:
            return act.Deliver(sender=WORKER, claim_hash=play.claim_hash(RIGHT))
        case Status.DEMANDED if state.key_open:
            return play.named(act.RevealKey, WORKER, is_opening=True)
        case Status.DEMANDED:
            return play.supply()
        case Status.DELIVERED if late and not state.challenges:
            return play.named(act.Finalize, WORKER)
        case _:
            return get_closing(play)


def audit(play: Play) -> act.Action:
    """Return what an honest client does during the audit, given nothing beside the chain."""
    if "ciphertext" not in play.known:
        return play.demand_chunks(0)
    if "key" not in play.known:
        return play.named(act.DemandKey, CLIENT)
    if play.claim == WRONG_SEAL:
        return play.named(act.Complain, CLIENT, is_wrong=True)
    if play.claim == WRONG_RESULT:
        return play.challenge(BY_CLIENT, CLIENT)
    return play.named(act.Approve, CLIENT)


def get_client_move(play: Play) -> act.Action | None:
    """Return what an honest client does."""
    state = play.world.state
    late = play.world.now > state.deadline
    match state.status:
        case Status.OPEN if play.world.now > play.world.task.offered_until:
            return act.Cancel(sender=CLIENT)
        case Status.ACCEPTED if late:
            return act.Expire(sender=CLIENT)
        case Status.DEMANDED if late:
            return play.named(act.Forfeit, CLIENT)
        case Status.DELIVERED if BY_CLIENT not in state.used:
            return audit(play)
        case _:
            return get_closing(play)


def test_play__when_the_worker_is_honest__then_it_is_paid_whatever_the_others_do() -> None:
    play = Play()

    def others(play: Play) -> Moves:
        return by_client(play) + by_challenger(play) + by_anyone(play)

    def judge(play: Play) -> None:
        if play.world.state.status is Status.CANCELLED:
            assert play.gain(WORKER) == 0
        else:
            assert play.world.state.status is Status.SETTLED
            assert play.gain(WORKER) >= PRICE
        assert play.world.ledger.locked == 0

    play.explore(others, get_worker_move, rule_truly, judge)
    hold_to_coverage(play, 300, {"Settle", "Finalize", "RevealKey", "SupplyChunks", "Dismiss"})


@pytest.mark.parametrize("is_offered", [True, False])
def test_play__when_the_client_is_honest__then_it_gets_the_output_or_half_the_stake(
    is_offered: bool,  # noqa: FBT001 - which way the task began
) -> None:
    play = Play()
    if is_offered:
        play.must(act.Post(sender=CLIENT))
    else:
        play.must(
            act.PostAccepted(sender=CLIENT, worker=WORKER, expiry=play.expiry, is_signed=True)
        )

    def others(play: Play) -> Moves:
        return by_worker(play) + by_challenger(play) + by_anyone(play)

    def judge(play: Play) -> None:
        status = play.world.state.status
        fees = play.world.state.cursor * FEE
        if status is Status.SETTLED:
            assert play.claim == RIGHT
            assert {"ciphertext", "key"} <= play.known
            assert play.gain(CLIENT) >= -PRICE - fees
        elif status is Status.CANCELLED:
            assert play.gain(CLIENT) == 0
        else:
            assert status in {Status.EXPIRED, Status.FORFEITED, Status.REFUTED}
            assert play.gain(CLIENT) >= STAKE // 2 - fees
        assert play.world.ledger.locked == 0

    play.explore(others, get_client_move, rule_with_shills, judge)
    hold_to_coverage(play, 100, {"Complain", "Forfeit", "RuleAgainstWorker", "Expire", "Approve"})


def test_play__when_the_challenger_is_honest__then_nobody_can_bait_it() -> None:
    play = Play()
    # What could bait a challenger: everything that ends or delays a wrong result's task.
    tried = (act.Settle, act.Approve, act.DemandKey, act.OpenChallenge, act.RevealKey)

    def others(play: Play) -> Moves:
        agreed = act.Resolve(
            sender=STRANGER, to_client=Wei(PRICE), is_client_signed=True, is_worker_signed=True
        )
        moves = [m for m in by_client(play) + by_worker(play) if isinstance(m[0], tried)]
        return [*moves, *by_anyone(play), (agreed, None)]

    def challenge_lies(play: Play) -> act.Action | None:
        state = play.world.state
        auditing = state.status.is_claimed and (
            state.status is Status.DEMANDED or play.world.now <= state.deadline
        )
        if auditing and play.claim == WRONG_RESULT and BY_CHALLENGER not in state.used:
            return play.challenge(BY_CHALLENGER, CHALLENGER)
        return get_closing(play)

    def judge(play: Play) -> None:
        state = play.world.state
        # The bond came from the referee's own balance here.
        gain = play.gain(CHALLENGER) - BOND * (BY_CHALLENGER in state.used)
        assert gain >= 0
        if BY_CHALLENGER in state.used and state.status in {Status.SETTLED, Status.RESOLVED}:
            assert gain == STAKE // 2

    play.must(act.PostAccepted(sender=CLIENT, worker=WORKER, expiry=play.expiry, is_signed=True))
    lie = act.Deliver(sender=WORKER, claim_hash=play.claim_hash(WRONG_RESULT))
    play.must(lie, WRONG_RESULT)
    play.explore(others, challenge_lies, rule_truly, judge)
    hold_to_coverage(play, 50, {"RuleAgainstWorker", "Settle", "Resolve", "CloseChallenge"})


def hold_to_coverage(play: Play, positions: int, actions: set[str]) -> None:
    """Refuse a play that was not exhaustive: too few positions, or an action that never came."""
    assert len(play.seen) >= positions
    done = {name for name, good in play.counts if good}
    assert actions <= done, actions - done
