"""Waiting for a task's events: what wakes, and that a cancellation is never lost."""

from __future__ import annotations

import asyncio

import pytest

from pekanu.node.watch import ChainWatch
from pekanu.types import ZERO_ADDRESS, Hash32

TASK = Hash32(b"t" * 32)


def make_watch() -> ChainWatch:
    """Return a watch that follows nothing."""
    watch = ChainWatch(None, ZERO_ADDRESS, first_block=0)  # type: ignore[arg-type]
    watch.subscribe(TASK)
    return watch


async def test_wait__when_woken__then_returns_at_once() -> None:
    watch = make_watch()
    waiting = asyncio.create_task(watch.wait(TASK, [], timeout_seconds=60))
    await asyncio.sleep(0)
    watch.wake(TASK)
    await asyncio.wait_for(waiting, 1)


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_wait__when_cancelled_as_the_event_comes__then_no_cancellation_is_lost(
    turns: int,
) -> None:
    """A node that is closed just then would wait for its tasks for ever."""
    watch = make_watch()
    waiting = asyncio.create_task(watch.wait(TASK, [], timeout_seconds=60))
    await asyncio.sleep(0.01)
    watch.wake(TASK)
    for _ in range(turns):
        await asyncio.sleep(0)
    # Either it had returned before, or it is cancelled.
    if waiting.cancel():
        with pytest.raises(asyncio.CancelledError):
            await waiting
