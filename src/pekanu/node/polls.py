"""Asking peers again while it is too early, the more rarely the more tasks do so at once.

What is not here: the requests themselves (`peer_client`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from pekanu.node.peer_errors import PeerRefused

AnswerT = TypeVar("AnswerT")

#: Seconds between two questions of a task.
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 1.0
#: Questions a second of all tasks together.
_RATE: Final = 50


class Polls:
    """All the questions that a node repeats."""

    def __init__(self) -> None:
        """Ask nothing yet."""
        self._waiting = 0

    async def ask(
        self,
        question: Callable[[], Awaitable[AnswerT]],
        *,
        between: Callable[[], Awaitable[None]] | None = None,
    ) -> AnswerT:
        """Return the answer, once there is one.

        Args:
            question: Asked again while it is refused as too early.
            between: Done after each refusal, once it has taken a while.

        Raises:
            PeerRefused: The answer is no.
        """
        pause = _FIRST_PAUSE
        self._waiting += 1
        try:
            while True:
                try:
                    return await question()
                except PeerRefused as refusal:
                    if refusal.code != "early":
                        raise
                await asyncio.sleep(max(pause, self._waiting / _RATE))
                pause = min(pause * 1.3, _LONGEST_PAUSE)
                if between is not None and pause > 5 * _FIRST_PAUSE:
                    await between()
        finally:
            self._waiting -= 1
