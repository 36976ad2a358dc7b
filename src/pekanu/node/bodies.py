"""A peer's bulk data as it comes in: part by part, or whole in one place.

Not here: how parts are protected (`channel_stream`), how they travel (`peer_line`, `peer_server`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from pekanu.node.channel_stream import StreamOpener
from pekanu.node.pieces import Buffer, make_room


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

    async def read_whole(self) -> memoryview:
        """Return all bytes, each opened where it stays; raises as the parts do."""
        room, size = make_room(self._most), 0
        self._opener.target = room
        async for part in self._parts:
            size += len(part)
        return room[:size]
