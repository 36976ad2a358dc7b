"""What the market logs, as typed values.

Not here: following the chain (`stream`). The classes mirror the events of `contracts/Market.vy`,
field by field; a test compares them with the ABI.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_utils.address import to_checksum_address

from pekanu.chain.block import Log
from pekanu.chain.log_fields import read_fields
from pekanu.market.claim import Claim
from pekanu.market.task import Task
from pekanu.types import Address, Hash32, Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class MarketEvent:
    """Anything that the market, or a referee of it, logs."""

    #: Where it stands on the chain.
    log: Log


@dataclass(frozen=True, kw_only=True, slots=True)
class Deposited(MarketEvent):
    """Money came into the ledger."""

    account: Address
    amount: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawn(MarketEvent):
    """Money left the contract."""

    account: Address
    amount: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Announced(MarketEvent):
    """Somebody offers services; an empty endpoint retracts."""

    account: Address
    #: 1 worker, 2 storage provider.
    role: int
    endpoint: str
    channel_key: bytes
    terms_hash: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskEvent(MarketEvent):
    """Anything that happens to one task."""

    task_id: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Posted(TaskEvent):
    """A task is offered."""

    client: Address
    task: Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted(TaskEvent):
    """A worker is bound."""

    client: Address
    worker: Address
    task: Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancelled(TaskEvent):
    """An offer was taken back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expired(TaskEvent):
    """The worker did not deliver."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered(TaskEvent):
    """A claim stands."""

    worker: Address
    claim: Claim


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled(TaskEvent):
    """The worker was paid."""

    worker: Address
    claim_hash: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyDemanded(TaskEvent):
    """The worker must open its commitment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRevealed(TaskEvent):
    """It did."""

    key: int
    blinding: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunksDemanded(TaskEvent):
    """The worker must publish ciphertext."""

    item: int
    first: int
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunksSupplied(TaskEvent):
    """Chunks of ciphertext were published, with the item's result."""

    item: int
    evidence: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunksAnswered(TaskEvent):
    """A demand for chunks is met."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Complained(TaskEvent):
    """A place of the seal was shown to be wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forfeited(TaskEvent):
    """Price and stake went to the client."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved(TaskEvent):
    """Both agreed on a split."""

    to_client: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class ChallengeOpened(TaskEvent):
    """The referee admitted a challenge."""

    challenge: Hash32
    challenger: Address
    bond: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class ChallengeDismissed(TaskEvent):
    """A challenge was ruled for the worker."""

    challenge: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class ChallengeClosed(TaskEvent):
    """The task ended before a challenge was ruled."""

    challenge: Hash32
    bond_to: Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Refuted(TaskEvent):
    """A challenge was ruled against the worker."""

    challenge: Hash32
    challenger: Address


@dataclass(frozen=True, kw_only=True, slots=True)
class StakeReleased(TaskEvent):
    """The stake that waited went back to the worker."""


#: Every event by its name in the contract.
EVENTS: Final[dict[str, type[MarketEvent]]] = {
    kind.__name__: kind
    for kind in (
        Deposited,
        Withdrawn,
        Announced,
        Posted,
        Accepted,
        Cancelled,
        Expired,
        Delivered,
        Settled,
        KeyDemanded,
        KeyRevealed,
        ChunksDemanded,
        ChunksSupplied,
        ChunksAnswered,
        Complained,
        Forfeited,
        Resolved,
        ChallengeOpened,
        ChallengeDismissed,
        ChallengeClosed,
        Refuted,
        StakeReleased,
    )
}


def decode_event(log: Log) -> MarketEvent | None:
    """Return a log of the market as a typed event; None when it is none or cannot be read."""
    found = read_fields("Market", log)
    kind = EVENTS.get(found[0]) if found else None
    if found is None or kind is None:
        return None
    values = {name: _build(name, value) for name, value in found[1].items()}
    return kind(log=log, **values)


def _build(name: str, value: Any) -> Any:
    if name == "task":
        client, agent, referee, *rest = value
        parties = [to_checksum_address(party) for party in (client, agent, referee)]
        return Task(**dict(zip(Task.__dataclass_fields__, [*parties, *rest], strict=True)))
    if name == "claim":
        return Claim(**dict(zip(Claim.__dataclass_fields__, value, strict=True)))
    return value
