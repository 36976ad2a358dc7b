"""What a provider still wants for an agreement, as its client sees it."""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.types import Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """Chunks by their places in the agreement's order."""

    #: To be uploaded.
    absent: tuple[int, ...]
    #: Held already: to be shown, or uploaded all the same.
    unshown: tuple[int, ...]
    #: For proofs of ownership.
    nonce: Hash32
