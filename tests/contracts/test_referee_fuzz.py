"""Evidence of every shape, at every phase of a dispute: refused by name, and nothing has changed.

Two sources of evidence: moves that were right, with something in them changed, which the game and
the contract must judge alike; and bytes that nobody meant, as arguments of every entry.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from pekanu.dispute.errors import Refused
from pekanu.dispute.game import Outcome
from pekanu.dispute.moves import Expose, Move, Prove, TimeOut
from pekanu.dispute.place import Side
from pekanu.errors import Rejected, TransactionReverted
from pekanu.types import Hash32
from support.evm import abi_type, load_artifact
from support.referee import RefereeWorld
from support.runs import KnownRun, get_counter_steps, make_counter, scramble
from support.world import CHALLENGER, CLIENT, STRANGER, WORKER

PROGRAM = make_counter(600)
STEPS = get_counter_steps(600)
TRUE = KnownRun(PROGRAM, b"", STEPS)
FALSE = KnownRun(PROGRAM, b"", STEPS, departs=STEPS // 2, change=scramble)
#: Changed moves, and random calls, of each phase.
MOVES, CALLS = 120, 60
#: Whoever calls, these may succeed at any time, for whoever pays or asks for it.
FREE = {"challenge", "open_bisection"}
REASONS = ("referee: ", "merkle: ", "step: ", "market: ")


def play_phases() -> Iterator[tuple[str, RefereeWorld, Hash32, Move | None]]:
    """Yield each phase of one dispute, and the move that is due; then whatever was lost there."""
    world = RefereeWorld([TRUE], [FALSE.result])
    world.deliver()
    key = world.challenge()
    case = world.cases[key]
    while case.dispute.outcome is None:
        side = case.dispute.place.turn.side
        run, sender = (FALSE, WORKER) if side is Side.WORKER else (TRUE, CHALLENGER)
        move = world.plan(key, side, run, sender)
        assert move is not None
        yield f"{type(move).__name__.lower()} {len(case.moves)}", world, key, move
        world.move(key, move)
    yield "ruled", world, key, None


def test_moves__when_anything_in_them_is_changed__then_game_and_contract_judge_alike() -> None:
    rng, met = random.Random(11), set()
    refused = accepted = 0
    earlier: list[Move] = []
    for _, world, key, move in play_phases():
        shown = [TimeOut(sender=STRANGER), *build_exposures(world, key), *earlier]
        if move is not None:
            shown += [move] * 4
            earlier.append(move)
        for _ in range(MOVES):
            try:
                changed = change(rng.choice(shown), rng)
            except Refused:
                continue  # no such value can be built here; the rules' own tests have it
            with world.branch():
                try:
                    world.move(key, changed)
                except Rejected as error:
                    refused += 1
                    met.add(error.reason)
                else:
                    accepted += 1
    assert all(reason.startswith(REASONS) for reason in met), met
    assert refused > accepted > 0
    assert len(met) >= 12, met


def build_exposures(world: RefereeWorld, key: Hash32) -> list[Expose]:
    dispute = world.cases[key].dispute
    if dispute.dissection is None or dispute.answered is None:
        return []
    return [Expose(sender=CLIENT, answered=dispute.answered, shown=dispute.dissection)]


def change(found: Any, rng: random.Random) -> Any:
    """Return a value with one thing in it changed, somewhere."""
    if is_dataclass(found):
        # The game is told what the step leads to: proofs of others have tests of their own.
        kept = {"proof", "after", "index", "program"} if isinstance(found, Prove) else set()
        kept |= {"first", "last", "most"}
        name = rng.choice([one.name for one in fields(found) if one.name not in kept])
        return replace(found, **{name: change(getattr(found, name), rng)})
    match found:
        case str():
            return rng.choice([WORKER, CHALLENGER, CLIENT, STRANGER])
        case bytes():
            place = rng.randrange(len(found))
            spoiled = found[:place] + bytes([found[place] ^ 1 << rng.randrange(8)])
            return Hash32(rng.choice([spoiled + found[place + 1 :], bytes(32)]))
        case int():
            return rng.choice([0, 1, found ^ 1, found + 1, 15, 16, 255])
        case tuple():
            return change_list(found, rng)
    raise AssertionError(found)


def change_list(found: tuple[Any, ...], rng: random.Random) -> tuple[Any, ...]:
    if not found:
        return (Hash32(rng.randbytes(32)),)
    place = rng.randrange(len(found))
    if isinstance(found[0], int) or rng.random() < 0.7:
        return (*found[:place], change(found[place], rng), *found[place + 1 :])
    return found[:place] + found[place + 1 :]


def test_entries__when_called_with_any_bytes__then_nothing_changes() -> None:
    rng = random.Random(12)
    entries = [e for e in load_artifact("BisectionReferee")["abi"] if e["type"] == "function"]
    moving = [e for e in entries if e["stateMutability"] in ("nonpayable", "payable")]
    assert {e["name"] for e in moving} > FREE
    for _, world, key, _ in play_phases():
        before = world.get_gains(), world.referee.call("commitment_of", key)
        for entry in moving:
            selector = world.referee.functions[entry["name"]][0]
            for _ in range(CALLS // len(moving) + 1):
                sender = rng.choice([WORKER, CHALLENGER, STRANGER])
                data = selector + build_bytes(world, key, entry, rng)
                with pytest.raises(TransactionReverted) as caught:
                    world.chain.send(world.referee.address, data, sender, 0)
                reason = caught.value.reason
                # What is no encoding of the arguments at all has no name.
                assert not reason or reason.startswith(REASONS), (entry["name"], reason)
        assert (world.get_gains(), world.referee.call("commitment_of", key)) == before
        world.check()


def build_bytes(
    world: RefereeWorld, key: Hash32, entry: dict[str, Any], rng: random.Random
) -> bytes:
    """Return noise, or words that begin as the dispute's place does."""
    size = 32 * sum(max(1, abi_type(one).count(",") + 1) for one in entry["inputs"])
    if rng.random() < 0.3:
        return rng.randbytes(rng.randrange(3 * size))
    place = world.cases[key].dispute.place
    words = [word.to_bytes(32, "big") for word in place.to_words()]
    words += [bytes(12) + bytes.fromhex(place.mover[2:]), world.cases[key].dispute.root]
    numbers = [rng.choice([0, 1, 32, 64, 640, 1 << 255]) for _ in range(40)]
    return b"".join(words[: rng.randrange(6)]) + b"".join(n.to_bytes(32, "big") for n in numbers)


def test_phases__when_played__then_each_kind_of_move_was_due() -> None:
    names = [name.split()[0] for name, *_ in play_phases()]
    assert set(names) == {"open", "dissect", "prove", "ruled"}
    assert names.count("dissect") >= 2
    *_, (_, world, key, _) = play_phases()
    assert world.cases[key].dispute.outcome is Outcome.REFUTED
