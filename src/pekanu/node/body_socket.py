"""A server's connections in the hands of threads: for the rest of a body, and for a long answer.

The loop hands bytes on in small pieces, each through a parser or a buffer; that took most of the
time of an upload. Not here: who lends the connections (`peer_listener`) and who uses them
(`peer_server`).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from pekanu.lines.breaking import Breaker
from pekanu.node.bodies import pull_parts
from pekanu.node.channel_stream import StreamOpener
from pekanu.node.pieces import Buffer

#: The places among a request's ASGI extensions where a server offers its connection.
BODY_EXTENSION: Final = "pekanu.body"
ANSWER_EXTENSION: Final = "pekanu.answer"
#: Bytes from which on it is worth it.
LENT_BYTES: Final = 1 << 18
_SKIPPED_BYTES: Final = 1 << 16


class BodySocket:
    """What is left of a body; it is to be closed.

    Args:
        handle: The connection's file descriptor, which is duplicated.
        left: Bytes that the body still has.
        stall_seconds: Longest wait for a byte.
        take_back: Called when all was read, in the loop's thread: the connection goes on.
    """

    def __init__(
        self, handle: int, left: int, stall_seconds: float, take_back: Callable[[], None]
    ) -> None:
        self._socket = socket.socket(fileno=os.dup(handle))
        self._socket.settimeout(stall_seconds)
        self._breaker = Breaker(lambda: self._socket, self._socket.close, socket.SHUT_RD)
        self.left, self._take_back = left, take_back

    def read_parts(self, opener: StreamOpener) -> list[memoryview]:
        """Return the stream's next parts, as `pull_parts` does; for threads.

        Raises:
            InvalidMessage: They are not right.
            TimeoutError: No byte came for too long.
            ConnectionError: The peer went away, or the body was closed.
        """
        with self._breaker.using():
            return pull_parts(opener, self._receive)

    def skip(self) -> None:
        """Take what is left and forget it; raises as `read_parts`."""
        room = memoryview(bytearray(_SKIPPED_BYTES))
        with self._breaker.using():
            while self._receive(room):
                pass

    def close(self) -> None:
        """Give the connection back, once; what is being read ends, and nothing more can be."""
        if not self.left:
            self._take_back()
        self._breaker.end()

    def _receive(self, room: memoryview) -> int:
        if not self.left:
            return 0
        count = self._socket.recv_into(room[: self.left])
        if not count:
            raise ConnectionError("the peer went away")
        self.left -= count
        return count


class AnswerSocket:
    """What takes an answer's bytes, except the last, which go through the server; to be closed.

    Args:
        handle: The connection's file descriptor, which is duplicated.
        stall_seconds: Longest wait until the peer takes a part.
        tell: Told in the loop's thread how many bytes were sent.
    """

    def __init__(self, handle: int, stall_seconds: float, tell: Callable[[int], None]) -> None:
        self._socket = socket.socket(fileno=os.dup(handle))
        self._socket.settimeout(stall_seconds)
        self._breaker = Breaker(lambda: self._socket, self._socket.close)
        self._tell, self._sent = tell, 0

    def send_parts(self, parts: Iterable[Buffer]) -> None:
        """Send parts, each made when the one before it was taken; for one thread.

        Raises:
            TimeoutError: The peer takes nothing for too long.
            ConnectionError: It went away, or the answer was closed.
        """
        with self._breaker.using():
            for part in parts:
                self._socket.sendall(part)
                self._sent += len(part)

    def close(self) -> None:
        """Give the connection back; what is being sent ends."""
        self._tell(self._sent)
        self._breaker.end()


#: Takes the longest wait for a byte; returns what has come of a body, and the rest of it.
LendBody: TypeAlias = Callable[[float], tuple[bytes, BodySocket] | None]
#: Takes the longest wait for a part to be taken.
LendAnswer: TypeAlias = Callable[[float], AnswerSocket | None]
