"""Rooms: so many at once, used again, and never again behind an error."""

from __future__ import annotations

import asyncio

import pytest

from pekanu.node.rooms import Rooms


async def test_lend__more_than_there_are__then_who_comes_late_waits() -> None:
    rooms, gate = Rooms(2, 4096), asyncio.Event()
    lent: list[memoryview] = []

    async def use() -> None:
        async with rooms.lend() as room:
            lent.append(room)
            await gate.wait()

    tasks = [asyncio.create_task(use()) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert len(lent) == 2
    assert lent[0] is not lent[1]
    gate.set()
    await asyncio.gather(*tasks)
    assert lent[2] is lent[0] or lent[2] is lent[1]


async def test_lend__when_none_is_lent__then_all_were_given_back() -> None:
    rooms = Rooms(2, 4096)
    async with rooms.lend() as first:
        first[:3] = b"old"
    async with rooms.lend() as second:
        assert bytes(second[:3]) == bytes(3)


async def test_lend__behind_an_error__then_the_room_is_not_used_again() -> None:
    rooms = Rooms(2, 4096)
    async with rooms.lend():
        with pytest.raises(ZeroDivisionError):
            async with rooms.lend() as room:
                raise ZeroDivisionError
        async with rooms.lend() as other:
            assert other is not room
