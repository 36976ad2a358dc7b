"""What a live page sends: only what changed, and nothing that breaks out of its line."""

from __future__ import annotations

import asyncio

from pekanu.web.broadcast import Snapshot
from pekanu.web.live import format_changes, format_event
from pekanu.web.pulse import Pulse


def test_changes__from_nothing__then_everything_is_sent() -> None:
    snapshot = Snapshot(regions={"a": "<p>1</p>", "b": "2"}, charts={"volume": "{}"})
    text = format_changes(Snapshot(regions={}, charts={}), snapshot)
    assert 'data-region="a"' in text
    assert 'data-region="b"' in text
    assert "event: chart\ndata: {}\n\n" in text


def test_changes__of_one_region__then_it_alone_is_sent() -> None:
    before = Snapshot(regions={"a": "1", "b": "2"}, charts={"volume": "{}"})
    after = Snapshot(regions={"a": "1", "b": "3"}, charts={"volume": "{}"})
    text = format_changes(before, after)
    assert 'data-region="a"' not in text
    assert 'data-region="b"' in text
    assert "event:" not in text
    assert format_changes(after, after) == ""


def test_event__with_line_ends__then_each_line_is_data() -> None:
    text = format_event("", "one\rdata: two\r\nevent: three\n\nfour")
    assert text.count("\n\n") == 1
    assert all(line.startswith("data: ") for line in text.strip().splitlines())


async def test_pulse__that_beats__then_all_who_wait_see_it_and_nobody_queues() -> None:
    pulse = Pulse()
    waiting = [asyncio.create_task(pulse.wait(0, timeout_seconds=5)) for _ in range(20)]
    await asyncio.sleep(0)
    pulse.beat()
    pulse.beat()
    assert await asyncio.gather(*waiting) == [2] * 20
    assert await pulse.wait(1, timeout_seconds=5) == 2


async def test_pulse__that_is_silent__then_the_time_is_kept() -> None:
    assert await Pulse().wait(0, timeout_seconds=0.01) == 0
