"""Where an agreement stands, as the provider's contract keeps it.

Not here: what was agreed (`agreement`), the rules by which the state changes (`lifecycle`).
Twin: contracts/libraries/agreements.vy (`State`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from pekanu.types import Seconds, Wei

#: A challenge's fee is kept in gwei.
FEE_UNIT: Final = 10**9


class Status(IntEnum):
    """Where an agreement stands."""

    #: Never paid here.
    NONE = 0
    #: Escrowed; the receipt can be shown until the deadline.
    PAID = 1
    #: The provider answers for the bytes and is paid by the second.
    STORED = 2
    #: The provider must show leaves by the deadline; nothing vests.
    CHALLENGED = 3
    #: The term is over and all is paid.
    ENDED = 4
    #: The provider failed: penalty and what was not vested went to the client.
    FINED = 5
    #: No receipt in time; the payment went back, the reservation fee was burned.
    RECLAIMED = 6
    #: Ended early by the client, which got back what was not vested.
    GIVEN_BACK = 7

    @property
    def is_live(self) -> bool:
        """Return whether the penalty is still reserved."""
        return self in {Status.PAID, Status.STORED, Status.CHALLENGED}


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreementState:
    """Everything that the contract keeps of one agreement."""

    status: Status = Status.NONE
    #: First second of the term; of a renewal it may lie ahead. 0 while PAID.
    started: Seconds = Seconds(0)
    #: Seconds of the term that were paid to the provider.
    collected: Seconds = Seconds(0)
    #: PAID: last second for the receipt. CHALLENGED: for the answer. FINED: a response window after
    #: the second at which vesting stopped.
    deadline: Seconds = Seconds(0)
    #: What the open challenge put up, whole gwei.
    fee: Wei = Wei(0)
    #: Chunk of the open challenge.
    chunk: int = 0
    #: Its first leaf that is not answered.
    leaf: int = 0
    #: Its leaves that are not answered.
    count: int = 0

    def to_word(self) -> int:
        """Return the packed word that the contract stores."""
        return (
            int(self.status)
            | self.started << 8
            | self.collected << 48
            | self.deadline << 80
            | self.fee // FEE_UNIT << 120
            | self.chunk << 160
            | self.leaf << 192
            | self.count << 224
        )

    @classmethod
    def from_word(cls, word: int) -> AgreementState:
        """Return what a packed word says."""
        return cls(
            status=Status(word & 0xFF),
            started=Seconds(word >> 8 & (1 << 40) - 1),
            collected=Seconds(word >> 48 & 0xFFFFFFFF),
            deadline=Seconds(word >> 80 & (1 << 40) - 1),
            fee=Wei((word >> 120 & (1 << 40) - 1) * FEE_UNIT),
            chunk=word >> 160 & 0xFFFFFFFF,
            leaf=word >> 192 & 0xFFFFFFFF,
            count=word >> 224,
        )
