"""The moves of a dispute, with what each shows.

Not here: the rules (`game`), which move an honest party makes (`strategy`).
Twin: the external calls of contracts/BisectionReferee.vy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from eth_abi.abi import encode

from pekanu.crypto.keccak import keccak256
from pekanu.dispute.dissection import Dissection
from pekanu.dispute.ending import Ending, ProgramParts
from pekanu.dispute.errors import Refused
from pekanu.dispute.place import AskedItem
from pekanu.machine.witness import STATE_ABI, WITNESS_ABI, StepProof
from pekanu.market.claim import RESULT_ABI, Result
from pekanu.types import ZERO_HASH, Address, Hash32, Seconds, Wei

ITEM_ABI: Final = f"(uint256,uint256,{RESULT_ABI},bytes32[],bytes32,bytes32[])"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownItem:
    """An item of a claim with its paths."""

    count: int
    index: int
    result: Result
    result_path: tuple[Hash32, ...] = ()
    input_root: Hash32
    input_path: tuple[Hash32, ...] = ()

    def get_asked(self, program: ProgramParts, first_extension: Seconds) -> AskedItem:
        """Return the item of which this says to be the one.

        Raises:
            Refused: The index does not lie in a tree as high as the path.
        """
        return AskedItem(
            results_root=get_root_of_path(self.result.leaf(), self.index, self.result_path),
            program_id=program.id,
            inputs_root=get_root_of_path(self.input_root, self.index, self.input_path),
            first_extension=first_extension,
            count=self.count,
            index=self.index,
        )

    def to_abi(self) -> tuple[object, ...]:
        """Return the contract's struct."""
        return (
            self.count,
            self.index,
            self.result.to_abi(),
            self.result_path,
            self.input_root,
            self.input_path,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenge:
    """Somebody disputes an item of a delivered claim."""

    item: int = 0
    #: The challenger's own, once against the same worker.
    number: int
    #: Whether it is the client or its agent.
    for_client: bool
    #: At least what `pekanu.dispute.rules.get_bond` says.
    bond: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    """The worker shows its result, that it is of a final state, and its first dissection."""

    sender: Address
    #: The terms'.
    first_extension: Seconds
    program: ProgramParts
    item: ShownItem
    ending: Ending
    #: The states at the ends of the parts but the last.
    points: tuple[Hash32, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Dissect:
    """A party disputes the end of a part by a dissection of its own."""

    sender: Address
    #: Root of the dissection that it answers, and which part of that.
    before: Hash32
    part: int
    #: The state at which the part begins.
    start: Hash32
    points: tuple[Hash32, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Expose:
    """Somebody shows that the last dissection disputes nothing of the one before."""

    sender: Address
    #: The dissection before the last.
    answered: Dissection
    #: The last.
    shown: Dissection


@dataclass(frozen=True, kw_only=True, slots=True)
class Prove:
    """Somebody has a step executed."""

    sender: Address
    #: The last dissection, and which part of it.
    shown: Dissection
    index: int
    program: ProgramParts
    proof: StepProof
    #: What `MachineStep` answers.
    after: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeOut:
    """Somebody ends the dispute by the mover's clock."""

    sender: Address


Move: TypeAlias = Open | Dissect | Expose | Prove | TimeOut


def encode_proof(proof: StepProof) -> bytes:
    """Return what the referee passes on to `MachineStep`, behind the two roots that it knows.

    The arguments' offsets count from their beginning, where those roots stand.
    """
    roots = (ZERO_HASH, ZERO_HASH)
    kinds = ["bytes32", "bytes32", STATE_ABI, WITNESS_ABI]
    return encode(kinds, [*roots, proof.state, proof.witness.to_abi()])[64:]


def get_root_of_path(leaf: Hash32, index: int, path: Sequence[Hash32]) -> Hash32:
    """Return the root that a leaf and all its siblings give. Twin: libraries/merkle.vy.

    Raises:
        Refused: The index does not lie in a tree as high as the path.
    """
    node, position = leaf, index
    for sibling in path:
        node = keccak256(sibling + node if position & 1 else node + sibling)
        position >>= 1
    if position:
        raise Refused.by_merkle("index out of range")
    return node
