"""Where agreements stand on chain, asked for once a block while they live.

What is not here: what a state means to people (`storage_pages`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pekanu.storage.state import AgreementState, Status
from pekanu.types import Hash32

#: Questions to the chain at once.
_AT_ONCE: Final = 16


class AgreementStates:
    """States that were seen."""

    def __init__(self) -> None:
        """Have seen none."""
        self._asking = asyncio.Semaphore(_AT_ONCE)
        self._kept: dict[Hash32, tuple[int, AgreementState]] = {}

    async def fetch(
        self, agreement_id: Hash32, block: int, ask: Callable[[], Awaitable[AgreementState]]
    ) -> AgreementState:
        """Return an agreement's state as of a block, or the one in which it is over.

        Args:
            agreement_id: Of the agreement.
            block: The latest one.
            ask: Asks the chain, where that is needed.
        """
        kept = self._kept.get(agreement_id)
        if kept is not None and (kept[0] == block or kept[1].status > Status.CHALLENGED):
            return kept[1]
        async with self._asking:
            state = await ask()
        self._kept[agreement_id] = block, state
        return state

    def forget(self, agreement_id: Hash32) -> None:
        """Ask again, whatever the block."""
        self._kept.pop(agreement_id, None)
