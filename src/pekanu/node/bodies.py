"""A peer's bulk data as it comes in: part by part, or whole in one place.

Not here: how parts are protected (`channel_stream`), how they travel (`peer_line`, `peer_server`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final

from pekanu.node.channel_stream import StreamOpener
from pekanu.node.pieces import Buffer, make_room

#: Parts taken at once, at most: they may be empty.
MOST_PARTS: Final = 64


class Body:
    """The parts behind a message; read once.

    Args:
        parts: Gives them, and ends with an error where one is forged or too much.
        opener: What opens them.
        most: Bytes of all together, at most.
    """

    def __init__(self, parts: AsyncIterator[Buffer], opener: StreamOpener, most: int) -> None:
        self._parts, self._opener, self._most = parts, opener, most

    def __aiter__(self) -> AsyncIterator[Buffer]:
        return self._parts

    async def read_whole(self, room: memoryview | None = None) -> memoryview:
        """Return all bytes, each opened where it stays; raises as the parts do.

        Args:
            room: For as many as may come; else it is made.
        """
        room, size = room or make_room(self._most), 0
        self._opener.target = room[: self._most]
        async for part in self._parts:
            size += len(part)
        return room[:size]


def pull_parts(
    opener: StreamOpener, receive: Callable[[memoryview], int], most: int = MOST_PARTS
) -> list[memoryview]:
    """Return a stream's next parts, as many as its target has room for; for threads.

    Args:
        opener: Opens them.
        receive: Puts the stream's next bytes into some room and returns how many; 0 at its end.
        most: So many parts at most.

    Returns:
        Nothing at the stream's end.

    Raises:
        InvalidMessage: A part is too large, forged, or follows the last.
    """
    parts: list[memoryview] = []
    while len(parts) < most and (opener.target or not parts):
        count = receive(opener.get_gap())
        if not count:
            break
        part = opener.advance(count)
        if part is not None:
            parts.append(part)
            if opener.is_finished:
                break
    return parts
