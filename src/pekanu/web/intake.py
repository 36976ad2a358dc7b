"""Writing what a browser sends to disk as it comes, no more of it than there is room for.

What is not here: where it lies and for how long (`storage_uploads`, `challenge_desk`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from pekanu.errors import InvalidInput


async def write_pieces(
    path: Path, pieces: AsyncIterator[bytes], *, room: int, refusal: InvalidInput
) -> None:
    """Write a file piece by piece.

    Args:
        path: Where; what is written so far stays when this fails.
        pieces: The bytes.
        room: Bytes at most.
        refusal: Raised when there are more.
    """
    with path.open("wb") as file:
        async for piece in pieces:
            room -= len(piece)
            if room < 0:
                raise refusal
            await asyncio.to_thread(file.write, piece)
