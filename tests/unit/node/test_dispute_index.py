"""The index of disputes: whose they are, and that those long ended are forgotten."""

from __future__ import annotations

import pytest

from pekanu.chain import Log
from pekanu.chain.referee_events import DisputeLogged
from pekanu.dispute.history import Challenged, DisputeEvent, Ruled, TimedOut
from pekanu.node import dispute_index
from pekanu.node.dispute_index import DisputeIndex
from pekanu.types import Address, Hash32, Wei

ALICE, BOB, CAROL = (Address("0x" + digit * 40) for digit in "123")
TASK = Hash32(b"t" * 32)


def log(event: DisputeEvent) -> DisputeLogged:
    zero = Hash32(bytes(32))
    place = Log(
        address=ALICE,
        topics=(),
        data=b"",
        block_number=1,
        block_hash=zero,
        transaction=zero,
        index=0,
    )
    return DisputeLogged(log=place, event=event)


def challenge(number: int, challenger: Address = CAROL) -> Challenged:
    return Challenged(
        dispute=name(number),
        task_id=TASK,
        challenger=challenger,
        worker=BOB,
        item=0,
        bond=Wei(1),
        place=(number, int(challenger, 16), 0),
    )


def name(number: int) -> Hash32:
    return Hash32(number.to_bytes(32, "big"))


def test_index__when_asked_for_an_accounts_or_a_tasks__then_those_alone() -> None:
    index = DisputeIndex()
    touched = index.add([log(challenge(1)), log(challenge(2, ALICE))])
    assert touched == {name(1), name(2)}
    assert [one.dispute for one in index.iterate(account=ALICE)] == [name(2)]
    assert [one.dispute for one in index.iterate(account=BOB)] == [name(1), name(2)]
    assert [one.dispute for one in index.iterate(task_id=TASK)] == [name(1), name(2)]
    assert list(index.iterate(task_id=name(9))) == []


def test_index__when_events_of_an_unknown_dispute_come__then_they_are_passed_over() -> None:
    index = DisputeIndex()
    index.add(
        [log(TimedOut(dispute=name(7), mover=BOB)), log(Ruled(dispute=name(7), is_refuted=True))]
    )
    assert index.find(name(7)) is None


def test_index__when_many_have_ended__then_the_oldest_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispute_index, "MOST_ENDED", 2)
    index = DisputeIndex()
    index.add(log(challenge(number)) for number in range(5))
    index.add(log(Ruled(dispute=name(number), is_refuted=False)) for number in (3, 0, 4))
    assert [one.dispute for one in index.iterate()] == [name(0), name(1), name(2), name(4)]
    found = index.find(name(4))
    assert found is not None
    assert found.is_ended
    index.clear()
    assert list(index.iterate()) == []
