"""Robust fairness of storage: whatever the others do, whoever follows the protocol gets its due.

All moves of all others, in every order, on the contracts and in the pure model at once.
Source: design/storage.md, "Who can hurt whom".
"""

from __future__ import annotations

from pekanu.storage import actions as act
from pekanu.storage.money import get_end, get_release, get_vested
from pekanu.storage.state import Status
from pekanu.types import Wei
from support.storage_play import CONTRADICT, DROP, UPLOAD, Move, StoragePlay
from support.storage_world import (
    ENTRIES,
    FEE,
    PENALTY,
    PRICE,
    PROVIDER,
    RESERVATION,
    STRANGER,
    TERM,
)

_LAST = ENTRIES[1].leaf_count


def by_anyone(play: StoragePlay) -> list[Move]:
    """Return what a stranger tries at any time, with what everybody can see."""
    world = play.world
    return [
        world.confirm(is_signed=False),
        world.named(act.Fine),
        world.named(act.Reclaim),
        world.named(act.Collect),
        world.fine_equivocation(is_signed=play.is_contradicted),
        world.fine_equivocation(contradicts=False),
        world.answer(is_proven=False),
    ]


def by_client(play: StoragePlay) -> list[Move]:
    """Return what a client without scruples tries, its agent included."""
    world = play.world
    moves: list[Move] = [world.pay(), world.pay(is_signed=False), world.give_back()]
    if play.status is Status.PAID and not play.is_uploaded:
        moves.append(UPLOAD)
    if play.challenges < play.most_challenges:
        moves += [
            world.challenge(),
            world.challenge(sender=world.client.address, chunk=2, leaf=40, count=40),
            world.challenge(chunk=1, leaf=_LAST),
            world.challenge(value=Wei(FEE - 1)),
        ]
    return moves


def by_provider(play: StoragePlay) -> list[Move]:
    """Return what a provider without scruples tries; it signs the quote."""
    world = play.world
    moves: list[Move] = [
        world.confirm(),
        act.ConfirmByProvider(sender=PROVIDER, is_provider=True),
    ]
    if play.is_kept:
        moves += [DROP, *get_answers(play)]
    is_in_time = world.now <= get_release(world.quote.terms, world.state)
    if play.status.is_live and not play.is_contradicted and is_in_time:
        moves.append(CONTRADICT)
    return moves


def get_answers(play: StoragePlay) -> list[Move]:
    """Return how who has all bytes can answer an open challenge."""
    world, state = play.world, play.world.state
    if state.status is not Status.CHALLENGED:
        return []
    left = ENTRIES[state.chunk].leaf_count - state.leaf
    if left <= 0:
        return [world.answer_count()]
    return [world.answer(min(32, left, state.count))]


def is_late(play: StoragePlay) -> bool:
    return play.world.now > play.world.state.deadline


def get_provider_move(play: StoragePlay) -> Move | None:
    """Return what an honest provider does: it shows a receipt for what it has, and answers."""
    world, state = play.world, play.world.state
    match state.status:
        case Status.PAID if is_late(play):
            return world.named(act.Reclaim, PROVIDER)
        case Status.PAID if play.is_kept:
            return world.confirm()
        case Status.CHALLENGED if not is_late(play):
            return get_answers(play)[0]
        case Status.STORED if world.now > get_end(world.quote.terms, state) + 120:
            return world.named(act.Collect, PROVIDER)
        case _:
            return None


def get_client_move(play: StoragePlay) -> Move | None:
    """Return what an honest client does: it pays, uploads, and challenges what it cannot get."""
    world, state = play.world, play.world.state
    late = is_late(play)
    can_challenge = world.now <= get_end(world.quote.terms, state)
    wanted = [
        (state.status is Status.NONE, world.pay()),
        (play.is_contradicted and state.status.is_live, world.fine_equivocation()),
        (state.status is Status.PAID and late, world.named(act.Reclaim)),
        (state.status is Status.PAID and not play.is_uploaded, UPLOAD),
        (
            state.status is Status.STORED and not play.is_kept and can_challenge,
            world.challenge(sender=world.client.address),
        ),
        (state.status is Status.CHALLENGED and late, world.named(act.Fine)),
        (state.status is Status.FINED, world.named(act.Collect)),
    ]
    return next((move for holds, move in wanted if holds), None)


def hold_to_coverage(play: StoragePlay, positions: int, names: set[str]) -> None:
    """Refuse a play that was not exhaustive: too few positions, or a move that never came."""
    assert len(play.seen) >= positions
    done = {name for name, good in play.counts if good}
    assert names <= done, names - done


def test_play__when_the_provider_is_honest__then_paid_and_never_fined() -> None:
    play = StoragePlay()

    def others(play: StoragePlay) -> list[Move]:
        return by_client(play) + by_anyone(play)

    def judge(play: StoragePlay) -> None:
        _, gain = play.get_gains()
        match play.status:
            case Status.RECLAIMED:
                assert gain == 0
            case Status.GIVEN_BACK:
                assert gain >= RESERVATION
            case _:
                assert play.status is Status.ENDED
                assert gain >= PRICE

    play.explore(others, get_provider_move, judge)
    moves = {"Pay", "Confirm", "Challenge", "Answer", "AnswerCount", "Reclaim", "Collect"}
    hold_to_coverage(play, 100, moves | {"GiveBack", UPLOAD})
    assert ("Fine", True) not in play.counts
    assert ("FineEquivocation", True) not in play.counts


def test_play__when_the_client_is_honest__then_served_or_paid_back_with_the_penalty() -> None:
    play = StoragePlay()

    def others(play: StoragePlay) -> list[Move]:
        return by_provider(play) + by_anyone(play)

    def judge(play: StoragePlay) -> None:
        world, (gain, _) = play.world, play.get_gains()
        state, terms = world.state, world.quote.terms
        match play.status:
            case Status.RECLAIMED:
                assert gain == -RESERVATION
            case Status.FINED:
                served = min(state.deadline - terms.response_window - state.started, TERM)
                assert gain == PENALTY - get_vested(terms, served)
            case _:
                # It had its bytes for the whole term: what was lost later is no longer owed.
                assert play.status is Status.ENDED
                assert gain == -PRICE
                assert not play.is_contradicted

    play.explore(others, get_client_move, judge)
    hold_to_coverage(
        play, 60, {"Confirm", "Fine", "FineEquivocation", "Reclaim", "Collect", DROP, CONTRADICT}
    )


def test_play__when_nobody_is_honest__then_one_gains_only_what_another_lost() -> None:
    play = StoragePlay(most_challenges=1)

    def others(play: StoragePlay) -> list[Move]:
        world = play.world
        moves: list[Move] = [
            world.pay(),
            world.confirm(),
            world.give_back(),
            world.named(act.Fine),
            world.named(act.Reclaim),
            world.named(act.Collect),
            world.fine_equivocation(),
            *get_answers(play),
        ]
        if play.challenges < play.most_challenges:
            moves.append(world.challenge(sender=world.client.address))
        return moves

    def close(play: StoragePlay) -> Move | None:
        if play.status is Status.CHALLENGED and is_late(play):
            return play.world.named(act.Fine, STRANGER)
        return None if play.status is Status.CHALLENGED else get_provider_move(play)

    def judge(play: StoragePlay) -> None:
        client, provider = play.get_gains()
        assert client + provider + play.world.ledger.burned == 0
        assert client >= -PRICE - FEE
        assert provider >= -PENALTY

    play.explore(others, close, judge)
    hold_to_coverage(play, 60, {"Pay", "Fine", "FineEquivocation", "GiveBack", "Reclaim"})
