"""The index: batches in, rollbacks, what lists are made of; the fold beside what a chain stores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pekanu.chain import Cursor, Log, MarketEvent
from pekanu.market.state import Status
from pekanu.types import Address, Hash32, Seconds, Wei
from pekanu.web.index import SiteIndex, TaskFilter
from support.web_events import ALICE, BOB, build_log, build_story, encode_event

HOUR = 3600


def build_index(place: Path | str = ":memory:", market: str = "market") -> SiteIndex:
    return SiteIndex(place, market)


def add(index: SiteIndex, events: Sequence[MarketEvent]) -> None:
    times = {one.log.block_number: Seconds(1000 + one.log.block_number) for one in events}
    last = max(times)
    index.add(
        events, times, [], Cursor(next_block=last + 1, checkpoints=((last, Hash32(bytes(32))),))
    )


def test_add__of_a_tasks_story__then_it_stands_where_the_last_event_left_it() -> None:
    story = build_story(number=1, block=5)
    expected = [Status.OPEN, Status.ACCEPTED, Status.DELIVERED, Status.SETTLED]
    for count, status in enumerate(expected, 1):
        index = build_index()
        add(index, story[:count])
        (entry,) = index.list_tasks()
        assert entry.status is status
        assert entry.is_live is not status.is_terminal
        assert entry.client == ALICE
        assert entry.worker == (BOB if count > 1 else None)


def test_add__of_a_delivery__then_the_deadline_is_the_audits() -> None:
    index = build_index()
    add(index, build_story(number=1, block=5)[:3])
    (entry,) = index.list_tasks()
    assert entry.deadline == 1000 + 7 + 600


def test_roll_back__of_the_last_block__then_the_task_stands_where_it_stood() -> None:
    index = build_index()
    story = build_story(number=1, block=5)
    add(index, story)
    version = index.version
    index.roll_back(7, Cursor(next_block=8))
    (entry,) = index.list_tasks()
    assert entry.status is Status.DELIVERED
    assert index.version > version
    index.roll_back(4, Cursor(next_block=5))
    assert index.list_tasks() == []
    assert index.count_events() == 0
    assert index.count_account_events(ALICE) == 0


def test_open__again__then_everything_is_there_and_the_cursor_too(tmp_path: Path) -> None:
    index = build_index(tmp_path / "index.db")
    add(index, build_story(number=1, block=5))
    index.close()
    index = build_index(tmp_path / "index.db")
    assert index.count_tasks() == 1
    cursor = index.load_cursor()
    assert cursor is not None
    assert cursor.next_block == 9
    index.close()


def test_open__for_another_market__then_it_is_empty(tmp_path: Path) -> None:
    index = build_index(tmp_path / "index.db")
    add(index, build_story(number=1, block=5))
    index.close()
    index = build_index(tmp_path / "index.db", "another")
    assert index.count_tasks() == 0
    assert index.load_cursor() is None
    index.close()


def test_list_tasks__with_filters__then_only_those_are_listed() -> None:
    index = build_index()
    for number in range(1, 7):
        add(index, build_story(number=number, block=10 * number)[: 4 if number % 2 else 2])
    assert index.count_tasks() == 6
    assert index.count_tasks(TaskFilter(is_live=True)) == 3
    assert index.count_tasks(TaskFilter(worker=BOB)) == 6
    assert index.count_tasks(TaskFilter(party=Address("0x" + "99" * 20))) == 0
    assert index.count_tasks(TaskFilter(is_live=True, due_before=Seconds(1640))) == 1
    newest = [one.created for one in index.list_tasks(limit=2, offset=1)]
    assert newest == [1050, 1040]


def test_figures__of_settled_tasks__then_records_and_payments_are_theirs() -> None:
    index = build_index()
    add(index, build_story(number=1, block=5, price=3))
    add(index, build_story(number=2, block=15, price=4))
    add(index, build_story(number=3, block=25)[:2])
    record = index.count_records()[BOB]
    assert (record.settled, record.lost, record.expired) == (2, 0, 0)
    assert index.count_live_by_worker() == {BOB: 1}
    assert [wei for _, wei in index.list_payments(BOB)] == [3, 4]
    assert index.sum_settled() == Wei(7)
    assert index.sum_volume_by_hour() == [(0, 7)]


def test_amounts__beyond_64_bits__then_they_are_exact() -> None:
    index = build_index()
    price = (1 << 128) - 1
    add(index, build_story(number=1, block=5, price=price))
    (entry,) = index.list_tasks()
    assert entry.price == price
    assert index.sum_settled() == price


def test_list_workers__that_announced_and_retracted__then_the_last_word_counts() -> None:
    index = build_index()
    words = ["http://one", "http://two"]
    events = [
        encode_event("Announced", build_log(block), account=BOB, role=1, endpoint=word)
        for block, word in enumerate(words, 5)
    ]
    add(index, events)
    (found,) = index.list_workers()
    assert found.endpoint == "http://two"
    add(index, [encode_event("Announced", build_log(9), account=BOB, role=1, endpoint="")])
    assert index.list_workers() == []


@pytest.mark.parametrize("block", [5, 6])
def test_list_block_events__then_those_of_the_block(block: int) -> None:
    index = build_index()
    add(index, build_story(number=1, block=5))
    (event,) = index.list_block_events(block)
    assert isinstance(event.log, Log)
    assert event.log.block_number == block
