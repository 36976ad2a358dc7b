"""The state of a task as the market keeps it.

Not here: the task's terms (`task`), the rules by which the state changes (`lifecycle`).
Twin: contracts/libraries/tasks.vy (`State`) and the storage of contracts/Market.vy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from pekanu.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, Seconds, Wei, parse_address

#: Chunks in a group: what one demand can name.
GROUP: Final = 32
#: Chunks of the largest output.
MAX_CHUNKS: Final = 1 << 16
MAX_CHALLENGES: Final = (1 << 16) - 1


class Status(IntEnum):
    """Where a task stands."""

    #: Never seen by this market.
    NONE = 0
    #: Offered; anyone may accept it.
    OPEN = 1
    #: The worker must deliver by the deadline.
    ACCEPTED = 2
    #: The client can object until the deadline.
    DELIVERED = 3
    #: The worker must answer a demand by the deadline.
    DEMANDED = 4
    #: Taken back; the price returned.
    CANCELLED = 5
    #: Not delivered; price and stake went to the client.
    EXPIRED = 6
    #: Price and stake went to the worker.
    SETTLED = 7
    #: A demand went unanswered or the seal was wrong; price and stake went to the client.
    FORFEITED = 8
    #: The referee ruled; price to the client, stake in halves.
    REFUTED = 9
    #: Split as both agreed.
    RESOLVED = 10

    @property
    def is_terminal(self) -> bool:
        """Return whether the status is never left."""
        return self >= Status.CANCELLED

    @property
    def is_bound(self) -> bool:
        """Return whether a worker is bound and the money is not yet decided."""
        return self in {Status.ACCEPTED, Status.DELIVERED, Status.DEMANDED}

    @property
    def is_claimed(self) -> bool:
        """Return whether a claim stands that can still be attacked."""
        return self in {Status.DELIVERED, Status.DEMANDED}


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkDemand:
    """An open demand for chunks of one item's ciphertext."""

    item: int
    first: int
    #: 1 to 32, within one group.
    count: int
    #: Bit k: chunk `first + k` was supplied.
    supplied: int = 0

    @property
    def cursor(self) -> int:
        """Return the place of this demand's group in the order of all groups, from 1 on."""
        return self.item * (MAX_CHUNKS // GROUP) + self.first // GROUP + 1

    @property
    def is_met(self) -> bool:
        """Return whether every chunk was supplied."""
        return self.supplied == (1 << self.count) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenge:
    """An open challenge."""

    number: Hash32
    challenger: Address
    bond: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskState:
    """Everything that the market keeps of one task."""

    status: Status = Status.NONE
    worker: Address = ZERO_ADDRESS
    #: Last second of the move that is owed; of an OPEN task the task's own `offered_until`.
    deadline: Seconds = Seconds(0)
    #: Open challenges of the client and its agent.
    client_challenges: int = 0
    #: Open challenges of everybody else.
    other_challenges: int = 0
    #: The key was demanded before.
    key_demanded: bool = False
    #: The open demand is for the key.
    key_open: bool = False
    #: The price has moved, the stake waits for others' challenges.
    stake_waits: bool = False
    #: The stake that waited went to a challenger.
    stake_lost: bool = False
    claim_hash: Hash32 = ZERO_HASH
    #: Place of the last demanded group; 0 before the first.
    cursor: int = 0
    #: The open demand for chunks.
    demand: ChunkDemand | None = None
    #: Challenges whose bonds the market still holds.
    challenges: tuple[Challenge, ...] = ()
    #: Numbers that challenges have used.
    used: frozenset[Hash32] = frozenset()

    def to_word(self) -> int:
        """Return the packed word that the contract stores."""
        flags = (
            self.key_demanded | self.key_open << 1 | self.stake_waits << 2 | self.stake_lost << 3
        )
        return (
            int(self.status)
            | int(self.worker, 16) << 8
            | self.deadline << 168
            | self.client_challenges << 208
            | self.other_challenges << 224
            | flags << 240
        )

    @classmethod
    def from_word(cls, word: int) -> TaskState:
        """Return what a packed word says; claim, demand and challenges are stored elsewhere."""
        flags = word >> 240
        return cls(
            status=Status(word & 0xFF),
            worker=parse_address(f"0x{word >> 8 & (1 << 160) - 1:040x}"),
            deadline=Seconds(word >> 168 & (1 << 40) - 1),
            client_challenges=word >> 208 & 0xFFFF,
            other_challenges=word >> 224 & 0xFFFF,
            key_demanded=bool(flags & 1),
            key_open=bool(flags & 2),
            stake_waits=bool(flags & 4),
            stake_lost=bool(flags & 8),
        )
