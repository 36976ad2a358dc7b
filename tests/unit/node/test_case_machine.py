"""The machine of a case: what each side does at each turn, early, late, and when overtaken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pekanu.dispute.place import Side
from pekanu.market.state import Status
from pekanu.node.case_machine import (
    Answer,
    CaseCall,
    CaseSeen,
    CaseStanding,
    CaseStep,
    CaseTask,
    NotAdmitted,
    NothingToSay,
    Send,
    get_wake_times,
    handle,
)
from pekanu.node.peer_wire import decode_message, encode_message
from pekanu.ringers.cases import Turn
from pekanu.types import Hash32, Seconds

STORED, OTHER = Hash32(b"\x01" * 32), Hash32(b"\x02" * 32)
NOW, DEADLINE = Seconds(100), Seconds(200)
CLIENT, WORKER = Side.CHALLENGER, Side.WORKER


def make(side: Side, step: CaseStep = CaseStep.WAITING) -> CaseTask:
    return CaseTask(
        step=step, case_id=b"c" * 32, task_id=b"t" * 32, side=side, kind="missing", ringer=7
    )


def see(turn: Turn | None = None, now: int = NOW, **fields: object) -> CaseSeen:
    standing = None
    if turn is not None:
        refutes = fields.pop("would_refute", None)
        standing = CaseStanding(
            stored=STORED,
            turn=turn,
            deadline=DEADLINE,
            would_refute=refutes,  # type: ignore[arg-type]
        )
    known = {"is_final": True, "status": Status.DELIVERED, **fields}
    return CaseSeen(now=Seconds(now), standing=standing, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(("side", "turn"), [(WORKER, Turn.ANSWER), (CLIENT, Turn.DEFENCE)])
def test_turn__when_it_is_ones_own__then_answers_until_the_deadline(side: Side, turn: Turn) -> None:
    task, act = handle(make(side), see(turn, DEADLINE))
    assert (task.step, act) == (CaseStep.ANSWERING, [Answer(STORED)])
    late, act = handle(task, see(turn, DEADLINE + 1))
    assert act == []
    assert "in time" in late.message


@pytest.mark.parametrize(("side", "turn"), [(CLIENT, Turn.ANSWER), (WORKER, Turn.DEFENCE)])
def test_turn__when_it_is_the_others__then_waits_and_has_it_ruled_after_the_deadline(
    side: Side, turn: Turn
) -> None:
    task, act = handle(make(side), see(turn, DEADLINE))
    assert (task.step, act) == (CaseStep.WAITING, [])
    task, act = handle(task, see(turn, DEADLINE + 1))
    assert (task.step, act) == (CaseStep.RULING, [Send(CaseCall.RULE)])


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("refutes", [True, False, None])
def test_bisection__when_over__then_who_has_won_calls_for_the_ruling(
    side: Side, *, refutes: bool | None
) -> None:
    task, act = handle(make(side), see(Turn.PLAY, would_refute=refutes))
    has_won = refutes is not None and refutes is (side is CLIENT)
    assert act == ([Send(CaseCall.RULE)] if has_won else [])
    assert task.step is (CaseStep.RULING if has_won else CaseStep.PLAYING)


def test_answer__when_there_is_none__then_stays_silent_until_the_case_changes() -> None:
    asked, _ = handle(make(WORKER), see(Turn.ANSWER))
    silent, act = handle(asked, NothingToSay(stored=STORED))
    assert (silent.step, act) == (CaseStep.SILENT, [])
    assert handle(silent, see(Turn.ANSWER)) == (silent, [])
    other = replace(see(Turn.ANSWER).standing, stored=OTHER)  # type: ignore[type-var]
    _, act = handle(silent, replace(see(Turn.ANSWER), standing=other))
    assert act == [Answer(OTHER)]
    assert handle(asked, NothingToSay(stored=OTHER)) == (asked, [])


def test_question__when_not_on_chain__then_is_put_while_it_is_admitted() -> None:
    task = make(CLIENT, CaseStep.ASKING)
    assert handle(task, see(is_auditing=True))[1] == [Send(CaseCall.ASK)]
    assert handle(task, see(is_final=False)) == (task, [])
    assert handle(task, see())[0].step is CaseStep.UNADMITTED
    refused, act = handle(task, NotAdmitted(message="ringers: they rise"))
    assert (refused.step, act, refused.message) == (CaseStep.UNADMITTED, [], "ringers: they rise")
    assert handle(make(WORKER), see())[0].step is CaseStep.GONE


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("is_refuted", [True, False])
def test_ruling__when_final__then_won_or_lost(side: Side, *, is_refuted: bool) -> None:
    seen = see(is_refuted=is_refuted, status=Status.REFUTED if is_refuted else Status.DELIVERED)
    waiting, act = handle(make(side), replace(seen, is_final=False))
    assert (waiting, act) == (make(side), [])
    ended, act = handle(make(side), seen)
    assert act == []
    assert ended.step is (CaseStep.WON if is_refuted is (side is CLIENT) else CaseStep.LOST)
    assert handle(ended, see(Turn.ANSWER)) == (ended, [])


@pytest.mark.parametrize(("status", "owner"), [(Status.SETTLED, WORKER), (Status.REFUTED, CLIENT)])
@pytest.mark.parametrize("side", Side)
def test_task__when_it_ends_otherwise__then_the_bonds_owner_calls_for_it(
    status: Status, owner: Side, side: Side
) -> None:
    task, act = handle(make(side), see(Turn.ANSWER, status=status, holds_bond=True))
    if side is owner:
        assert (task.step, act) == (CaseStep.CLOSING, [Send(CaseCall.CLOSE)])
    else:
        assert (task.step, act) == (CaseStep.CLOSED, [])
    ended, act = handle(task, see(Turn.ANSWER, status=status))
    assert (ended.step, act) == (CaseStep.CLOSED, [])


def test_events__when_behind_the_chain__then_nothing_is_done() -> None:
    task = make(WORKER)
    assert handle(task, see(Turn.ANSWER, is_behind=True)) == (task, [])


def test_wake_times__when_a_move_is_owed__then_after_its_deadline() -> None:
    assert get_wake_times(see(Turn.ANSWER)) == [DEADLINE + 1]
    assert get_wake_times(see()) == []


def test_task__when_journaled__then_comes_back() -> None:
    task = make(CLIENT)
    assert decode_message(CaseTask, encode_message(task)) == task
