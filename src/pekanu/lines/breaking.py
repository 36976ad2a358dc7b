"""Ending what a thread waits for: the event loop cannot cancel a blocking call.

Not here: the connections (`http_line`, `pekanu.node.body_socket`).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


class Breaker:
    """Lets threads use a connection one after the other, until it is ended from outside.

    Args:
        get_socket: Returns the connection's socket; None while there is none.
        close: Closes the connection; called once, and never while a thread uses it.
        how: What a thread that waits loses: `socket.SHUT_RD` leaves others the way out.
    """

    def __init__(
        self,
        get_socket: Callable[[], socket.socket | None],
        close: Callable[[], None],
        how: int = socket.SHUT_RDWR,
    ) -> None:
        self._get_socket, self._close, self._how = get_socket, close, how
        self._lock, self._is_used, self._is_ended = threading.Lock(), False, False

    @contextlib.contextmanager
    def using(self) -> Iterator[None]:
        """Use the connection while the context is open.

        Raises:
            ConnectionError: It was ended.
        """
        with self._lock:
            self._check()
            self._is_used = True
        try:
            yield
        finally:
            with self._lock:
                self._is_used = False
                if self._is_ended:
                    self._close()

    def check(self) -> None:
        """Raise ConnectionError where the use was ended before there was a socket to wake it by."""
        with self._lock:
            self._check()

    def end(self) -> None:
        """Close the connection; a thread that waits for it gets an error first."""
        with self._lock:
            if self._is_ended:
                return
            self._is_ended = True
            if not self._is_used:
                self._close()
                return
            used = self._get_socket()
            if used is not None:
                with contextlib.suppress(OSError):  # the peer went away before
                    used.shutdown(self._how)

    def _check(self) -> None:
        if self._is_ended:
            raise ConnectionError("the connection was given up")
