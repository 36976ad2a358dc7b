"""A dispute between two moves: whose move it is until when, over which steps.

Not here: the dissection that was shown last (`dissection`), how clocks run (`clock`).
Twin: contracts/referees/disputes.vy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, TypeAlias

from eth_abi.abi import encode

from pekanu.crypto.keccak import keccak256
from pekanu.types import Address, Hash32, Seconds, parse_address

PLACE_ABI: Final = "(uint256,uint256,uint256)"
#: Numbers from here on are of bisections that other contracts opened.
FOREIGN: Final = 1 << 255

#: Number; the party that waits, the turn and the first step; the clocks and the steps' number.
PlaceWords: TypeAlias = tuple[int, int, int]


class Side(IntEnum):
    """A party of a dispute."""

    #: Defends its claim.
    WORKER = 1
    #: Disputes it.
    CHALLENGER = 2

    @property
    def other(self) -> Side:
        """The one against it."""
        return Side.CHALLENGER if self is Side.WORKER else Side.WORKER


class Turn(IntEnum):
    """Whose move it is."""

    #: The worker's, which must open the challenged item.
    OPENING = 0
    #: The worker's.
    WORKER = 1
    #: The challenger's.
    CHALLENGER = 2

    @property
    def side(self) -> Side:
        """Who owes the move."""
        return Side.CHALLENGER if self is Turn.CHALLENGER else Side.WORKER


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What a move must show of the dispute that it is for."""

    #: Makes it distinct among those of the same two parties.
    number: int
    worker: Address
    challenger: Address
    turn: Turn
    #: Steps at which the last dissection begins and ends.
    first: int
    last: int
    #: Last second of the move that is owed.
    deadline: Seconds
    #: Seconds of each side's clock beside the extensions.
    worker_left: Seconds
    challenger_left: Seconds
    extension: Seconds
    last_extension: Seconds

    @property
    def id(self) -> Hash32:
        """The dispute's name, by which the market knows its challenge."""
        return get_id(self.worker, self.challenger, self.number)

    @property
    def mover(self) -> Address:
        """Who owes the move."""
        return self.challenger if self.turn is Turn.CHALLENGER else self.worker

    @property
    def waiting(self) -> Address:
        """Who waits for it."""
        return self.worker if self.turn is Turn.CHALLENGER else self.challenger

    def get_left(self, side: Side) -> Seconds:
        """Return what a side's clock has left."""
        return self.worker_left if side is Side.WORKER else self.challenger_left

    def to_words(self) -> PlaceWords:
        """Return what calldata and events carry; the mover is not in it."""
        clocks = (
            self.deadline
            | self.worker_left << 40
            | self.challenger_left << 80
            | self.extension << 120
            | self.last_extension << 152
            | (self.last - self.first) << 184
        )
        waiting = int(self.waiting, 16) | self.turn << 160 | self.first << 168
        return self.number, waiting, clocks

    @classmethod
    def from_words(cls, words: PlaceWords, mover: Address) -> Place:
        """Return the place that some words say, with the party that owes the move.

        Raises:
            ValueError: They name a turn that does not exist.
        """
        number, packed, clocks = words
        turn = Turn(packed >> 160 & 255)
        waiting = parse_address(f"0x{packed & (1 << 160) - 1:040x}")
        is_workers = turn is not Turn.CHALLENGER
        zero = Seconds(0)
        place = cls(
            number=number,
            worker=mover if is_workers else waiting,
            challenger=waiting if is_workers else mover,
            turn=turn,
            first=packed >> 168,
            last=(packed >> 168) + (clocks >> 184),
            deadline=zero,
            worker_left=zero,
            challenger_left=zero,
            extension=zero,
            last_extension=zero,
        )
        return place.with_clocks(clocks)

    def with_clocks(self, clocks: int) -> Place:
        """Return the place with other clocks, from their word."""
        return replace(
            self,
            deadline=Seconds(clocks & (1 << 40) - 1),
            worker_left=Seconds(clocks >> 40 & (1 << 40) - 1),
            challenger_left=Seconds(clocks >> 80 & (1 << 40) - 1),
            extension=Seconds(clocks >> 120 & (1 << 32) - 1),
            last_extension=Seconds(clocks >> 152 & (1 << 32) - 1),
        )

    def get_commitment(self, root: Hash32) -> Hash32:
        """Return what the contract stores.

        Args:
            root: Of the last dissection; before the opening, what stands for the item asked for.
        """
        return keccak256(encode([PLACE_ABI, "bytes32"], [self.to_words(), root]))


def get_id(worker: Address, challenger: Address, number: int) -> Hash32:
    """Return a dispute's name."""
    return keccak256(encode(["address", "address", "uint256"], [worker, challenger, number]))


def get_foreign_number(opener: Address, key: Hash32, text_root: Hash32) -> int:
    """Return the number of a bisection that another contract opens, which nobody else can take."""
    hashed = keccak256(encode(["address", "bytes32", "bytes32"], [opener, key, text_root]))
    return FOREIGN | int.from_bytes(hashed, "big")


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedItem:
    """The item that a challenge asks for, and whose input and program it is of."""

    results_root: Hash32
    program_id: Hash32
    inputs_root: Hash32
    first_extension: Seconds
    count: int
    index: int

    def hash(self) -> Hash32:
        """Return what stands for it until it is opened."""
        numbers = (self.first_extension, self.count, self.index)
        words = b"".join(number.to_bytes(32, "big") for number in numbers)
        return keccak256(self.results_root + self.program_id + self.inputs_root + words)
