"""What a worker's node answers to its peers: the port between server and worker.

The server authenticates, bounds and decodes before it calls, and takes inputs into a
`BlobStore` by itself. What is not here: HTTP (`peer_server`), policy (the worker's shell).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pekanu.market.claim import Claim, Result
from pekanu.node.peer_messages import (
    Acceptance,
    AcceptanceRequest,
    ApprovalNotice,
    BlobRef,
    Info,
    KeyOpening,
    Quote,
    QuoteRequest,
    TaskStatus,
)
from pekanu.types import Address, Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """A claim with its results, as a client gets it."""

    claim: Claim
    results: tuple[Result, ...]
    #: Bytes of the whole ciphertext file.
    ciphertext_size: int


class PeerHandler(Protocol):
    """The worker behind a peer server. `peer` is always the authenticated wallet that asks.

    Every method may raise `PeerRefused`; other `PekanuError`s are told to the peer as well.
    All methods are idempotent: a client repeats a request whose answer got lost.
    """

    def is_customer(self, peer: Address) -> bool:
        """Return whether a peer has a live task here and so is no stranger to the quotas."""
        ...

    async def fetch_info(self) -> Info:
        """Return what the worker sells."""
        ...

    async def fetch_quote(self, peer: Address, request: QuoteRequest) -> Quote:
        """Return a price for a computation."""
        ...

    async def check_input(self, peer: Address, blob: BlobRef) -> None:
        """Refuse an input before its first byte is taken (size, policy, the peer's funds)."""
        ...

    async def accept(self, peer: Address, request: AcceptanceRequest) -> Acceptance:
        """Return a signed acceptance of a task whose input is complete in the store.

        To keep it from eviction, `BlobStore.hold` it before signing.
        """
        ...

    async def fetch_status(self, peer: Address, task_id: Hash32) -> TaskStatus:
        """Return where a task of this peer stands."""
        ...

    async def fetch_claim(self, peer: Address, task_id: Hash32) -> Delivered:
        """Return the claim of a task of this peer; refuse with ``early`` before it is sealed."""
        ...

    async def get_ciphertext_path(self, peer: Address, task_id: Hash32) -> Path:
        """Return the finished ciphertext file of a task of this peer."""
        ...

    async def fetch_key(self, peer: Address, task_id: Hash32) -> KeyOpening:
        """Return the seal's key, once the escrow is final by the node's rule."""
        ...

    async def approve(self, peer: Address, notice: ApprovalNotice) -> TaskStatus:
        """Take the client's approval and return the status after it."""
        ...
