"""A case before the ringers' referee: what each move must show of it.

Not here: who may do what when, which the contract says.
Twin: contracts/referees/searches.vy (Case). Source: design/referees.md, "RingerReferee".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Any, Final, TypeAlias, cast

from eth_abi.abi import encode

from pekanu.crypto.accumulator import RESIDUE_SIZE, encode_residue
from pekanu.crypto.exponentiation import MembershipProof
from pekanu.crypto.keccak import keccak256
from pekanu.types import Address, Hash32, Seconds, parse_address

CASE_ABI: Final = (
    "(bytes32,bytes32,uint256,uint256,address,address,uint256,bytes32,bytes32,bytes32,bytes32)"
)

#: What is stored of a case that is over.
OVER: Final = Hash32((1).to_bytes(32, "big"))
#: Witness, quotient and nonce, as the contract takes a proof.
ProofWords: TypeAlias = tuple[tuple[int, ...], tuple[int, ...], int]


class Kind(IntEnum):
    """What a challenge is about."""

    #: The list shows its fault by itself; ruled at once.
    FAULTY = 0
    #: A ringer is not in the list.
    MISSING = 1
    #: The ringers are to be shown in the accumulator.
    RINGERS = 2
    #: A listed point is to be shown in the accumulator.
    POINT = 3
    #: A listed point's image is to be shown among the targets.
    SOLUTION = 4


class Turn(IntEnum):
    """Whose move a case waits for."""

    #: The worker's answer.
    ANSWER = 1
    #: The client's defence of an image that the worker contests.
    DEFENCE = 2
    #: Either's, in a bisection.
    PLAY = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What is known of a case between two moves; the contract stores its hash."""

    id: Hash32
    task_id: Hash32
    kind: Kind
    turn: Turn
    worker: Address
    #: Who challenged: the client or its agent.
    client: Address
    #: Of the move that is owed.
    deadline: Seconds
    #: The claim's: with one item, its result's leaf.
    results_root: Hash32
    points: Hash32
    #: Of the points, as the client says; of none where it says none.
    images: Hash32
    bisection: Hash32

    @classmethod
    def from_abi(cls, words: Sequence[object]) -> Case:
        """Return the case that an event tells of."""
        fields = dict(zip(cls.__slots__, words, strict=True))
        fields["kind"] = Kind(cast("int", fields["kind"]))
        fields["turn"] = Turn(cast("int", fields["turn"]))
        for name in ("worker", "client"):
            fields[name] = parse_address(cast("str", fields[name]))
        return cls(**cast("dict[str, Any]", fields))

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `CASE_ABI`."""
        return astuple(self)

    def hash(self) -> Hash32:
        """Return what the contract stores."""
        return keccak256(encode([CASE_ABI], [self.to_abi()]))


def get_case_id(task_id: Hash32, kind: Kind, client: Address, points: Sequence[int]) -> Hash32:
    """Return a case's name, by which the market knows its challenge."""
    return _name_case(task_id, kind, client, hash_points(points))


def get_faulty_id(task_id: Hash32, client: Address, leaf: Hash32) -> Hash32:
    """Return the name of a case that is ruled at once, about the result with a leaf."""
    return _name_case(task_id, Kind.FAULTY, client, leaf)


def _name_case(task_id: Hash32, kind: Kind, client: Address, points: Hash32) -> Hash32:
    return keccak256(
        encode(["bytes32", "uint256", "address", "bytes32"], [task_id, kind, client, points])
    )


def hash_points(points: Sequence[int]) -> Hash32:
    """Return what stands for some points."""
    return keccak256(b"".join(point.to_bytes(32, "big") for point in points))


def hash_images(images: Sequence[Hash32]) -> Hash32:
    """Return what stands for their images."""
    return keccak256(encode(["bytes32[]"], [list(images)]))


def split_residue(residue: int) -> tuple[int, ...]:
    """Return a residue's eight words, most significant first."""
    encoded = encode_residue(residue)
    starts = range(0, RESIDUE_SIZE, 32)
    return tuple(int.from_bytes(encoded[start : start + 32], "big") for start in starts)


def split_proof(proof: MembershipProof) -> ProofWords:
    """Return a proof as the contract takes it."""
    return split_residue(proof.witness), split_residue(proof.quotient), proof.nonce
