"""What a party does in each standing of a dispute: by table, whatever the step it was in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pekanu.dispute.game import Outcome
from pekanu.dispute.place import Side
from pekanu.market.state import Status
from pekanu.node import dispute_machine as machine
from pekanu.node.dispute_machine import (
    DisputeCall,
    DisputeSeen,
    DisputeStep,
    DisputeTask,
    Move,
    Send,
    Standing,
    handle,
)
from pekanu.node.peer_wire import decode_message, encode_message
from pekanu.types import Address, Hash32, Seconds

WORKER = Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
CHALLENGER = Address("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC")
HERE, THERE = Hash32(b"h" * 32), Hash32(b"t" * 32)
DEADLINE = Seconds(1000)


def make_task(side: Side, step: DisputeStep = DisputeStep.WAITING, **fields: Any) -> DisputeTask:
    return DisputeTask(
        step=step,
        dispute=Hash32(b"d" * 32),
        owner="worker" if side is Side.WORKER else "challenger",
        side=side,
        worker=WORKER,
        challenger=CHALLENGER,
        number=5,
        **fields,
    )


def see(mover: Side | None, **fields: Any) -> DisputeSeen:
    standing = None
    if mover is not None:
        standing = Standing(
            mover=mover,
            commitment=fields.pop("commitment", HERE),
            deadline=DEADLINE,
            outcome=fields.pop("outcome", None),
        )
    values: dict[str, Any] = {
        "now": DEADLINE,
        "standing": standing,
        "is_final": True,
        "status": Status.DELIVERED,
        "is_auditing": True,
        **fields,
    }
    return DisputeSeen(**values)


WORKERS, CHALLENGERS = Side.WORKER, Side.CHALLENGER
LATE = {"now": Seconds(DEADLINE + 1)}
SETTLED = {"status": Status.SETTLED}
REFUTED = {"status": Status.REFUTED}
CASES: dict[str, tuple[Side, dict[str, Any], DisputeSeen, DisputeStep, list[object]]] = {
    "own move": (WORKERS, {}, see(WORKERS), DisputeStep.MOVING, [Move(HERE)]),
    "own move, too late": (WORKERS, {}, see(WORKERS, **LATE), DisputeStep.WAITING, []),
    "other's move": (WORKERS, {}, see(CHALLENGERS), DisputeStep.WAITING, []),
    "other's clock over": (
        WORKERS, {}, see(CHALLENGERS, **LATE), DisputeStep.CALLING_TIME, [Move(HERE)],
    ),
    "worker's clock over": (
        CHALLENGERS, {}, see(WORKERS, **LATE), DisputeStep.CALLING_TIME, [Move(HERE)],
    ),
    "events are missing": (WORKERS, {}, see(WORKERS, is_behind=True), DisputeStep.WAITING, []),
    "ruled for the worker": (
        WORKERS, {}, see(WORKERS, outcome=Outcome.UPHELD), DisputeStep.WON, [],
    ),
    "ruled against it": (WORKERS, {}, see(WORKERS, outcome=Outcome.REFUTED), DisputeStep.LOST, []),
    "ruled, not final": (
        WORKERS, {}, see(WORKERS, outcome=Outcome.UPHELD, is_final=False), DisputeStep.WAITING, [],
    ),
    "challenger, ruled for the worker": (
        CHALLENGERS, {}, see(WORKERS, outcome=Outcome.UPHELD), DisputeStep.LOST, [],
    ),
    "challenge not on chain yet": (
        CHALLENGERS, {}, see(None), DisputeStep.CHALLENGING, [Send(DisputeCall.CHALLENGE)],
    ),
    "challenge came too late": (
        CHALLENGERS, {}, see(None, is_auditing=False), DisputeStep.UNADMITTED, [],
    ),
    "challenge reorganized away from the worker": (WORKERS, {}, see(None), DisputeStep.GONE, []),
    "the worker lost another dispute": (
        CHALLENGERS,
        {},
        see(WORKERS, **REFUTED, holds_bond=True),
        DisputeStep.CLOSING,
        [Send(DisputeCall.CLOSE)],
    ),
    "the bond is back": (CHALLENGERS, {}, see(WORKERS, **REFUTED), DisputeStep.CLOSED, []),
    "the worker does not free a challenger's bond": (
        WORKERS, {}, see(WORKERS, **REFUTED, holds_bond=True), DisputeStep.CLOSED, [],
    ),
    "the client approved what it disputes": (
        WORKERS,
        {"for_client": True},
        see(WORKERS, **SETTLED, holds_bond=True),
        DisputeStep.CLOSING,
        [Send(DisputeCall.CLOSE)],
    ),
    "the client's own bond is the worker's then": (
        CHALLENGERS,
        {"for_client": True},
        see(WORKERS, **SETTLED, holds_bond=True),
        DisputeStep.CLOSED,
        [],
    ),
    "the client approved what others dispute": (
        WORKERS, {}, see(WORKERS, **SETTLED, stake_waits=True), DisputeStep.MOVING, [Move(HERE)],
    ),
    "another won the stake that waited": (
        CHALLENGERS,
        {},
        see(WORKERS, **SETTLED, stake_lost=True, holds_bond=True),
        DisputeStep.CLOSING,
        [Send(DisputeCall.CLOSE)],
    ),
    "another contract's bisection": (
        CHALLENGERS,
        {"opener": WORKER},
        see(CHALLENGERS, status=Status.NONE),
        DisputeStep.MOVING,
        [Move(HERE)],
    ),
    "another contract's bisection, reorganized away": (
        CHALLENGERS, {"opener": WORKER}, see(None, status=Status.NONE), DisputeStep.GONE, [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_look__then_the_step_of_the_table(name: str) -> None:
    side, fields, seen, step, instructions = CASES[name]
    task, found = handle(make_task(side, **fields), seen)
    assert (task.step, found) == (step, instructions)
    # Again, and from every other step: nothing depends on where it was.
    for start in DisputeStep:
        if start.is_live and start is not DisputeStep.YIELDING and not seen.is_behind:
            expected = start if step is DisputeStep.WAITING and _stays(name) else step
            again, found = handle(make_task(side, start, **fields), seen)
            assert (again.step, found) == (expected, instructions)


def _stays(name: str) -> bool:
    return name in {"own move, too late", "ruled, not final"}


def test_move__when_nothing_is_disputed__then_it_yields_until_the_place_changes() -> None:
    task, _ = handle(make_task(CHALLENGERS), see(CHALLENGERS))
    yielding, found = handle(task, machine.NothingToDispute(commitment=HERE))
    assert (yielding.step, found) == (DisputeStep.YIELDING, [])
    assert handle(yielding, see(CHALLENGERS)) == (yielding, [])
    moved, found = handle(yielding, see(CHALLENGERS, commitment=THERE))
    assert (moved.step, moved.moves, found) == (DisputeStep.MOVING, 2, [Move(THERE)])


def test_move__when_an_old_answer_comes__then_nothing_changes() -> None:
    task, _ = handle(make_task(CHALLENGERS), see(CHALLENGERS))
    assert handle(task, machine.NothingToDispute(commitment=THERE)) == (task, [])
    assert handle(task, machine.NotAdmitted(message="late")) == (task, [])


def test_challenge__when_it_is_not_admitted__then_it_ends_with_the_reason() -> None:
    task = make_task(CHALLENGERS, DisputeStep.CHALLENGING)
    ended, found = handle(task, machine.NotAdmitted(message="the bond is too high"))
    assert (ended.step, ended.message, found) == (
        DisputeStep.UNADMITTED, "the bond is too high", [],
    )  # fmt: skip
    assert handle(ended, see(WORKERS)) == (ended, [])


def test_task__when_journaled__then_the_same_comes_back() -> None:
    task = replace(make_task(WORKERS), answers=HERE, moves=3, opener=WORKER, key=THERE)
    assert decode_message(DisputeTask, encode_message(task)) == task


# --- killed behind any record ---------------------------------------------------------------------

FIRST, THEN = see(WORKERS), see(CHALLENGERS, commitment=THERE)
#: What comes one after the other: at a side, with fields. Each step is recorded in one of them.
STORIES: dict[str, tuple[Side, dict[str, Any], list[machine.DisputeEvent]]] = {
    "a challenger that wins": (
        CHALLENGERS,
        {},
        [see(None), FIRST, THEN, see(WORKERS), see(WORKERS, outcome=Outcome.REFUTED)],
    ),
    "a worker that wins": (
        WORKERS, {}, [FIRST, THEN, see(WORKERS), see(WORKERS, outcome=Outcome.UPHELD)],
    ),
    "a worker that calls time": (
        WORKERS,
        {},
        [
            FIRST,
            THEN,
            see(CHALLENGERS, commitment=THERE, **LATE),
            see(CHALLENGERS, outcome=Outcome.UPHELD, is_final=False),
            see(CHALLENGERS, outcome=Outcome.UPHELD),
        ],
    ),
    "a challenger that was wrong": (
        CHALLENGERS,
        {},
        [
            see(None),
            FIRST,
            THEN,
            machine.NothingToDispute(commitment=THERE),
            see(CHALLENGERS, outcome=Outcome.UPHELD),
        ],
    ),
    "a challenge that is not admitted": (
        CHALLENGERS, {}, [see(None), machine.NotAdmitted(message="the bond is too high")],
    ),
    "a challenge that comes too late": (CHALLENGERS, {}, [see(None), see(None, is_auditing=False)]),
    "a challenger whom another forestalls": (
        CHALLENGERS,
        {},
        [
            see(None),
            FIRST,
            see(WORKERS, **REFUTED, holds_bond=True, is_final=False),
            see(WORKERS, **REFUTED, is_final=False),
            see(WORKERS, **REFUTED),
        ],
    ),
    "a challenge that is reorganized away": (
        WORKERS, {}, [FIRST, see(None, is_final=False), see(None)],
    ),
}  # fmt: skip


def test_stories__when_a_step_is_new__then_one_tells_of_it() -> None:
    told = {DisputeStep.CHALLENGING} | {
        task.step for name in STORIES for task, _ in tell(name, stop=None)
    }
    assert told == set(DisputeStep)


@pytest.mark.parametrize("name", STORIES)
def test_story__when_killed_behind_any_record__then_it_goes_on_as_if_it_had_not_been(
    name: str,
) -> None:
    whole = tell(name, stop=None)
    for stop in range(len(whole)):
        again = tell(name, stop=stop)
        assert [task for task, _ in again] == [task for task, _ in whole]
        for (_, first), (_, second) in zip(whole, again, strict=True):
            assert second == first


def tell(name: str, stop: int | None) -> list[tuple[DisputeTask, list[object]]]:
    """Return the dispute behind each event, and what was to be done.

    Args:
        name: The story.
        stop: Behind which event the process dies; the next one reads the journal, and sees the
            chain as the former one saw it last.
    """
    side, fields, events = STORIES[name]
    start = DisputeStep.CHALLENGING if side is CHALLENGERS else DisputeStep.WAITING
    task, looked = make_task(side, start, **fields), events[0]
    found: list[tuple[DisputeTask, list[object]]] = []
    for number, event in enumerate(events):
        looked = event if isinstance(event, DisputeSeen) else looked
        task, instructions = handle(task, event)
        if number == stop:
            task, repeated = handle(decode_message(DisputeTask, encode_message(task)), looked)
            # Whatever was to be done is to be done again, since nobody knows whether it was.
            assert repeated == ([] if not isinstance(event, DisputeSeen) else instructions)
        found.append((task, list(instructions)))
    return found
